"""Ordering cards at the shipped emulator, for a holder that stands in for a redemption."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from alerts.statements import call_function
from alerts.transactions import transaction, transaction_required
from credit.models import Transaction
from giftcards.emulator import Emulator
from giftcards.models import GiftCard, Pool, ProviderOrder
from giftcards.services.order_parties import OrderFacts, OrderOutcome
from giftcards.services.orders import place_due_orders
from tests.world import NOW, World

_PLACE: Final = (
    "SELECT giftcards_place_order(%s, %s, %s, %s, 'tillo', %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
# Beyond every wait in the schedule, a lease and the time in which an attempt is on its way.
LATER: Final = timedelta(hours=2)


@dataclasses.dataclass(frozen=True)
class Told:
    """One thing that a parcel was told of its order."""

    holder_id: UUID
    outcome: str
    card_id: UUID | None
    transaction_id: UUID | None
    error_code: str
    order: OrderFacts


# What the parcels of this process were told, oldest first.
TOLD: Final[list[Told]] = []
_lock = threading.Lock()


@transaction_required
def lock_parcel(*, holder_id: UUID) -> None:
    """Stand in for the row of whatever holds a card."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(holder_id)])


@transaction_required
def settle_parcel(
    *,
    order: OrderFacts,
    outcome: OrderOutcome,
    card_id: UUID | None,
    transaction_id: UUID | None,
    now: datetime,
) -> None:
    """Note what was told, after looking that the card and the capture are there."""
    assert (card_id is not None) == (outcome is OrderOutcome.SOLD)
    if card_id is not None:
        card = GiftCard.objects.get(pk=card_id)
        assert (card.holder_kind, card.holder_id) == ("parcel", order.holder_id)
    if transaction_id is not None:
        assert Transaction.objects.get(pk=transaction_id).kind == "capture"
    with _lock:
        TOLD.append(
            Told(order.holder_id, outcome.value, card_id, transaction_id, order.error_code, order)
        )


def refuse_parcel(**_facts: object) -> None:
    """Stand in for a party with a defect."""
    raise ValueError("a parcel can't be settled")


PARTIES: Final = {
    "parcel": {
        "lock": "tests.giftcards.ordering.lock_parcel",
        "settle": "tests.giftcards.ordering.settle_parcel",
    }
}


@pytest.fixture
def buying(tillo_settings: Settings) -> Iterator[Settings]:
    """Our settings, with a parcel as a holder, and nobody told of anything yet."""
    TOLD.clear()
    tillo_settings.ORDER_PARTIES = {**tillo_settings.ORDER_PARTIES, **PARTIES}
    yield tillo_settings
    TOLD.clear()


def order_card(
    world: World,
    *,
    slug: str = "amazon-us",
    charge_minor: int = 2600,
    holder_id: UUID | None = None,
    holder_kind: str = "parcel",
    now: datetime = NOW,
    pool: Pool | None = None,
) -> ProviderOrder:
    """Order a card for a new parcel, paid by the world's client."""
    order_id = uuid4()
    pool = pool or world.pool
    with transaction():
        call_function(
            _PLACE,
            (
                order_id,
                pool.pk,
                pool.denomination_id,
                world.client.pk,
                slug,
                holder_kind,
                holder_id or uuid4(),
                [world.account.pk],
                charge_minor,
                world.denomination.currency,
                "test",
                "trace-1",
                now,
            ),
        )
    return ProviderOrder.objects.get(pk=order_id)


def order_for_pool(world: World, pool: Pool, *, slug: str = "amazon-us") -> ProviderOrder:
    """Order a card for the pool itself."""
    order_id = uuid4()
    row: list[Any] = [order_id, pool.pk, pool.denomination_id, None, slug, None, None, None, None]
    with transaction():
        call_function(_PLACE, [*row, "USD", "test", "trace-1", NOW])
    return ProviderOrder.objects.get(pk=order_id)


def run_rounds(order: ProviderOrder, *, now: datetime = NOW, rounds: int = 30) -> datetime:
    """Work on an order whenever it is due, until it is in work no more; return the time then."""
    for _ in range(rounds):
        order.refresh_from_db()
        if order.state != ProviderOrder.State.REQUESTED:
            break
        assert order.next_attempt_at is not None
        now = max(now, order.next_attempt_at)
        place_due_orders(now=now)
    order.refresh_from_db()
    return now


def hold_state(order: ProviderOrder) -> str:
    """Return what became of an order's hold: ``open``, ``capture``, ``release`` or ``none``."""
    if order.hold_id is None:
        return "none"
    kinds = list(
        Transaction.objects.filter(settles_id=order.hold_id).values_list("kind", flat=True)
    )
    assert len(kinds) <= 1
    return kinds[0] if kinds else "open"


def told_of(order: ProviderOrder) -> list[str]:
    """Return what an order's parcel was told, oldest first."""
    return [told.outcome for told in TOLD if told.holder_id == order.holder_id]


def sold_at(emulator: Emulator) -> set[str]:
    """Return the request ids of the cards that we have from the provider, paid and not undone."""
    return {sale.request_id for sale in emulator.sales() if sale.status == "SUCCESS"}
