"""What is wrong with what was typed, the same for articles and tills."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext as _

_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def find_text_errors(field: str, text: str, *, longest: int) -> dict[str, list[str]]:
    """Return what is wrong with a text that has to be there, by its field."""
    if text and "\0" not in text and len(text) <= longest:
        return {}
    return {field: [_("Enter 1 to %(most)s characters.") % {"most": longest}]}


def find_currency_errors(currency: str) -> dict[str, list[str]]:
    """Return what is wrong with a currency's code (ISO 4217)."""
    if _CURRENCY.fullmatch(currency):
        return {}
    return {"currency": [_("Enter a currency's three letters, such as USD.")]}
