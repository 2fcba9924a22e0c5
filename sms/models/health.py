from django.db import models


class PhoneHealth(models.Model):
    """A number that no text reaches, as the provider said last; gone once one arrives."""

    phone = models.CharField(max_length=16, primary_key=True)
    error_code = models.CharField(max_length=16)
    failed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "bad phone numbers"
        ordering = ["-failed_at"]

    def __str__(self) -> str:
        return f"bad since {self.failed_at}"
