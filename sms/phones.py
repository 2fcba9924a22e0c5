"""Phone numbers: read from what people type, stored as E.164, and masked for show."""

from __future__ import annotations

import unicodedata
from typing import Final

import phonenumbers
from django.utils.translation import gettext as _
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

_LONGEST_TEXT: Final = 40
_PUNCTUATION: Final = frozenset(" +-()./")
_MASK: Final = "•••"

# ISO 3166: where people have numbers, and the few places that nobody has given any.
COUNTRIES: Final = frozenset(phonenumbers.SUPPORTED_REGIONS) | {
    "AQ", "BV", "GS", "HM", "PN", "TF", "UM",
}  # fmt: skip
# They charge the sender or end at a machine; a form that texts them is a way to steal money.
_NEVER_A_CUSTOMER: Final = frozenset(
    {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.VOICEMAIL}
)


class PhoneError(ValueError):
    """A number can't be texted; the message is a sentence for who typed it, in their language."""


def parse_phone(text: str, *, region: str, allow_possible: bool = False) -> str:
    """Return the number as E.164: ``"(202) 555-0143"`` is ``"+12025550143"`` in region US.

    :param region: the country (ISO 3166, two letters) of a number without a country code.
    :param allow_possible: take numbers of the right length that no carrier has, as a demo's are.
    :raises PhoneError: it is no number, has an extension, or can't exist.
    """
    typed = _clean(text)
    if not typed:
        raise PhoneError(_("Enter a mobile number."))
    if len(typed) > _LONGEST_TEXT:
        raise PhoneError(_("This is too long for a mobile number."))
    try:
        number = phonenumbers.parse(typed, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise PhoneError(
                _("Start the number with + and a country code, such as +1 202 555 0143.")
            ) from None
        raise _not_a_number() from None
    if number.extension:
        raise PhoneError(_("Leave out the extension: a text can't be sent to one."))
    # The library finds a number in any sentence and reads letters as keys. Whoever typed those
    # meant something else than the number that would be texted.
    if not all(character.isdecimal() or character in _PUNCTUATION for character in typed):
        raise _not_a_number()
    if allow_possible:
        is_accepted = phonenumbers.is_possible_number(number)
    else:
        is_accepted = phonenumbers.is_valid_number(number)
    if not is_accepted:
        raise PhoneError(_("This number doesn't exist. Please check each digit."))
    if phonenumbers.number_type(number) in _NEVER_A_CUSTOMER:
        raise PhoneError(_("This kind of number can't get texts. Enter a mobile number."))
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def mask_phone(phone: str) -> str:
    """Show enough for its owner to know it: ``"•••0143"``."""
    # Of a short number four digits would be most of it.
    return _MASK + (phone[-4:] if len(phone) >= 8 else phone[-2:] if len(phone) >= 5 else "")


def mask_email(address: str) -> str:
    """Show enough for its owner to know it: ``"j•••@e•••.com"``."""
    local, _at, domain = address.rpartition("@")
    name, dot, ending = domain.rpartition(".")
    return f"{_first(local)}{_MASK}@{_first(name)}{_MASK}{dot}{ending if dot else ''}"


def _first(text: str) -> str:
    """Return the first character, unless it is the only one."""
    return text[0] if len(text) > 1 else ""


def _clean(text: str) -> str:
    """Make full-width digits plain, dashes and spaces of any kind one, and drop the invisible.

    Contact lists put direction marks around the numbers that are copied from them.
    """
    cleaned = []
    for character in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(character)
        if category == "Cf":
            continue
        is_dash = category == "Pd" or character == "−"
        cleaned.append("-" if is_dash else " " if character.isspace() else character)
    return "".join(cleaned).strip()


def _not_a_number() -> PhoneError:
    return PhoneError(_("Enter the number in digits, such as +1 202 555 0143."))
