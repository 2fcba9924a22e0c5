import uuid

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0005_notices")]

    operations = [
        migrations.CreateModel(
            name="JobLease",
            fields=[
                ("job", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("holder", models.UUIDField(blank=True, null=True)),
                ("task", models.CharField(blank=True, max_length=200)),
                ("host", models.CharField(blank=True, max_length=200)),
                (
                    "rung_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("clock", "the clock"),
                            ("person", "a person"),
                            ("recovery", "again, after a loss"),
                            ("bell", "the bell"),
                        ],
                        max_length=16,
                    ),
                ),
                ("asked_by", models.UUIDField(blank=True, null=True)),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("limit_at", models.DateTimeField(blank=True, null=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("clock_started_at", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("lost", "Lost: its worker ended or froze"),
                        ],
                        max_length=16,
                    ),
                ),
                ("succeeded_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("duration_ms", models.PositiveBigIntegerField(blank=True, null=True)),
                ("error_type", models.CharField(blank=True, max_length=200)),
                ("error_words", models.CharField(blank=True, max_length=400)),
                ("failures_in_a_row", models.PositiveIntegerField(default=0)),
                ("losses_in_a_row", models.PositiveIntegerField(default=0)),
                (
                    "steady_since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "expected_since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("wanted_at", models.DateTimeField(blank=True, null=True)),
                ("wanted_by", models.UUIDField(blank=True, null=True)),
                ("switched_off_at", models.DateTimeField(blank=True, null=True)),
                ("switched_off_by", models.UUIDField(blank=True, null=True)),
                ("switch_reason", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="JobRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("job", models.CharField(max_length=200)),
                ("task", models.CharField(max_length=200)),
                (
                    "rung_by",
                    models.CharField(
                        choices=[
                            ("clock", "the clock"),
                            ("person", "a person"),
                            ("recovery", "again, after a loss"),
                            ("bell", "the bell"),
                        ],
                        max_length=16,
                    ),
                ),
                ("asked_by", models.UUIDField(blank=True, null=True)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("lost", "Lost: its worker ended or froze"),
                        ],
                        max_length=16,
                    ),
                ),
                ("runs", models.PositiveIntegerField(default=1)),
                ("duration_ms", models.PositiveBigIntegerField(default=0)),
                ("longest_ms", models.PositiveBigIntegerField(default=0)),
                ("counts", models.JSONField(blank=True, default=dict)),
                ("error_type", models.CharField(blank=True, max_length=200)),
                ("error_words", models.CharField(blank=True, max_length=400)),
                ("host", models.CharField(blank=True, max_length=200)),
                ("fold", models.CharField(blank=True, max_length=300, null=True)),
            ],
            options={
                "ordering": ["-started_at"],
            },
        ),
        migrations.AddConstraint(
            model_name="joblease",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("holder__isnull", True), ("leased_until__isnull", True)),
                    models.Q(
                        ("holder__isnull", False),
                        ("leased_until__isnull", False),
                        ("started_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="alerts_joblease_held_until_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="jobrun",
            index=models.Index(fields=["job", "-started_at"], name="alerts_jobrun_of_job"),
        ),
        migrations.AddIndex(
            model_name="jobrun",
            index=models.Index(fields=["started_at"], name="alerts_jobrun_by_age"),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.UniqueConstraint(
                fields=("job", "fold"), name="alerts_jobrun_one_per_fold"
            ),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.CheckConstraint(
                condition=models.Q(("outcome__in", ["succeeded", "failed", "lost"])),
                name="alerts_jobrun_outcome_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="jobrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("outcome", "lost"), ("ended_at__isnull", False), _connector="OR"
                ),
                name="alerts_jobrun_ended_unless_lost",
            ),
        ),
    ]
