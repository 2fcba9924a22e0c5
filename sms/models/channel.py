from django.db import models
from django.db.models import Q

from sms.models.message import MessageTemplate


class ChannelStop(models.Model):
    """A channel that can not send until our set-up is mended; one message at a time probes it."""

    channel = models.CharField(
        max_length=8, primary_key=True, choices=MessageTemplate.Channel, editable=False
    )
    error_code = models.CharField(max_length=16)
    stopped_at = models.DateTimeField()
    probe_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(probe_at__gte=models.F("stopped_at")),
                name="sms_channelstop_probed_later",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} stopped by {self.error_code}"
