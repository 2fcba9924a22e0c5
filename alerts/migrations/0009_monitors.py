import uuid

from django.db import migrations, models

from alerts.sqlfiles import install


class Migration(migrations.Migration):
    dependencies = [("alerts", "0008_webhooks")]

    operations = [
        install("alerts", "analyze"),
        migrations.CreateModel(
            name="MonitorRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("broken_off", "Broken off"),
                        ],
                        max_length=16,
                    ),
                ),
                ("started_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField()),
                ("duration_ms", models.PositiveIntegerField(blank=True, null=True)),
                ("generated", models.PositiveIntegerField(default=0)),
                ("breakdown", models.JSONField(default=dict)),
                ("alerts", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["-started_at"],
                "indexes": [models.Index(fields=["-started_at"], name="alerts_monitorrun_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("state",),
                        name="alerts_monitorrun_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("duration_ms", None), ("state__in", ["running", "broken_off"])
                        )
                        | models.Q(("duration_ms__isnull", False), ("state", "done")),
                        name="alerts_monitorrun_done_has_its_duration",
                    ),
                ],
            },
        ),
    ]
