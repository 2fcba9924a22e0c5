"""The second factor: something a person knows of themselves, besides the code they hold.

A campaign whose codes could be guessed asks for it (``redemption/strength.py``). It is compared as
people write it: case, accents, spaces and punctuation make no difference. What is on file is never
told, nor how near a wrong answer came.
"""

from __future__ import annotations

import dataclasses
import hmac
import unicodedata
from typing import ClassVar, Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, raised_by_database
from alerts.keyring import digest
from alerts.scope import EVERYTHING, seeing
from redemption.codes import normalise_code
from redemption.models import Campaign, Recipient
from sms.phones import PhoneError, parse_phone

# What the database is told where somebody else knows the person.
VOUCHED: Final = "vouched"

# Letters that are written with a stroke or as two, which Unicode does not take apart.
_PLAIN: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_ZIP: Final = 5
_ZIP_PLUS_4: Final = 9

_ASK: Final = {
    Campaign.SecondFactor.LAST_NAME: gettext_lazy(
        "Enter your last name as it stands on your letter."
    ),
    Campaign.SecondFactor.POSTAL_CODE: gettext_lazy("Enter the postal code of your address."),
    Campaign.SecondFactor.PHONE: gettext_lazy("Enter the phone number that you gave us."),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a person has said about themselves, as they wrote it; empty where they said nothing."""

    last_name: str = dataclasses.field(default="", repr=False)
    postal_code: str = dataclasses.field(default="", repr=False)
    phone: str = dataclasses.field(default="", repr=False)


@raised_by_database
@dataclasses.dataclass(eq=False, kw_only=True)
class SecondFactorError(ServiceError):
    """The second factor is missing or wrong; counts as a failed attempt where it was given.

    :param second_factor: what is asked for: ``last_name``, ``postal_code`` or ``phone``.
    :param is_on_file: False where there is nothing to compare with, so that no answer will do and
        a person has to help.
    :param was_given: whether there was an answer at all.
    """

    code: ClassVar = ErrorCode.VERIFICATION_NEEDED
    answer_fields: ClassVar = ("second_factor",)

    second_factor: str
    is_on_file: bool = True
    was_given: bool = False

    def complete(self, verification: Verification | None) -> None:
        """Add what the database doesn't know: whether there was an answer, and what to enter."""
        given = "" if verification is None else getattr(verification, self.second_factor)
        self.was_given = bool(given.strip())
        words = (
            _("This is not what we have on file.")
            if self.was_given
            else ask_for(self.second_factor)
        )
        self.errors = {f"verification.{self.second_factor}": [words]}

    def customer_words(self, *, support_phone: str = "") -> str:
        """Print what a customer is told, in the active language."""
        if self.is_on_file:
            return super().customer_words(support_phone=support_phone)
        words = _(
            "We can't check this detail, since we don't have it for your code. Nothing is lost: "
            "a person has to help you with this one."
        )
        if not support_phone:
            return words
        return f"{words} " + _("Please call {support_phone}.").format(support_phone=support_phone)


def ask_for(second_factor: str) -> str:
    """Return the sentence that asks a customer for their second factor, in the active language."""
    return str(_ASK[Campaign.SecondFactor(second_factor)])


@seeing(EVERYTHING)
def prove(verification: Verification | None, *, code: str | None, recipient_id: UUID | None) -> str:
    """Return the second factor that was shown and is right, ``""`` for none.

    Which one the campaign asks for is decided by the database, under the recipient's lock.
    """
    if verification is None or not any(dataclasses.astuple(verification)):
        return ""
    who = Q(pk=recipient_id) if code is None else Q(code_digest=_digest(code))
    recipient = Recipient.objects.select_related("campaign").filter(who).order_by("pk").first()
    if recipient is None:
        return ""
    factor = recipient.campaign.second_factor
    return factor if _matches(factor, verification, recipient) else ""


def _matches(factor: str, given: Verification, recipient: Recipient) -> bool:
    if factor == Campaign.SecondFactor.LAST_NAME:
        return _is_same(_fold(given.last_name), _fold(recipient.last_name))
    if factor == Campaign.SecondFactor.POSTAL_CODE:
        return _is_same(*_postal_codes(given.postal_code, recipient.postal_code))
    if factor == Campaign.SecondFactor.PHONE:
        return _is_same(_read_phone(given.phone, recipient.country), recipient.phone)
    return False


def _is_same(given: str, on_file: str) -> bool:
    # What is not on file is nobody's answer, also not an empty one's.
    return bool(on_file) and hmac.compare_digest(given.encode(), on_file.encode())


def _fold(text: str) -> str:
    """Return letters and digits alone, without case and accents: O’Brién → obrien."""
    plain = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)
    return "".join(symbol for symbol in plain if symbol.isalnum())


def _postal_codes(given: str, on_file: str) -> tuple[str, str]:
    """Return both as they compare: of a ZIP+4 the first five digits are the postal code."""
    codes = _fold(given), _fold(on_file)
    if all(code.isdigit() for code in codes) and {len(code) for code in codes} == {
        _ZIP,
        _ZIP_PLUS_4,
    }:
        return codes[0][:_ZIP], codes[1][:_ZIP]
    return codes


def _read_phone(text: str, country: str) -> str:
    try:
        return parse_phone(
            text,
            region=country or settings.DEFAULT_PHONE_REGION,
            allow_possible=settings.SANDBOX,
        )
    except PhoneError:
        return ""


def _digest(code: str) -> bytes:
    return digest(normalise_code(code), purpose="redemption_code")
