"""What we ask of whoever takes payments for a till; one file a vendor stands beside this one.

Note [Charged once]
A payment has an id before any gateway hears of it, and the gateway is told that id with every
call: asked twice it charges once. An answer is `declined` only where it is certain that nothing
was and nothing will be charged; whatever leaves a doubt is `unknown`. A payment that the gateway
has never heard of is not simply given up, since its call may only be late: it is forestalled
first, which takes its id, so that the late call is refused.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Final, Literal, Protocol
from uuid import UUID

from django.conf import settings

STRIPE: Final = "stripe"
STRIPE_LIBRARY = "stripe"
_LONGEST: Final = 120

Outcome = Literal["approved", "declined", "unknown"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A payment as a gateway is told of it."""

    payment_id: UUID
    amount_minor: int
    currency: str
    order_number: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBack:
    """A refund as a gateway is told of it.

    :param reference: the gateway's name of the payment.
    :param refund_reference: its name of this refund, where it has told it.
    :param is_repeat: it was asked before.
    """

    refund_id: UUID
    reference: str
    amount_minor: int
    currency: str
    refund_reference: str = ""
    is_repeat: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GatewayAnswer:
    """What a gateway said, of a payment or a refund.

    :param reference: its own name for it, "" where it told none.
    :param error: why not, or why nobody knows: a word of the gateway's.
    """

    outcome: Outcome
    reference: str = ""
    error: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reference", self.reference[:_LONGEST])
        object.__setattr__(self, "error", self.error[:_LONGEST])


class NotConfiguredError(Exception):
    """This gateway is not set up."""


class Gateway(Protocol):
    """Whoever takes payments; every call is bounded in time, and none raises for an answer."""

    def charge(self, charge: Charge, *, payment_method: str) -> GatewayAnswer:
        """Take a payment. Under the same id it is taken once."""

    def find(self, charge: Charge, *, reference: str) -> GatewayAnswer | None:
        """Return what became of a payment; None where the gateway has never heard of it.

        :param reference: its own name for it; "" finds it by our id.
        """

    def forestall(self, charge: Charge) -> GatewayAnswer:
        """Take a payment's id, so that it can't be charged any more: `declined`, or `unknown`."""

    def refund(self, refund: MoneyBack) -> GatewayAnswer:
        """Give money back. Under the same id it is given once."""


def choose_gateway(name: str) -> Gateway:
    """Return a gateway by its name.

    :raises NotConfiguredError: nobody; the text says what is missing.
    """
    if name != STRIPE:
        raise NotConfiguredError(f"There is no gateway {name}.")
    if not settings.STRIPE_API_KEY:
        raise NotConfiguredError("Set STRIPE_API_KEY.")
    require_library()
    # The library takes a while to load, which only a process that charges should pay.
    from loyalty.providers.stripe import connect_stripe

    return connect_stripe()


def require_library() -> None:
    """Make sure that what STRIPE_API_KEY asks for is installed.

    :raises NotConfiguredError: it is not; the text says how.
    """
    if settings.STRIPE_API_KEY and importlib.util.find_spec(STRIPE_LIBRARY) is None:
        raise NotConfiguredError(
            "STRIPE_API_KEY is set, but Stripe's library is not installed:"
            " pip install --require-hashes -r requirements-stripe.lock"
        )
