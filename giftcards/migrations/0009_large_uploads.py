import django.db.models.deletion
from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [
        ("giftcards", "0008_buffers"),
    ]

    operations = [
        migrations.CreateModel(
            name="UploadJob",
            fields=[
                (
                    "batch",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="job",
                        serialize=False,
                        to="giftcards.cardbatch",
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("receive", "Receive"),
                            ("check", "Check"),
                            ("import", "Import"),
                            ("undo", "Undo"),
                            ("clear", "Clear"),
                        ],
                        max_length=16,
                    ),
                ),
                ("mode", models.CharField(blank=True, db_default="", max_length=16)),
                ("actor", models.CharField(max_length=48)),
                ("rows_done", models.PositiveIntegerField(default=0)),
                ("rows_total", models.PositiveIntegerField(default=0)),
                ("rejects", models.JSONField(blank=True, default=list)),
                ("rejected", models.PositiveIntegerField(default=0)),
                ("note", models.CharField(blank=True, db_default="", max_length=300)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("stop_asked_at", models.DateTimeField(blank=True, null=True)),
                ("changed_at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name="stagedcard",
            name="giftcards_staged",
        ),
        migrations.AlterField(
            model_name="cardbatch",
            name="state",
            field=models.CharField(
                choices=[
                    ("receiving", "Being received"),
                    ("checking", "Being checked"),
                    ("previewed", "Waits to be confirmed"),
                    ("importing", "Being imported"),
                    ("imported", "Imported"),
                    ("refused", "Refused"),
                    ("stopped", "Stopped"),
                    ("failed", "Failed"),
                    ("undone", "Undone"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="stagedcard",
            index=models.Index(fields=["batch_id", "line"], name="giftcards_staged_line"),
        ),
        migrations.AddIndex(
            model_name="uploadjob",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["due_at"],
                name="giftcards_uploadjob_due",
            ),
        ),
        install("giftcards", "batch_guards", "stock_staged", "upload_policies"),
    ]
