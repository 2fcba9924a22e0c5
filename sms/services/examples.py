"""The invented recipients that a template is tried with: an easy one, and the awkward ones.

Nothing here is anybody's: the codes open nothing, the links lead to nobody's card.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Final

from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import override

from credit.models import Client
from credit.money import display_amount

_AMOUNT_MINOR: Final = 2500
_EXPIRES_ON: Final = date(2030, 12, 31)
# As long as a real one, so that the text is as long as it will be.
_TOKEN: Final = "example-link-shows-how"  # noqa: S105


@dataclasses.dataclass(frozen=True, slots=True)
class Example:
    """An invented recipient."""

    key: str
    label: str
    first_name: str
    last_name: str = "Sample"


EXAMPLES: Final = (
    Example("plain", "Ana Sample", "Ana"),
    Example("none", "No name known", "", ""),
    Example("long", "A long name", "Maximiliana Alexandrina", "Featherstonehaugh-Cholmondeley"),
    Example("accents", "Accents: José Íñiguez", "José", "Íñiguez"),
    Example("emoji", "An emoji in the name", "Zoë 🌈"),
    Example("right_to_left", "Right to left: نور", "نور", "חדד"),
    Example("tag", "A name that is a tag", "{{code}}"),
    Example("link", "A name that is a link", "https://win.example/now"),
)
_BY_KEY: Final = {example.key: example for example in EXAMPLES}


def find_example(key: str) -> Example:
    """Return an example; the easy one for a key there is none of."""
    return _BY_KEY.get(key, EXAMPLES[0])


def example_values(example: Example, *, client: Client | None, locale: str) -> Mapping[str, str]:
    """Return a value for each merge tag.

    :param client: in whose name it is written; None writes in ours.
    """
    support = client.support_phone if client else ""
    return {
        "first_name": example.first_name,
        "last_name": example.last_name,
        "amount": display_amount(_AMOUNT_MINOR, "USD"),
        "brand": "Example Shop",
        "code": "EXAMPLE-0000-0000",
        "pin": "0000",
        "redemption_url": "https://shop.example/redeem",
        "expiration_date": _print_date(locale),
        "reveal_link": f"{settings.PUBLIC_BASE_URL}/r/{_TOKEN}/",
        "opt_in_link": f"{settings.PUBLIC_BASE_URL}/o/{_TOKEN}/",
        "support_phone": support or settings.SUPPORT_PHONE_NUMBER,
        "company": client.name if client else settings.COMPANY_NAME,
    }


def _print_date(locale: str) -> str:
    with override(locale.split("-")[0] or "en"):
        return date_format(_EXPIRES_ON, "DATE_FORMAT")
