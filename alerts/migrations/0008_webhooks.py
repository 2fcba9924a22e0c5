import uuid

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("alerts", "0007_incidents")]

    operations = [
        migrations.CreateModel(
            name="WebhookEndpoint",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("client_id", models.UUIDField(blank=True, null=True)),
                ("agency_id", models.UUIDField(blank=True, null=True)),
                ("url", models.CharField(max_length=500)),
                ("description", models.CharField(blank=True, db_default="", max_length=120)),
                (
                    "events",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), size=None
                    ),
                ),
                ("secret_encrypted", models.TextField()),
                ("previous_secret_encrypted", models.TextField(blank=True, db_default="")),
                ("previous_secret_until", models.DateTimeField(blank=True, null=True)),
                ("secret_number", models.PositiveIntegerField(db_default=1)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("paused", "Paused"),
                            ("disabled", "Disabled"),
                        ],
                        default="active",
                        max_length=16,
                    ),
                ),
                ("reason", models.CharField(blank=True, db_default="", max_length=200)),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                ("flagged_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, db_default="", max_length=200)),
                ("last_error_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "ordering": ["created_at", "pk"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "disabled"), _negated=True),
                        fields=["client_id"],
                        name="alerts_webhook_by_client",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("client_id__isnull", True),
                            ("agency_id__isnull", True),
                            _connector="OR",
                        ),
                        name="alerts_webhook_of_one_organisation",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["active", "paused", "disabled"])),
                        name="alerts_webhook_state_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("previous_secret_encrypted", ""), ("previous_secret_until", None)
                            ),
                            models.Q(
                                models.Q(("previous_secret_encrypted", ""), _negated=True),
                                ("previous_secret_until__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="alerts_webhook_old_secret_has_its_end",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookDelivery",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("event_id", models.UUIDField()),
                ("event_type", models.CharField(max_length=40)),
                ("dedupe_key", models.CharField(max_length=160)),
                ("body", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "On its way"),
                            ("delivered", "Delivered"),
                            ("failed", "Given up"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(db_default=0)),
                (
                    "tries",
                    models.JSONField(db_default=models.Value([], output_field=models.JSONField())),
                ),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "endpoint",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deliveries",
                        to="alerts.webhookendpoint",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
                "indexes": [
                    models.Index(
                        fields=["endpoint", "created_at"], name="alerts_delivery_by_endpoint"
                    ),
                    models.Index(fields=["created_at"], name="alerts_delivery_by_time"),
                    models.Index(
                        condition=models.Q(("next_attempt_at__isnull", False)),
                        fields=["endpoint", "next_attempt_at"],
                        name="alerts_delivery_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("endpoint", "dedupe_key"),
                        name="alerts_delivery_once_per_occurrence",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("finished_at", None),
                                ("next_attempt_at__isnull", False),
                                ("state", "pending"),
                            ),
                            models.Q(
                                ("finished_at__isnull", False),
                                ("next_attempt_at", None),
                                ("state__in", ["delivered", "failed"]),
                            ),
                            _connector="OR",
                        ),
                        name="alerts_delivery_pending_has_its_time",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookLevel",
            fields=[
                (
                    "key",
                    models.CharField(max_length=100, primary_key=True, serialize=False),
                ),
                ("level", models.CharField(max_length=16)),
                ("number", models.PositiveIntegerField(db_default=0)),
                (
                    "changed_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
        ),
        install("alerts", "webhooks"),
    ]
