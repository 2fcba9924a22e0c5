import uuid

import django.db.models.functions.datetime
from django.db import migrations, models

import redemption.models.attempt
from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("redemption", "0012_rules"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressClearing",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("network", redemption.models.attempt.NetworkField(max_length=43)),
                ("reason", models.CharField(max_length=300)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by", models.CharField(max_length=48)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lifted_by", models.CharField(blank=True, db_default="", max_length=48)),
                ("lift_reason", models.CharField(blank=True, db_default="", max_length=300)),
            ],
            options={
                "ordering": ["-created_at"],
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="AddressAllow",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("network", redemption.models.attempt.NetworkField(max_length=43)),
                ("reason", models.CharField(max_length=300)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by", models.CharField(max_length=48)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lifted_by", models.CharField(blank=True, db_default="", max_length=48)),
                ("lift_reason", models.CharField(blank=True, db_default="", max_length=300)),
            ],
            options={
                "ordering": ["-created_at"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("until", None), ("until__gt", models.F("created_at")), _connector="OR"
                        ),
                        name="redemption_addressallow_ends_after_it_begins",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AddressBlock",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("network", redemption.models.attempt.NetworkField(max_length=43)),
                ("reason", models.CharField(max_length=300)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("created_by", models.CharField(max_length=48)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lifted_by", models.CharField(blank=True, db_default="", max_length=48)),
                ("lift_reason", models.CharField(blank=True, db_default="", max_length=300)),
            ],
            options={
                "ordering": ["-created_at"],
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("until", None), ("until__gt", models.F("created_at")), _connector="OR"
                        ),
                        name="redemption_addressblock_ends_after_it_begins",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AttemptLog",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
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
                ("counts_address", models.BooleanField()),
                ("caller", models.CharField(blank=True, max_length=48)),
                ("code_digest", models.BinaryField()),
                ("form", models.CharField(blank=True, max_length=36)),
                ("attempt", models.UUIDField()),
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
                ("limit", models.CharField(blank=True, max_length=16)),
                ("request_id", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "ordering": ["-at", "-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(
                            ("counts_address", True),
                            ("result__in", ["tried", "unknown_code", "wrong_factor"]),
                        ),
                        fields=["network", "at"],
                        name="redemption_attempt_counted",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("result__in", ["tried", "unknown_code", "wrong_factor"])
                        ),
                        fields=["code_digest", "at"],
                        name="redemption_attempt_by_code",
                    ),
                    models.Index(
                        condition=models.Q(
                            models.Q(("caller", ""), _negated=True),
                            ("result__in", ["unknown_code", "wrong_factor"]),
                        ),
                        fields=["caller", "at"],
                        name="redemption_attempt_failed",
                    ),
                    models.Index(fields=["network", "at"], name="redemption_attempt_by_address"),
                    models.Index(fields=["at"], name="redemption_attempt_by_time"),
                ],
            },
        ),
        migrations.CreateModel(
            name="FormBreaker",
            fields=[
                ("form", models.CharField(max_length=36, primary_key=True, serialize=False)),
                ("checked_at", models.DateTimeField()),
                ("slowed_at", models.DateTimeField(null=True)),
                ("slowed_until", models.DateTimeField(null=True)),
                ("attempts", models.PositiveIntegerField(db_default=0)),
                ("unknown", models.PositiveIntegerField(db_default=0)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("slowed_until__isnull", False)),
                        fields=["slowed_until"],
                        name="redemption_formbreaker_slowed",
                    )
                ],
            },
        ),
        install("redemption", "attempts"),
    ]
