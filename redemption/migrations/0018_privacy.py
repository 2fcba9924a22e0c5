import uuid

import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q, Value

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0004_emptying"),
        ("credit", "0016_privacy_permission"),
        ("redemption", "0016_recipient_uploads"),
        ("sms", "0009_privacy"),
    ]

    operations = [
        migrations.AddField(
            model_name="recipient",
            name="erased_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "recipient_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), size=None
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("requested_by", models.CharField(max_length=48)),
                ("requested_at", models.DateTimeField()),
                ("erased_at", models.DateTimeField(blank=True, null=True)),
                (
                    "counts",
                    models.JSONField(db_default=Value({}, output_field=models.JSONField())),
                ),
                (
                    "provider_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=64),
                        db_default=Value([]),
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "waits_for",
                    models.CharField(blank=True, db_default="", max_length=300),
                ),
                ("next_attempt_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-requested_at"],
                "indexes": [
                    models.Index(
                        condition=Q(next_attempt_at__isnull=False),
                        fields=["next_attempt_at"],
                        name="redemption_erasure_due",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(next_attempt_at__isnull=False)
                        | Q(erased_at__isnull=False, provider_ids=[]),
                        name="redemption_erasure_goes_on_until_done",
                    ),
                ],
            },
        ),
        install("redemption", "privacy"),
    ]
