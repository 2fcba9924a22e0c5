import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from alerts.sqlfiles import install

# A file that was imported before is known by the record that was kept of it until now.
_KEEP_KNOWN_FILES = """
    INSERT INTO redemption_recipientbatch
        (id, campaign_id, client_id, file_name, file_hash, state, rows, accepted, rejected,
         rejects, actor, created_at)
    SELECT gen_random_uuid(), c.id, c.client_id, '', i.fingerprint, 'imported', 0, 0, 0, '[]',
        'system', i.created_at
    FROM credit_idempotencyrecord i
    JOIN redemption_campaign c ON i.owner = 'campaign:' || c.id
    WHERE starts_with(i.key, 'recipients:');
    -- What is still to be checked at commit would forbid the changes of the table that follow.
    SET CONSTRAINTS ALL IMMEDIATE
"""
_FORGET_RECORDS = """
    DELETE FROM credit_idempotencyrecord
    WHERE starts_with(owner, 'campaign:') AND starts_with(key, 'recipients:')
"""


class Migration(migrations.Migration):
    dependencies = [("redemption", "0015_events")]

    operations = [
        migrations.CreateModel(
            name="RecipientBatch",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("file_name", models.CharField(max_length=255)),
                ("file_hash", models.BinaryField(max_length=32)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("imported", "Imported"),
                            ("refused", "Refused"),
                            ("undone", "Undone"),
                        ],
                        max_length=16,
                    ),
                ),
                ("rows", models.PositiveIntegerField(default=0)),
                ("accepted", models.PositiveIntegerField(default=0)),
                ("rejected", models.PositiveIntegerField(default=0)),
                ("rejects", models.JSONField(blank=True, default=list)),
                ("actor", models.CharField(max_length=48)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="batches",
                        to="redemption.campaign",
                    ),
                ),
                (
                    "client",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="credit.client",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "recipient batches",
                "ordering": ["-created_at"],
                "indexes": [
                    models.Index(fields=["-created_at"], name="redemption_recipientbatch_new")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "imported")),
                        fields=("campaign", "file_hash"),
                        name="redemption_recipientbatch_file_imported_once",
                    )
                ],
            },
        ),
        migrations.AddField(
            model_name="recipient",
            name="batch",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="recipients",
                to="redemption.recipientbatch",
            ),
        ),
        migrations.AddField(
            model_name="recipient",
            name="line",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="recipient",
            index=models.Index(
                condition=models.Q(("batch__isnull", False)),
                fields=["batch", "line"],
                name="redemption_recipient_batch",
            ),
        ),
        migrations.RunSQL(_KEEP_KNOWN_FILES, migrations.RunSQL.noop),
        migrations.RunSQL(_FORGET_RECORDS, migrations.RunSQL.noop),
        install("redemption", "recipient_batches"),
    ]
