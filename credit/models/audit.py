import uuid

from django.db import models
from django.db.models.functions import Now

from credit.models.organisation import Agency, Client


class AuditEvent(models.Model):
    """Somebody changed what is agreed, who may do what, or where money goes. Never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    at = models.DateTimeField(db_default=Now())
    # "user:<id>", "key:<id>", "system".
    actor = models.CharField(max_length=48)
    # What was done, as an object and a past participle: "budget.switched".
    action = models.CharField(max_length=48)
    # What it was done to, which may stand in an app above: "campaign" and its id.
    object_kind = models.CharField(max_length=32)
    object_id = models.CharField(max_length=48)
    # The fields that changed: {"before": {…}, "after": {…}, "reason": "…"}; no code, key, password
    # or phone number.
    details = models.JSONField(db_default=models.Value({}, output_field=models.JSONField()))
    agency = models.ForeignKey(
        Agency, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    request_id = models.CharField(max_length=64, blank=True, db_default="")

    class Meta:
        ordering = ["-at"]
        indexes = [
            models.Index(fields=["-at"], name="credit_audit_newest"),
            models.Index(fields=["object_kind", "object_id"], name="credit_audit_object"),
        ]

    def __str__(self) -> str:
        return f"#{self.id} {self.action}"
