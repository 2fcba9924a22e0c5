"""What the tests of allocations over the API look at."""

from __future__ import annotations

from typing import Any

from credit.models import Account, Entry, Transaction
from tests.credit.partners import assert_problem


def books() -> dict[str, object]:
    """Return all that a refusal must leave as it was."""
    return {
        "transactions": Transaction.objects.count(),
        "entries": Entry.objects.count(),
        "balances": sorted(
            Account.objects.exclude(level="platform").values_list("pk", "balance_minor")
        ),
    }


def assert_refused(response: Any, status: int, code: str, before: dict[str, object]) -> Any:
    body = assert_problem(response, status, code)
    assert books() == before
    return body
