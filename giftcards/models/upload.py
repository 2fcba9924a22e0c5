from django.db import models

from giftcards.models.card import CardBatch


class UploadJob(models.Model):
    """What is under way with a large upload: who has it in hand, and how far it is."""

    class Step(models.TextChoices):
        RECEIVE = "receive", "Receive"
        CHECK = "check", "Check"
        IMPORT = "import", "Import"
        UNDO = "undo", "Undo"
        # Nothing comes of it any more: its staged rows go.
        CLEAR = "clear", "Clear"

    batch = models.OneToOneField(
        CardBatch, on_delete=models.CASCADE, primary_key=True, related_name="job"
    )
    step = models.CharField(max_length=16, choices=Step)
    # all_or_nothing or valid_rows, once it was confirmed.
    mode = models.CharField(max_length=16, blank=True, db_default="")
    # Who asked for the step.
    actor = models.CharField(max_length=48)
    rows_done = models.PositiveIntegerField(default=0)
    rows_total = models.PositiveIntegerField(default=0)
    # Rows that were refused as they came in, before anything was compared with the stock:
    # [{line, field, message}] of the first, and how many.
    rejects = models.JSONField(default=list, blank=True)
    rejected = models.PositiveIntegerField(default=0)
    # Why it ended as it did, in a sentence for who reads the page.
    note = models.CharField(max_length=300, blank=True, db_default="")
    attempts = models.PositiveSmallIntegerField(default=0)
    # Empty while there is nothing for a worker to do.
    due_at = models.DateTimeField(null=True, blank=True)
    # Renewed all the time by who has it in hand; past, they have died.
    leased_until = models.DateTimeField(null=True, blank=True)
    stop_asked_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(due_at__isnull=False),
                name="giftcards_uploadjob_due",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.step}"
