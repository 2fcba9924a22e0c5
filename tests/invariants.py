"""What is true of the whole database whenever nobody is in the middle of something.

The promises are those that ``manage.py verify`` proves; tests of every app end by asking for them.
``tests/verify/test_invariants.py`` shows that each of them can be broken.
"""

import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from alerts.selectors.invariants import Invariant, find_broken, list_invariants
from credit.selectors.invariants import INVARIANTS as OF_THE_LEDGER
from redemption.selectors.invariants.counters import COUNTERS
from sms.selectors.invariants import INVARIANTS as OF_TEXTS
from tests.database import owner_url

# Tests live on a day of their own, and write what a provider or a provider's order has said with
# a stroke of the pen: what goes by the clock, by deliveries or by kept counts is not for them.
_NOT_HERE: Final = frozenset(
    {
        "cards-past-their-date",
        "uploads-come-to-an-end",
        # Credit is set aside by tests that have no order.
        "holds-have-an-order",
        "orders-have-their-card",
        "orders-are-worked-on",
        "claimed-cards-go-somewhere",
        "crm-events-are-worked-on",
        "erasures-come-to-an-end",
        "rewards-go-with-their-cards",
        "arrived-is-confirmed",
        *(one.name for one in (*OF_TEXTS, *COUNTERS) if one.name != "people-uploads-count"),
    }
)
# What the ledger promises by itself, whatever it is used for.
LEDGER: Final = {one.name: one for one in OF_THE_LEDGER}
INVARIANTS: Final = {
    name: one for name, one in list_invariants().items() if one.query and name not in _NOT_HERE
}


def broken_invariants(
    connection: psycopg.Connection[Any] | None = None,
    promises: Mapping[str, Invariant] = INVARIANTS,
) -> dict[str, list[str]]:
    """Return the promises that do not hold, each with the first ids that break it.

    :param connection: one that sees what is not committed; a new one when not given.
    """
    broken: dict[str, list[str]] = {}
    with contextlib.ExitStack() as stack:
        asked = connection or stack.enter_context(psycopg.connect(owner_url()))

        def read(query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
            return list(asked.execute(query.encode(), parameters).fetchall())

        for name, invariant in promises.items():
            found = find_broken(invariant, now=datetime.now(UTC), read=read)
            if found.count:
                broken[name] = list(found.ids)
    return broken
