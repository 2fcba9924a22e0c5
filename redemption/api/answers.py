"""How a redemption is answered, and answered again: the same for every way of asking for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.addresses import client_address
from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.api.authentication import Partner
from credit.api.headers import NO_STORE
from credit.api.problems import problems
from credit.selectors.viewers import SYSTEM, viewing
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyClaim,
    StillRunningError,
    find_record,
    keep_refusal,
)
from redemption.api.printing import print_first_answer, print_result
from redemption.api.replays import redemption_refusal_of
from redemption.models import Redemption
from redemption.selectors.redemptions import find_redemption
from redemption.services.awaiting import await_first_answer, find_answer
from redemption.services.contacts import read_contact
from redemption.services.disclosure import disclose_redemption
from redemption.services.redeem import Caller, Contact, RedeemResult

_NO_CONTACT: Final = Contact(method="none")
# All that a condition, a campaign, a code or an account may stand in the way with.
REDEEM_FAILURES: Final = (
    ErrorCode.INVALID_INPUT,
    ErrorCode.CONDITION_INCOMPLETE,
    ErrorCode.BRAND_UNAVAILABLE,
    ErrorCode.NO_BILLING_ACCOUNT,
    401,
    402,
    403,
    ErrorCode.VERIFICATION_NEEDED,
    ErrorCode.BLOCKED,
    ErrorCode.UNKNOWN_CODE,
    ErrorCode.ALREADY_REDEEMED,
    ErrorCode.OUT_OF_STOCK,
    ErrorCode.CAMPAIGN_NOT_ACTIVE,
    ErrorCode.CAP_REACHED,
    409,
    ErrorCode.STATE_FORBIDS,
    410,
    413,
    415,
    422,
    500,
    ErrorCode.LEDGER_FAILED,
    502,
    503,
)
REDEEM_PROBLEMS: Final = problems(*REDEEM_FAILURES)


def answer_once(
    *, key: KeyClaim | None, partner: Partner, now: datetime, work: Callable[[], RedeemResult]
) -> Response:
    """Answer with what ``work`` gives, or with what the key stands for.

    :raises ServiceError: the refusal of ``work``, or the one that was kept under the key.
    """
    try:
        result = work()
    except KeyAnsweredError:
        return _replay(key, partner)
    except ServiceError as error:
        if key is not None:
            if find_record(claim=key) is not None:
                return _replay(key, partner)
            keep_refusal(claim=key, error=error, status=error.code.status, now=now)
        raise
    if result.is_ordered:
        assert key is not None  # noqa: S101  it is required for all that orders
        return _answer_order(result, key, partner, asked_at=now)
    return Response(
        print_result(result, scopes=partner.scopes),
        status=201 if result.state == "issued" else 202,
        headers=NO_STORE,
    )


def caller_of(request: Request, partner: Partner, *, vouches: bool = False) -> Caller:
    """Return who asks, for the service behind every door.

    :param vouches: the partner knows the person, who need not show a second factor.
    """
    http: HttpRequest = request._request  # noqa: SLF001  DRF's own way to the request
    return Caller(
        door=Redemption.Door.API,
        actor=partner.actor,
        request_id=http.META["giftline.request_id"],
        scope_kind=partner.scope_kind,
        scope_id=partner.scope_id,
        ip_address=client_address(http.META, trusted_hops=settings.TRUSTED_PROXY_HOPS),
        user_agent=http.META.get("HTTP_USER_AGENT", ""),
        vouches=vouches,
    )


def contact_of(body: dict[str, Any]) -> Contact:
    """Return where the reward is sent; where nobody said, nowhere."""
    contact = body.get("contact")
    if contact is None:
        return _NO_CONTACT
    return read_contact(prefix="contact.", **contact)


def _answer_order(
    result: RedeemResult, key: KeyClaim, partner: Partner, *, asked_at: datetime
) -> Response:
    """Answer as it stands after a moment: the card if it has come, else that it is on its way."""
    state = await_first_answer(
        redemption_id=result.redemption_id,
        key=key,
        actor=partner.actor,
        asked_at=asked_at,
        now=timezone.now(),
    )
    if state == result.state:
        return Response(print_result(result, scopes=partner.scopes), status=202, headers=NO_STORE)
    return Response(
        _print_first(result.redemption_id, state, partner),
        status=201 if state == "issued" else 202,
        headers=NO_STORE,
    )


def _replay(key: KeyClaim | None, partner: Partner) -> Response:
    assert key is not None  # noqa: S101  only a key is ever answered
    record = find_answer(key=key, now=timezone.now())
    if record is None:
        # The first has just come to nothing: asked once more, this one is the first.
        raise StillRunningError
    headers = {"Idempotency-Replayed": "true", **NO_STORE}
    if record.error_code:
        raise redemption_refusal_of(record)
    assert record.object_id is not None  # noqa: S101  held by the function that writes it
    return Response(
        _print_first(record.object_id, record.state, partner),
        status=record.status,
        headers=headers,
    )


def _print_first(redemption_id: UUID, state: str, partner: Partner) -> dict[str, Any]:
    disclosed = None
    if state == "issued":
        # The card may have been taken back since, or exchanged for one that nobody has seen.
        disclosed = disclose_redemption(
            redemption_id=redemption_id, actor=partner.actor, now=timezone.now()
        )
    with viewing(SYSTEM):
        facts = find_redemption(viewer=SYSTEM, redemption_id=redemption_id)
    return print_first_answer(facts, state=state, scopes=partner.scopes, disclosed=disclosed)
