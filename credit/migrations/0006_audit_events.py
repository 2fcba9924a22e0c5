import uuid

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("credit", "0005_sign_in"), ("alerts", "0002_functions")]

    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("at", models.DateTimeField(db_default=Now())),
                ("actor", models.CharField(max_length=48)),
                ("action", models.CharField(max_length=48)),
                ("object_kind", models.CharField(max_length=32)),
                ("object_id", models.CharField(max_length=48)),
                (
                    "details",
                    models.JSONField(db_default=models.Value({}, output_field=models.JSONField())),
                ),
                ("request_id", models.CharField(blank=True, db_default="", max_length=64)),
                (
                    "agency",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.agency",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.client",
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "indexes": [
                    models.Index(fields=["-at"], name="credit_audit_newest"),
                    models.Index(fields=["object_kind", "object_id"], name="credit_audit_object"),
                ],
            },
        ),
        install("credit", "audit_guards"),
        migrations.AddField(
            model_name="apikey",
            name="replaced_by",
            field=models.OneToOneField(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaces",
                to="credit.apikey",
            ),
        ),
    ]
