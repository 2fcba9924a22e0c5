"""Asking for a reward, and what must be left behind when it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.models import Account, IdempotencyRecord, Transaction
from credit.services.idempotency import KeyClaim, claim_key
from giftcards.models import GiftCard
from redemption.models import PendingReward, ProvisioningTrace, Redemption, RevealLink
from redemption.services.redeem import Caller, Contact, RedeemResult, redeem
from sms.models import Message
from tests.world import NOW

TEXT = Contact(method="sms", to="+12025550123")


def caller(**changes: Any) -> Caller:
    """Return a partner of the platform; ``changes`` make it somebody else."""
    facts = {"door": Redemption.Door.API, "actor": "key:test", "request_id": "request-1"}
    return Caller(**{**facts, **changes})


def ask(code: str | None, **changes: Any) -> RedeemResult:
    """Redeem at ``NOW`` for a text."""
    return redeem(**{"caller": caller(), "contact": TEXT, "now": NOW, "code": code, **changes})


def key_for(code: str, *, key: str = "key-1") -> KeyClaim:
    """Return the claim of a key on a request for a code."""
    return claim_key(owner="client:1", key=key, method="POST", path="/x", body={"code": code})


def snapshot() -> dict[str, object]:
    """Return all that a refusal must leave as it was."""
    return {
        "redemptions": sorted(Redemption.objects.values_list("pk", "state", "card")),
        "cards": sorted(GiftCard.objects.values_list("pk", "status")),
        "messages": Message.objects.count(),
        "links": RevealLink.objects.count(),
        "queue": PendingReward.objects.count(),
        "transactions": Transaction.objects.count(),
        "balances": sorted(
            Account.objects.exclude(level="platform").values_list("pk", "balance_minor")
        ),
        "keys": IdempotencyRecord.objects.count(),
    }


@contextmanager
def refused(code: ErrorCode) -> Iterator[pytest.ExceptionInfo[ServiceError]]:
    """Expect a refusal that leaves nothing behind but one row in the trace, which names it."""
    before, traces = snapshot(), ProvisioningTrace.objects.count()
    with pytest.raises(ServiceError) as refusal:
        yield refusal
    assert refusal.value.code is code
    assert snapshot() == before
    assert ProvisioningTrace.objects.count() == traces + 1
    trace = ProvisioningTrace.objects.order_by("-pk")[0]
    assert (trace.step, trace.status, trace.error_code) == ("redeem", "refused", code.code)
