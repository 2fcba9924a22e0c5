import uuid

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0004_emptying")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "delivery_id",
                    models.UUIDField(
                        db_default=django.contrib.postgres.functions.RandomUUID(),
                        editable=False,
                        unique=True,
                    ),
                ),
                ("reference", models.CharField(blank=True, db_default="", max_length=120)),
                (
                    "event",
                    models.CharField(
                        choices=[
                            ("opened", "Raised"),
                            ("escalated", "Graver now"),
                            ("reminder", "Reminder"),
                            ("resolved", "Over"),
                            ("step", "Incident"),
                            ("test", "Test"),
                        ],
                        max_length=16,
                    ),
                ),
                ("occurrence", models.PositiveSmallIntegerField(db_default=0, default=0)),
                (
                    "channel",
                    models.CharField(
                        choices=[("slack", "Slack"), ("email", "E-mail"), ("webhook", "Webhook")],
                        max_length=16,
                    ),
                ),
                ("target", models.CharField(max_length=254)),
                (
                    "severity",
                    models.CharField(
                        choices=[
                            ("critical", "Critical"),
                            ("warning", "Warning"),
                            ("info", "Info"),
                        ],
                        max_length=16,
                    ),
                ),
                ("subject", models.CharField(max_length=200)),
                ("text", models.TextField(blank=True, db_default="")),
                ("path", models.CharField(blank=True, db_default="", max_length=200)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "To be sent"),
                            ("sent", "Sent"),
                            ("failed", "Given up"),
                        ],
                        db_default="queued",
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("tries", models.PositiveIntegerField(db_default=0, default=0)),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("give_up_at", models.DateTimeField()),
                ("last_error", models.CharField(blank=True, db_default="", max_length=200)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="NoticeRoute",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                (
                    "channel",
                    models.CharField(
                        choices=[("slack", "Slack"), ("email", "E-mail"), ("webhook", "Webhook")],
                        max_length=16,
                    ),
                ),
                ("email", models.EmailField(blank=True, db_default="", default="", max_length=254)),
                ("url_encrypted", models.TextField(blank=True, db_default="", default="")),
                ("secret_encrypted", models.TextField(blank=True, db_default="", default="")),
                (
                    "minimum_severity",
                    models.CharField(
                        choices=[
                            ("critical", "Critical"),
                            ("warning", "Warning"),
                            ("info", "Info"),
                        ],
                        default="warning",
                        max_length=16,
                    ),
                ),
                ("client_id", models.UUIDField(blank=True, null=True)),
                ("is_active", models.BooleanField(db_default=True, default=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        migrations.AddField(
            model_name="alert",
            name="monitor",
            field=models.CharField(blank=True, db_default="", max_length=64),
        ),
        migrations.AddField(
            model_name="alert",
            name="reminded_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="reminders",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="alert",
            name="risen_by",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="severity_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("state__in", ["open", "acknowledged"])),
                fields=["monitor"],
                name="alerts_alert_of_monitor",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="alert",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to="alerts.alert",
            ),
        ),
        migrations.AddConstraint(
            model_name="noticeroute",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("channel", "email"),
                        ("secret_encrypted", ""),
                        ("url_encrypted", ""),
                        models.Q(("email", ""), _negated=True),
                    ),
                    models.Q(
                        ("channel", "slack"),
                        ("email", ""),
                        ("secret_encrypted", ""),
                        models.Q(("url_encrypted", ""), _negated=True),
                    ),
                    models.Q(
                        ("channel", "webhook"),
                        ("email", ""),
                        models.Q(("url_encrypted", ""), _negated=True),
                        models.Q(("secret_encrypted", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="alerts_noticeroute_has_what_its_channel_takes",
            ),
        ),
        migrations.AddConstraint(
            model_name="noticeroute",
            constraint=models.CheckConstraint(
                condition=models.Q(("minimum_severity__in", ["critical", "warning", "info"])),
                name="alerts_noticeroute_severity_known",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="route",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="notices",
                to="alerts.noticeroute",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("state", "queued")),
                fields=["next_attempt_at"],
                name="alerts_notice_due",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("state", "sent"), _negated=True),
                fields=["channel", "target"],
                name="alerts_notice_not_sent",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("alert__isnull", False)),
                fields=("alert", "event", "occurrence", "channel", "target"),
                name="alerts_notice_once_per_alert",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("alert__isnull", True)),
                fields=("reference", "event", "occurrence", "channel", "target"),
                name="alerts_notice_once_per_reference",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("alert__isnull", False), ("reference", "")),
                    models.Q(("alert__isnull", True), models.Q(("reference", ""), _negated=True)),
                    _connector="OR",
                ),
                name="alerts_notice_is_about_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("channel", "email"), ("target__contains", "@")),
                    models.Q(
                        ("channel__in", ["slack", "webhook"]),
                        ("route__isnull", True),
                        ("target", "settings"),
                    ),
                    models.Q(
                        ("channel__in", ["slack", "webhook"]),
                        ("route__isnull", False),
                        ("target__startswith", "route:"),
                    ),
                    _connector="OR",
                ),
                name="alerts_notice_names_no_secret_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("next_attempt_at__isnull", False),
                        ("sent_at__isnull", True),
                        ("state", "queued"),
                    ),
                    models.Q(
                        ("leased_until__isnull", True),
                        ("next_attempt_at__isnull", True),
                        ("sent_at__isnull", False),
                        ("state", "sent"),
                    ),
                    models.Q(
                        ("leased_until__isnull", True),
                        ("next_attempt_at__isnull", True),
                        ("sent_at__isnull", True),
                        ("state", "failed"),
                        models.Q(("last_error", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="alerts_notice_is_due_or_at_its_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("leased_until__isnull", True), ("tries__gt", 0), _connector="OR"
                ),
                name="alerts_notice_in_hand_was_tried",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(("give_up_at__gte", models.F("created_at"))),
                name="alerts_notice_given_up_later",
            ),
        ),
    ]
