import uuid

from django.db import models


class MonitorRun(models.Model):
    """One run of the monitors: what each found, and which alerts stood because of it."""

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        BROKEN_OFF = "broken_off", "Broken off"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=16, choices=State)
    started_at = models.DateTimeField()
    # By the database's clock: until then nobody else runs. Whoever runs prolongs it on the way.
    leased_until = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    # How many alerts were opened by it.
    generated = models.PositiveIntegerField(default=0)
    # How many things each monitor found, by its name.
    breakdown = models.JSONField(default=dict)
    # The alerts of what was found, as they were then: an answer that is repeated prints them. Of a
    # run that nobody can ask for again there are none.
    alerts = models.JSONField(default=list)

    class Meta:
        ordering = ["-started_at"]
        indexes = [models.Index(fields=["-started_at"], name="alerts_monitorrun_newest")]
        constraints = [
            models.UniqueConstraint(
                fields=["state"],
                condition=models.Q(state="running"),
                name="alerts_monitorrun_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["running", "broken_off"], duration_ms=None)
                | models.Q(state="done", duration_ms__isnull=False),
                name="alerts_monitorrun_done_has_its_duration",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.state}"
