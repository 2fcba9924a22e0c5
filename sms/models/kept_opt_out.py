from django.db import models

from credit.models import Client


class KeptOptOut(models.Model):
    """The STOP of a person whose data were erased: kept by the number's digest, until they are
    heard of again (Note [Kept opt-outs] in sms/services/kept_opt_outs.py).
    """

    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, related_name="kept_opt_outs", db_index=False
    )
    phone_digest = models.BinaryField(max_length=32)
    # The opt-in that it stands for, which is gone.
    opt_in_id = models.BigIntegerField(unique=True)
    opted_out_at = models.DateTimeField()
    kept_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["phone_digest", "client"], name="sms_keptoptout_one_per_number"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
