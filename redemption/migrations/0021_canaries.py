import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import redemption.models.attempt
from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0010_verifications"),
        ("giftcards", "0013_canaries"),
        ("redemption", "0020_webhook_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="Canary",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("code_digest", models.BinaryField(max_length=32, unique=True)),
                ("note", models.CharField(max_length=300)),
                ("planted_by", models.CharField(max_length=48)),
                ("planted_at", models.DateTimeField()),
                ("retired_by", models.CharField(blank=True, db_default="", max_length=48)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveIntegerField(db_default=0)),
                ("last_tried_at", models.DateTimeField(blank=True, null=True)),
                (
                    "campaign",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="canaries",
                        to="redemption.campaign",
                    ),
                ),
                (
                    "card",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="giftcards.giftcard",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "canaries",
                "ordering": ["-planted_at"],
            },
        ),
        migrations.CreateModel(
            name="CanaryTry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("attempt_id", models.BigIntegerField(unique=True)),
                ("at", models.DateTimeField()),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("form", "Form"),
                            ("validate", "Look at a code (API)"),
                            ("redeem", "Redeem (API)"),
                            ("provision", "Provision (API)"),
                            ("desk", "Desk"),
                        ],
                        max_length=16,
                    ),
                ),
                ("network", redemption.models.attempt.NetworkField(max_length=43, null=True)),
                ("caller", models.CharField(blank=True, max_length=48)),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("tried", "Let in"),
                            ("unknown_code", "Unknown code"),
                            ("wrong_factor", "Wrong second factor"),
                            ("repeat", "Repeat"),
                            ("rate_limited", "Too many attempts"),
                            ("blocked", "Blocked"),
                        ],
                        max_length=16,
                    ),
                ),
                ("request_id", models.CharField(blank=True, max_length=64)),
                (
                    "noted_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "canary",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trail",
                        to="redemption.canary",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "canary tries",
                "ordering": ["-pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="canary",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("campaign", None), ("card__isnull", False)),
                    models.Q(("campaign__isnull", False), ("card", None)),
                    _connector="OR",
                ),
                name="redemption_canary_lies_in_one_place",
            ),
        ),
        install("redemption", "canaries"),
    ]
