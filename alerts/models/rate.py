from django.contrib.postgres.fields import ArrayField
from django.db import models


class RateCount(models.Model):
    """When something limited was last done; only counted here while Redis is away."""

    key = models.CharField(max_length=120, primary_key=True)
    times = ArrayField(models.DateTimeField())
    last_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"last at {self.last_at}"
