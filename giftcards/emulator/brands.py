"""The brands the emulator sells."""

import dataclasses
import secrets
from decimal import Decimal
from typing import Any, Final

_LETTERS_AND_DIGITS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_RETAIL: Final = "9999-9999-9999"
STATES: Final = ("ENABLED", "PAUSED", "DISABLED")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Brand:
    """A brand: what it costs, in which values it is sold and how.

    ``denominations`` are the only values; without them any between the limits is sold.
    ``code_shape`` has X for a letter or digit and 9 for a digit. ``has_stock`` lets its stock be
    asked for, and run out.
    """

    slug: str
    name: str
    currency: str = "USD"
    state: str = "ENABLED"
    discount: Decimal = Decimal(4)
    lower: Decimal = Decimal(5)
    upper: Decimal = Decimal(500)
    denominations: tuple[Decimal, ...] = ()
    delivery_methods: tuple[str, ...] = ("code", "url")
    code_shape: str = _RETAIL
    has_pin: bool = True
    is_asynchronous: bool = False
    has_stock: bool = False
    can_be_undone: bool = True
    can_show_balance: bool = True

    def new_code(self) -> str:
        """Return a code as the brand's cards have them."""
        pick = {"X": _LETTERS_AND_DIGITS, "9": "0123456789"}
        return "".join(
            secrets.choice(pick[sign]) if sign in pick else sign for sign in self.code_shape
        )

    def cost(self, amount: Decimal) -> Decimal:
        """Return what a card of this value costs us."""
        return (amount * (100 - self.discount) / 100).quantize(Decimal("0.01"))

    def describe(self) -> dict[str, Any]:
        """Return the brand as Tillo's list has it."""
        kinds = ["digital_issuance"]
        kinds += ["cancelled_digital_issuance"] if self.can_be_undone else []
        kinds += ["balance_check"] if self.can_show_balance else []
        status = {"code": self.state}
        if self.state != "ENABLED":
            status["reason"] = "Relationship disabled by brand"
        facts: dict[str, Any] = {
            "slug": self.slug,
            "name": self.name,
            "type": "gift-card",
            "status": status,
            "currency": self.currency,
            "discount": float(self.discount),
            "last_updated": "2026-01-15T10:30:00+00:00",
            "transaction_types": kinds,
            "delivery_methods": list(self.delivery_methods),
            "countries_served": ["GB" if self.currency == "GBP" else "US"],
            "gc_pool": self.has_stock,
            "async_only": self.is_asynchronous,
            "categories": ["other"],
        }
        if self.denominations:
            facts["denominations"] = [f"{value:.2f}" for value in self.denominations]
            facts["digital_denominations"] = [float(value) for value in self.denominations]
        else:
            facts["digital_face_value_limits"] = {
                "lower": float(self.lower),
                "upper": float(self.upper),
                "minor_unit": 0.01,
            }
        return facts


def _values(*whole: int) -> tuple[Decimal, ...]:
    return tuple(Decimal(value) for value in whole)


STARTER_BRANDS: Final = (
    Brand(slug="amazon-us", name="Amazon", code_shape="AMZN-XXXX-XXXX-XXXX", has_pin=False),
    Brand(slug="visa-us", name="Visa", code_shape="4999999999999999", discount=Decimal(0)),
    Brand(slug="mastercard-us", name="Mastercard", code_shape="5999999999999999"),
    Brand(slug="apple-us", name="Apple", delivery_methods=("url",), can_show_balance=False),
    Brand(slug="target-us", name="Target", discount=Decimal("2.5")),
    Brand(
        slug="starbucks-us",
        name="Starbucks",
        denominations=_values(5, 10, 15, 25),
        has_stock=True,
    ),
    Brand(slug="walmart-us", name="Walmart", can_be_undone=False),
    Brand(slug="home-depot-us", name="The Home Depot", is_asynchronous=True),
    Brand(slug="lowes-us", name="Lowe's", denominations=_values(25, 50, 100, 200)),
    Brand(slug="best-buy-us", name="Best Buy", is_asynchronous=True, discount=Decimal(6)),
    Brand(slug="example-paused", name="Example, paused", state="PAUSED"),
    Brand(slug="example-disabled", name="Example, disabled", state="DISABLED"),
    Brand(slug="example-uk", name="Example, in pounds", currency="GBP"),
    # The invented shops of the demo.
    Brand(slug="brightleaf-us", name="Brightleaf Market", code_shape="XXXX-XXXX-XXXX"),
    Brand(slug="cobalt-us", name="Cobalt Coffee", discount=Decimal(7)),
    Brand(slug="fernway-us", name="Fernway Books", code_shape="XXXX-XXXX-XXXX"),
    Brand(slug="juniper-us", name="Juniper Pay", code_shape="X" * 16, discount=Decimal(1)),
    Brand(slug="marigold-us", name="Marigold Home", discount=Decimal(5)),
    Brand(slug="saffron-us", name="Saffron Table", code_shape="XXXX-XXXX-XXXX"),
)
STARTER_STOCK: Final = 100
STARTER_FLOATS: Final = {"USD": Decimal(10_000), "GBP": Decimal(1_000)}
