import uuid

from django.db import models
from django.db.models.functions import Now


class RungBy(models.TextChoices):
    """Who asked for a run."""

    CLOCK = "clock", "the clock"
    PERSON = "person", "a person"
    RECOVERY = "recovery", "again, after a loss"
    BELL = "bell", "the bell"


class JobRun(models.Model):
    """One run of a job, or ``runs`` runs alike within one hour; see Note [What is recorded]."""

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        LOST = "lost", "Lost: its worker ended or froze"

    # The lease's holder, so that a run that was taken for lost and ends after all is found again.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.CharField(max_length=200)
    task = models.CharField(max_length=200)
    rung_by = models.CharField(max_length=16, choices=RungBy)
    asked_by = models.UUIDField(null=True, blank=True)
    started_at = models.DateTimeField()
    # Of several: the end of the last.
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=Outcome)
    runs = models.PositiveIntegerField(default=1)
    # Of several: of all of them together.
    duration_ms = models.PositiveBigIntegerField(default=0)
    longest_ms = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    error_type = models.CharField(max_length=200, blank=True)
    error_words = models.CharField(max_length=400, blank=True)
    host = models.CharField(max_length=200, blank=True)
    # The hour and what is alike, where runs are told together.
    fold = models.CharField(max_length=300, null=True, blank=True)

    class Meta:
        ordering = ["-started_at"]
        indexes = [
            models.Index(fields=["job", "-started_at"], name="alerts_jobrun_of_job"),
            models.Index(fields=["started_at"], name="alerts_jobrun_by_age"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["job", "fold"], name="alerts_jobrun_one_per_fold"),
            models.CheckConstraint(
                condition=models.Q(outcome__in=["succeeded", "failed", "lost"]),
                name="alerts_jobrun_outcome_known",
            ),
            models.CheckConstraint(
                condition=models.Q(outcome="lost") | models.Q(ended_at__isnull=False),
                name="alerts_jobrun_ended_unless_lost",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.outcome}"


class JobLease(models.Model):
    """Who runs a job now, how it went last, and whether somebody has switched it off."""

    job = models.CharField(max_length=200, primary_key=True)
    # Who has it, and until when nobody else does: Note [Job lease].
    holder = models.UUIDField(null=True, blank=True)
    task = models.CharField(max_length=200, blank=True)
    host = models.CharField(max_length=200, blank=True)
    rung_by = models.CharField(max_length=16, choices=RungBy, blank=True)
    asked_by = models.UUIDField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    # However long it goes on, its lease is not made longer than this.
    limit_at = models.DateTimeField(null=True, blank=True)
    # Of the last runs; the bell's are not among them.
    started_at = models.DateTimeField(null=True, blank=True)
    clock_started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=16, choices=JobRun.Outcome, blank=True)
    succeeded_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.PositiveBigIntegerField(null=True, blank=True)
    error_type = models.CharField(max_length=200, blank=True)
    error_words = models.CharField(max_length=400, blank=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    losses_in_a_row = models.PositiveIntegerField(default=0)
    # Since when it has been run without a long pause, and since when runs are expected of it.
    steady_since = models.DateTimeField(db_default=Now())
    expected_since = models.DateTimeField(db_default=Now())
    # "Run now" that no worker has begun yet.
    wanted_at = models.DateTimeField(null=True, blank=True)
    wanted_by = models.UUIDField(null=True, blank=True)
    switched_off_at = models.DateTimeField(null=True, blank=True)
    switched_off_by = models.UUIDField(null=True, blank=True)
    switch_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(holder__isnull=True, leased_until__isnull=True)
                | models.Q(
                    holder__isnull=False, leased_until__isnull=False, started_at__isnull=False
                ),
                name="alerts_joblease_held_until_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.job} {'held' if self.holder else 'free'}"
