"""Orders in a storm: random faults, several workers, and what must be true when it is over."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from django.db import connection

from giftcards.emulator import Emulator
from giftcards.models import ProviderOrder
from giftcards.services.orders import place_due_orders
from tests.database import owner_url
from tests.giftcards.ordering import TOLD

# What goes wrong, and how often: of a hundred requests about half.
FAULTS: Final[list[dict[str, Any]]] = [
    {"match": {"request": kind, "probability": share}, "action": action, **more}
    for kind in ("issue", "order")
    for action, share, more in (
        ("drop", 0.10, {"sold": True}),
        ("drop", 0.05, {"sold": False}),
        ("status", 0.06, {"status": 502, "sold": True}),
        ("status", 0.04, {"status": 504, "page": True}),
        ("malformed", 0.06, {"sold": True}),
        ("error", 0.05, {"code": "729"}),
        ("error", 0.04, {"code": "600", "sold": True}),
        ("error", 0.06, {"code": "725", "status": 500}),
        ("error", 0.03, {"code": "726"}),
        ("rate_limited", 0.04, {"retry_after": 3}),
        ("slow", 0.05, {"seconds": 0.3}),
        ("timeout", 0.03, {"seconds": 0.6, "sold": True}),
    )
] + [
    {"match": {"request": "status", "probability": 0.2}, "action": "drop"},
    {"match": {"request": "order", "probability": 0.2}, "action": "order_ends"},
]

_ORDERS: Final = """
    SELECT o.request_id, o.state, c.id, c.provider_reference, held.id, settled.kind::text,
        o.cost_minor
    FROM giftcards_providerorder o
    LEFT JOIN giftcards_giftcard c ON c.id = o.card_id
    LEFT JOIN credit_transaction held ON held.id = o.hold_id
    LEFT JOIN credit_transaction settled ON settled.settles_id = o.hold_id
"""


def run_storm(
    *, workers: int, now: datetime, rounds: int = 60, step: timedelta = timedelta(minutes=3)
) -> datetime:
    """Let several workers look for due orders, time passing between their looks; return its end.

    It ends when no order is in work any more, or after so many rounds.
    """
    for number in range(rounds):
        at = now + step * number
        threads = [
            threading.Thread(target=_work, args=[at], name=f"worker-{one}")
            for one in range(workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not ProviderOrder.objects.filter(state="requested").exists():
            return at
    return now + step * rounds


def _work(now: datetime) -> None:
    try:
        place_due_orders(now=now)
    finally:
        connection.close()


def broken_money(emulator: Emulator) -> list[str]:
    """Return what does not hold between the provider's ledger of sales, our orders and our money.

    What was sold and not undone there is a card of ours, once, or an order that a person looks at;
    nothing else is. A hold is captured with a card, released without, and open while nobody knows.
    """
    emulator.wait_until_quiet()
    sold = {sale.request_id: sale for sale in emulator.sales() if sale.status == "SUCCESS"}
    broken = []
    with psycopg.connect(owner_url()) as owner:
        rows = owner.execute(_ORDERS).fetchall()
        cards = owner.execute(
            "SELECT provider_reference FROM giftcards_giftcard WHERE source IN ('api', 'buffer')"
        ).fetchall()
        accounts = owner.execute(
            "SELECT coalesce(sum(e.amount_minor), 0) - coalesce((SELECT sum(o.charge_minor)"
            " FROM giftcards_providerorder o WHERE o.state IN ('requested', 'unknown')), 0)"
            " FROM credit_entry e JOIN credit_account a ON a.id = e.account_id"
            " WHERE a.purpose = 'held'"
        ).fetchone()
    known = set()
    for request_id, state, card_id, reference, hold_id, settled_as, cost_minor in rows:
        known.add(request_id)
        settles = {"succeeded": "capture", "failed": "release", "reversed": "release"}.get(state)
        if hold_id is not None and settled_as != settles:
            broken.append(f"{request_id} is {state}, its hold {settled_as}")
        if (state == "succeeded") != (card_id is not None):
            broken.append(f"{request_id} is {state}, its card {card_id}")
        sale = sold.get(request_id)
        if state == "succeeded" and (sale is None or sale.reference != reference):
            broken.append(f"{request_id} has a card that was not sold for it")
        elif state == "succeeded" and sale is not None and sale.cost * 100 != cost_minor:
            broken.append(f"{request_id} cost another sum than we know of")
        if request_id in sold and state in ("failed", "reversed"):
            broken.append(f"{request_id} is {state}, and was sold")
    broken += [f"{stranger} was sold for no order" for stranger in sold.keys() - known]
    if len(set(cards)) != len(cards):
        broken.append("a sale became two cards")
    if accounts != (0,):
        broken.append(f"what is held is not what is open: {accounts}")
    return broken


def broken_promises() -> list[str]:
    """Return the orders whose holder heard of another end than the order came to."""
    ends = {"succeeded": "sold", "failed": "not_sold", "unknown": "unknown"}
    broken = []
    for order in ProviderOrder.objects.filter(holder_kind="parcel"):
        told = [one.outcome for one in TOLD if one.holder_id == order.holder_id]
        if told != [ends[order.state]]:
            broken.append(f"{order} heard {told}")
    return broken
