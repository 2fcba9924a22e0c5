"""Whether a number is known to be bad."""

import dataclasses
from datetime import datetime

from sms.models import PhoneHealth


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BadPhone:
    """What the provider said of a number that no text reaches, and when."""

    error_code: str
    failed_at: datetime


def find_bad_phone(*, phone: str) -> BadPhone | None:
    """Return what speaks against texting a number, None when nothing is known.

    Whoever asks sees the numbers that their own clients have texted.
    """
    rows = PhoneHealth.objects.filter(phone=phone).values("error_code", "failed_at").order_by("pk")
    return BadPhone(**rows[0]) if rows else None
