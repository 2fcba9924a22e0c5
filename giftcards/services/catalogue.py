"""The usual brands, to start with: names, values, the shape of their codes, where to go."""

from __future__ import annotations

import dataclasses
from typing import Final

from alerts.transactions import transaction_required
from giftcards.models import Brand, Denomination

_RETAIL: Final = "9999-9999-9999"
_SMALL: Final = (10, 25, 50, 100)
_LARGE: Final = (25, 50, 100, 200)
_ON_THE_CARD: Final = "Until the date printed on the card."
_NO_EXPIRY: Final = "Does not expire."
_PAY_ONLINE: Final = (
    "Pay as with any card; the PIN is the security code. The issuer named on the card tells its"
    " balance."
)
_IN_THE_SHOP: Final = "Show the code at the till, or enter it when you pay online."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StarterBrand:
    """A brand as it comes with the project; ``values`` are whole dollars.

    The addresses are the brands' own entries to their gift cards, which last longer than what is
    behind them; whoever goes live looks at them once.
    """

    slug: str
    name: str
    redemption_url: str
    balance_url: str
    terms_url: str
    code_format: str = _RETAIL
    values: tuple[int, ...] = _SMALL
    expiration_policy: str = _NO_EXPIRY
    instructions: str = _IN_THE_SHOP
    is_network: bool = False

    @property
    def disclosure(self) -> str:
        """What has to be said beside a card: whose it is, and whose this reward is not."""
        issued = (
            f"The card is issued by the bank named on it, under a licence of {self.name}. "
            if self.is_network
            else ""
        )
        return (
            f"{issued}{self.name} does not sponsor or endorse this reward and is not responsible"
            " for it. The issuer's terms apply; the card can't be exchanged for cash unless the"
            " law says so."
        )


STARTER_BRANDS: Final = (
    StarterBrand(
        slug="amazon",
        name="Amazon",
        code_format=r"\AMZN-XXXX-XXXX-XXXX",
        values=(5, 10, 15, 25, 50, 100),
        redemption_url="https://www.amazon.com/gc/redeem",
        balance_url="https://www.amazon.com/gc/balance",
        terms_url="https://www.amazon.com/gc-legal",
        instructions="Add the code to your account, then pay with your balance.",
    ),
    StarterBrand(
        slug="visa",
        name="Visa",
        code_format="4999999999999999",
        values=_LARGE,
        expiration_policy=_ON_THE_CARD,
        redemption_url="https://usa.visa.com/",
        balance_url="https://usa.visa.com/",
        terms_url="https://usa.visa.com/",
        instructions=_PAY_ONLINE,
        is_network=True,
    ),
    StarterBrand(
        slug="mastercard",
        name="Mastercard",
        code_format="5999999999999999",
        values=_LARGE,
        expiration_policy=_ON_THE_CARD,
        redemption_url="https://www.mastercard.us/",
        balance_url="https://www.mastercard.us/",
        terms_url="https://www.mastercard.us/",
        instructions=_PAY_ONLINE,
        is_network=True,
    ),
    StarterBrand(
        slug="apple",
        name="Apple",
        redemption_url="https://www.apple.com/redeem",
        balance_url="https://www.apple.com/go/gcb",
        terms_url="https://www.apple.com/go/legal/gc",
        instructions="Add the code to your account, then pay with your balance.",
    ),
    StarterBrand(
        slug="target",
        name="Target",
        redemption_url="https://www.target.com/",
        balance_url="https://www.target.com/guest/gift-card-balance",
        terms_url="https://www.target.com/",
    ),
    StarterBrand(
        slug="starbucks",
        name="Starbucks",
        values=(5, 10, 15, 25),
        redemption_url="https://www.starbucks.com/gift",
        balance_url="https://www.starbucks.com/gift",
        terms_url="https://www.starbucks.com/terms/",
    ),
    StarterBrand(
        slug="walmart",
        name="Walmart",
        redemption_url="https://www.walmart.com/cp/gift-cards/1094765",
        balance_url="https://www.walmart.com/account/giftcards/balance",
        terms_url="https://www.walmart.com/cp/gift-cards/1094765",
    ),
    StarterBrand(
        slug="home-depot",
        name="The Home Depot",
        values=_LARGE,
        redemption_url="https://www.homedepot.com/",
        balance_url="https://www.homedepot.com/mycheckout/giftcard",
        terms_url="https://www.homedepot.com/",
    ),
    StarterBrand(
        slug="lowes",
        name="Lowe's",
        values=_LARGE,
        redemption_url="https://www.lowes.com/l/gift-cards.html",
        balance_url="https://www.lowes.com/l/gift-card-balance.html",
        terms_url="https://www.lowes.com/l/gift-cards.html",
    ),
    StarterBrand(
        slug="best-buy",
        name="Best Buy",
        values=_LARGE,
        redemption_url="https://www.bestbuy.com/",
        balance_url="https://www.bestbuy.com/gift-card-balance",
        terms_url="https://www.bestbuy.com/",
    ),
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
                "balance_url": starter.balance_url,
                "terms_url": starter.terms_url,
                "disclosure": starter.disclosure,
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
