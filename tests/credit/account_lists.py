"""What the tests of accounts over the API share."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from alerts.transactions import transaction
from credit.models import Account
from credit.services.ledger import allocate
from tests.world import NOW


def give(payer: Account, payee: Account, amount_minor: int, *, now: datetime = NOW) -> None:
    with transaction():
        allocate(
            from_account=payer,
            to_account=payee,
            amount_minor=amount_minor,
            actor="test",
            key=str(uuid4()),
            note="Spring",
            now=now,
        )


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["results"]]
