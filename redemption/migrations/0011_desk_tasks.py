import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0010_report_days"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DeskTask",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("call_back", "Call back"),
                            ("reward_not_delivered", "Reward not delivered"),
                            ("bad_number", "Bad number"),
                            ("apology", "Apology"),
                        ],
                        max_length=24,
                    ),
                ),
                ("phone", models.CharField(blank=True, db_default="", max_length=16)),
                ("note", models.CharField(blank=True, db_default="", max_length=500)),
                ("due_at", models.DateTimeField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by", models.CharField(max_length=48)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("done", "Done"),
                            ("not_reached", "Not reached"),
                            ("not_needed", "Not needed"),
                            ("settled", "Settled by itself"),
                        ],
                        db_default="",
                        max_length=16,
                    ),
                ),
                ("done_note", models.CharField(blank=True, db_default="", max_length=500)),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.client",
                    ),
                ),
                (
                    "done_by",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="desk_tasks",
                        to="redemption.recipient",
                    ),
                ),
                (
                    "redemption",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="desk_tasks",
                        to="redemption.redemption",
                    ),
                ),
            ],
            options={
                "ordering": ["due_at", "created_at"],
                "indexes": [
                    models.Index(
                        condition=Q(done_at=None),
                        fields=["client", "due_at"],
                        name="redemption_desktask_open",
                    ),
                    models.Index(fields=["-created_at"], name="redemption_desktask_latest"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(done_at=None),
                        fields=("redemption", "kind"),
                        name="redemption_desktask_one_open_of_a_kind",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            kind__in=[
                                "call_back",
                                "reward_not_delivered",
                                "bad_number",
                                "apology",
                            ]
                        ),
                        name="redemption_desktask_kind_known",
                    ),
                    models.CheckConstraint(
                        condition=Q(done_at=None, done_by=None, outcome="", done_note="")
                        | Q(done_at__isnull=False, done_by__isnull=False)
                        & Q(outcome__in=["done", "not_reached", "not_needed"])
                        | Q(done_at__isnull=False, done_by=None, outcome="settled"),
                        name="redemption_desktask_done_says_by_whom_and_how",
                    ),
                    models.CheckConstraint(
                        condition=Q(recipient__isnull=False)
                        | Q(redemption__isnull=False)
                        | ~Q(phone=""),
                        name="redemption_desktask_is_about_somebody",
                    ),
                ],
            },
        ),
        install("redemption", "desk_tasks", "queue"),
    ]
