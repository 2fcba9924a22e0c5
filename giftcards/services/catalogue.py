"""The usual brands, to start with: their names and the shape of their codes, as facts."""

from __future__ import annotations

import dataclasses
from typing import Final

from alerts.transactions import transaction_required
from giftcards.models import Brand, Denomination

_RETAIL: Final = "9999-9999-9999"
_SMALL: Final = (10, 25, 50, 100)
_LARGE: Final = (25, 50, 100, 200)
_ON_THE_CARD: Final = "Until the date printed on the card."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StarterBrand:
    """A brand as it comes with the project; ``values`` are whole dollars."""

    slug: str
    name: str
    code_format: str = _RETAIL
    values: tuple[int, ...] = _SMALL
    expiration_policy: str = ""
    redemption_url: str = ""
    instructions: str = ""


STARTER_BRANDS: Final = (
    StarterBrand(
        slug="amazon",
        name="Amazon",
        code_format=r"\AMZN-XXXX-XXXX-XXXX",
        values=(5, 10, 15, 25, 50, 100),
        redemption_url="https://www.amazon.com/redeem",
        instructions="Add the code to your account, then pay with your balance.",
    ),
    StarterBrand(
        slug="visa",
        name="Visa",
        code_format="4999999999999999",
        values=_LARGE,
        expiration_policy=_ON_THE_CARD,
        instructions="Pay as with any card; the PIN is the security code.",
    ),
    StarterBrand(
        slug="mastercard",
        name="Mastercard",
        code_format="5999999999999999",
        values=_LARGE,
        expiration_policy=_ON_THE_CARD,
        instructions="Pay as with any card; the PIN is the security code.",
    ),
    StarterBrand(slug="apple", name="Apple", redemption_url="https://www.apple.com/redeem"),
    StarterBrand(slug="target", name="Target"),
    StarterBrand(slug="starbucks", name="Starbucks", values=(5, 10, 15, 25)),
    StarterBrand(slug="walmart", name="Walmart"),
    StarterBrand(slug="home-depot", name="The Home Depot", values=_LARGE),
    StarterBrand(slug="lowes", name="Lowe's", values=_LARGE),
    StarterBrand(slug="best-buy", name="Best Buy", values=_LARGE),
)


@transaction_required
def seed_catalogue() -> tuple[int, int]:
    """Add the starter brands and their values in USD that are missing; return how many of each.

    What is there stays as it is: an operator may have changed it.
    """
    brands_added = values_added = 0
    for starter in STARTER_BRANDS:
        brand, is_new = Brand.objects.get_or_create(
            slug=starter.slug,
            defaults={
                "name": starter.name,
                "code_format": starter.code_format,
                "expiration_policy": starter.expiration_policy,
                "redemption_url": starter.redemption_url,
                "instructions": starter.instructions,
            },
        )
        brands_added += is_new
        for value in starter.values:
            _, is_new = Denomination.objects.get_or_create(
                brand=brand, value_minor=value * 100, currency="USD"
            )
            values_added += is_new
    return brands_added, values_added
