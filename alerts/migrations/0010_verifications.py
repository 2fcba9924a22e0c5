import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0009_monitors")]

    operations = [
        migrations.CreateModel(
            name="Verification",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("asked_by", models.CharField(max_length=48)),
                ("asked_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("is_whole", models.BooleanField(default=False)),
                ("names", models.JSONField(default=list)),
                ("proofs", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["-asked_at"],
                "indexes": [models.Index(fields=["-asked_at"], name="alerts_verification_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("finished_at", None), ("started_at__isnull", False), _connector="OR"
                        ),
                        name="alerts_verification_ends_after_it_starts",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("started_at", None)),
                        fields=("is_whole",),
                        name="alerts_verification_asked_once",
                    ),
                ],
            },
        )
    ]
