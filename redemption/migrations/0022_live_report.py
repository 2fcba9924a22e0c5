import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0021_canaries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DailyReportMail",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("due", "To be sent"),
                            ("sending", "Being sent"),
                            ("sent", "Sent"),
                            ("not_wanted", "No longer wanted"),
                            ("not_entitled", "No longer theirs to see"),
                            ("refused", "Refused by the mail server"),
                            ("given_up", "Given up"),
                        ],
                        db_default="due",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(db_default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.CharField(blank=True, db_default="", max_length=120)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="ReportSubscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.PositiveSmallIntegerField()),
                ("time_zone", models.CharField(max_length=64)),
                ("last_day", models.DateField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="provisioningtrace",
            index=models.Index(
                condition=models.Q(("status", "refused")),
                fields=["at"],
                include=("error_code", "redemption_id"),
                name="redemption_trace_refused",
            ),
        ),
        migrations.AddField(
            model_name="dailyreportmail",
            name="user",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="reportsubscription",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="report_subscription",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="dailyreportmail",
            index=models.Index(
                condition=models.Q(("next_attempt_at__isnull", False)),
                fields=["next_attempt_at"],
                name="redemption_reportmail_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyreportmail",
            constraint=models.UniqueConstraint(
                fields=("user", "day"), name="redemption_dailyreportmail_once_a_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyreportmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("next_attempt_at__isnull", False), ("state__in", ["due", "sending"])),
                    models.Q(
                        ("next_attempt_at", None),
                        (
                            "state__in",
                            ["sent", "not_wanted", "not_entitled", "refused", "given_up"],
                        ),
                    ),
                    _connector="OR",
                ),
                name="redemption_dailyreportmail_due_until_it_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="dailyreportmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("sent_at__isnull", False), ("state", "sent")),
                    models.Q(models.Q(("state", "sent"), _negated=True), ("sent_at", None)),
                    _connector="OR",
                ),
                name="redemption_dailyreportmail_sent_has_its_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="reportsubscription",
            constraint=models.CheckConstraint(
                condition=models.Q(("hour__lte", 23)), name="redemption_subscription_hour_of_a_day"
            ),
        ),
    ]
