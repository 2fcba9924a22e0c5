from django.db import models
from django.db.models import Q

from sms.policies import Reaction


class ErrorPolicy(models.Model):
    """What one of the provider's error codes means for a message; operators may change it."""

    code = models.CharField(max_length=16, primary_key=True)
    reaction = models.CharField(max_length=16, choices=Reaction)
    uses_attempt = models.BooleanField(default=True)
    # Nothing can be sent until our own set-up is mended, so nothing else is tried meanwhile.
    stops_channel = models.BooleanField(default=False)
    note = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        verbose_name_plural = "error policies"
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reaction=Reaction.SET_UP, uses_attempt=False)
                | ~Q(reaction=Reaction.SET_UP) & Q(stops_channel=False),
                name="sms_errorpolicy_only_our_set_up_stops_the_channel",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.reaction}"
