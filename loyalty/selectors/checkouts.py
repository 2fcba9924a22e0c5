"""Checkouts as their owners see them, and as they were first answered."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from django.db.models import QuerySet

from credit.selectors.viewers import Viewer
from loyalty.models import Checkout, Payment, ReconciliationItem, Refund
from loyalty.selectors.customers import points_after

_PAYMENT_STEP: Final = "take_payment"
_POINTS_STEP: Final = "update_points"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckoutFacts:
    """A checkout with what is printed beside its row; ``points_balance`` is the customer's."""

    checkout: Checkout
    state: str
    loyalty: str
    points_redeemed: int
    points_earned: int
    points_balance: int | None
    refunded_minor: int
    payment_state: str
    payment_reference: str
    steps: list[dict[str, Any]]
    is_first: bool = False


def checkouts_of(*, viewer: Viewer) -> QuerySet[Checkout]:
    """Return the checkouts that the viewer may see, with their lines and payments."""
    return (
        Checkout.objects.filter(viewer.client_filter())
        .select_related("payment", "customer")
        .prefetch_related("lines")
    )


def current_facts(checkout: Checkout) -> CheckoutFacts:
    """Return a checkout as it stands."""
    customer = checkout.customer
    return CheckoutFacts(
        checkout=checkout,
        state=checkout.state,
        loyalty=checkout.loyalty,
        points_redeemed=checkout.points_redeemed,
        points_earned=checkout.points_earned,
        points_balance=None if customer is None else customer.points_balance,
        refunded_minor=checkout.refunded_minor,
        payment_state=checkout.payment.state,
        payment_reference=checkout.payment.gateway_reference,
        steps=checkout.steps,
    )


def first_facts(checkout: Checkout, *, state: str) -> CheckoutFacts:
    """Return a checkout as whoever asked for it was told, whatever happened since.

    Points that were owed then may have been applied or given up; the log of its steps and the
    item that owed them still say how it was.

    :param state: the one that was told.
    """
    # Nothing was written yet to the customer's points when this was told.
    is_owed = is_open = state == Checkout.State.PAYMENT_UNKNOWN
    loyalty, redeemed, earned = checkout.loyalty, checkout.points_redeemed, checkout.points_earned
    steps = (
        checkout.steps[: _first_of(checkout.steps, _PAYMENT_STEP)] if is_open else checkout.steps
    )
    if any(one["name"] == _POINTS_STEP and one["status"] == "pending" for one in steps):
        item = ReconciliationItem.objects.get(checkout=checkout)
        is_owed = True
        loyalty = Checkout.Loyalty.PENDING
        redeemed, earned = item.points_redeemed, item.points_earned
    elif is_open and loyalty == Checkout.Loyalty.APPLIED:
        loyalty = Checkout.Loyalty.PENDING
    at = checkout.settled_at
    if at is None or is_open:
        at = checkout.created_at
    return CheckoutFacts(
        checkout=checkout,
        state=state,
        loyalty=loyalty,
        points_redeemed=redeemed,
        points_earned=earned,
        points_balance=None
        if checkout.customer_id is None
        else points_after(
            customer_id=checkout.customer_id,
            reference_id=None if is_owed else checkout.pk,
            at=at,
        ),
        refunded_minor=0,
        payment_state=Payment.State.UNKNOWN if is_open else checkout.payment.state,
        payment_reference="" if is_open else checkout.payment.gateway_reference,
        steps=steps,
        is_first=True,
    )


def _first_of(steps: list[dict[str, Any]], name: str) -> int:
    return next((n for n, one in enumerate(steps) if one["name"] == name), len(steps))


def visible_refunds(*, viewer: Viewer) -> QuerySet[Refund]:
    """Return the refunds that the viewer may see, with what they were for."""
    return Refund.objects.filter(viewer.client_filter()).select_related("checkout__payment")
