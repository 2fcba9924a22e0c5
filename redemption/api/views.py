"""Partners' way in: look at a code, redeem it, see what became of it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import KEY_HEADER, NO_STORE
from credit.api.inputs import read_body, read_idempotency_key
from credit.api.problems import problems
from credit.money import format_amount
from credit.selectors.viewers import SYSTEM, viewing
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyClaim,
    StillRunningError,
    find_record,
    keep_refusal,
)
from redemption.api import examples
from redemption.api.printing import print_detail, print_first_answer, print_result
from redemption.api.replays import redemption_refusal_of
from redemption.api.serializers import (
    RedeemRequest,
    RedemptionDetailOutput,
    RedemptionOutput,
    ValidateAnswer,
    ValidateRequest,
)
from redemption.models import Redemption
from redemption.selectors.codes import CodeFacts
from redemption.selectors.redemptions import find_redemption, list_trace
from redemption.services.awaiting import await_first_answer, find_answer
from redemption.services.contacts import read_contact
from redemption.services.disclosure import disclose_redemption
from redemption.services.preflight import look_at_code
from redemption.services.redeem import Caller, Contact, RedeemResult, UnknownCodeError, redeem

_NO_CONTACT = Contact(method="none")
_VALIDATE_PROBLEMS = problems(401, 403, ErrorCode.BLOCKED, ErrorCode.UNKNOWN_CODE, 413, 415)
_READ_PROBLEMS = problems(401, 403, 404)
# All that a condition, a campaign, a code or an account may stand in the way with.
_REDEEM_PROBLEMS = problems(
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


class ValidateView(APIView):
    """What a code is good for, before anybody redeems it."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="validate_code",
        summary="Look at a code",
        request=ValidateRequest,
        responses={200: ValidateAnswer, **_VALIDATE_PROBLEMS},
        description="Nothing is claimed and nobody is charged. `valid` says that it could be"
        " redeemed once what `requires` names is given. Works without a key too; a key needs the"
        " scope `redeem`.",
        examples=examples.VALIDATE,
        auth=[{"ApiKey": []}, {}],  # type: ignore[list-item]  # {} = no key is fine too
        tags=["Redemptions"],
    )
    def post(self, request: Request) -> Response:
        body = read_body(ValidateRequest, request)
        partner = request.user if isinstance(request.user, Partner) else None
        if partner is not None:
            require_scope(request, "redeem")
        facts = look_at_code(
            code=body["code"],
            now=timezone.now(),
            scope_kind=partner.scope_kind if partner else "platform",
            scope_id=partner.scope_id if partner else None,
        )
        if facts is None:
            raise UnknownCodeError
        return Response(_print_code(facts))


class RedemptionsView(APIView):
    """Redeem a code."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="create_redemption",
        summary="Redeem a code",
        request=RedeemRequest,
        responses={201: RedemptionOutput, 202: RedemptionOutput, **_REDEEM_PROBLEMS},
        description="201 with the card, or 202 while something is still to come: the redemption is"
        " kept and goes on by itself, and asking again gives the same `id`. 409 GC-010 carries the"
        " `redemption_id` of the one that came first. Scope `redeem`.",
        parameters=[KEY_HEADER],
        examples=examples.REDEEM,
        tags=["Redemptions"],
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, "redeem")
        key = read_idempotency_key(request, organisation=partner.organisation, required=True)
        now = timezone.now()
        try:
            body = read_body(RedeemRequest, request)
            result = redeem(
                caller=_caller(request, partner),
                contact=_contact(body),
                now=now,
                code=body["code"],
                condition_number=body.get("condition_number"),
                disclose=True,
                key=key,
            )
        except KeyAnsweredError:
            return _replay(key, partner)
        except ServiceError as error:
            if key is not None:
                if find_record(claim=key) is not None:
                    return _replay(key, partner)
                keep_refusal(claim=key, error=error, status=error.code.status, now=now)
            raise
        if result.is_ordered:
            assert key is not None  # noqa: S101  it is required here
            return _answer_order(result, key, partner, asked_at=now)
        return Response(
            print_result(result, scopes=partner.scopes),
            status=201 if result.state == "issued" else 202,
            headers=NO_STORE,
        )


class RedemptionView(APIView):
    """One redemption, with its messages and trace."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_redemption",
        summary="See what became of a redemption",
        description="With its messages and the steps on its way. The card's secrets are null"
        " without the scope `cards:reveal`. Scope `redeem`.",
        responses={200: RedemptionDetailOutput, **_READ_PROBLEMS},
        examples=examples.REDEMPTION,
        tags=["Redemptions"],
    )
    def get(self, request: Request, redemption_id: UUID) -> Response:
        partner = require_scope(request, "redeem")
        try:
            facts = find_redemption(viewer=partner.viewer, redemption_id=redemption_id)
        except Redemption.DoesNotExist:
            raise Http404 from None
        disclosed = None
        if "cards:reveal" in partner.scopes:
            disclosed = disclose_redemption(
                redemption_id=redemption_id, actor=partner.actor, now=timezone.now()
            )
            facts = find_redemption(viewer=partner.viewer, redemption_id=redemption_id)
        return Response(
            print_detail(
                facts,
                steps=list_trace(redemption_id=redemption_id),
                scopes=partner.scopes,
                disclosed=disclosed,
            ),
            headers=NO_STORE,
        )


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


def _caller(request: Request, partner: Partner) -> Caller:
    http: HttpRequest = request._request  # noqa: SLF001  DRF's own way to the request
    return Caller(
        door=Redemption.Door.API,
        actor=partner.actor,
        request_id=http.META["giftline.request_id"],
        scope_kind=partner.scope_kind,
        scope_id=partner.scope_id,
        ip_address=http.META.get("REMOTE_ADDR") or None,
        user_agent=http.META.get("HTTP_USER_AGENT", ""),
    )


def _contact(body: dict[str, Any]) -> Contact:
    contact = body.get("contact")
    if contact is None:
        return _NO_CONTACT
    return read_contact(prefix="contact.", **contact)


def _print_code(facts: CodeFacts) -> dict[str, Any]:
    return {
        "valid": facts.is_valid,
        # Why it can't be had is between the client and its agency.
        "state": ("not_active" if facts.state in ("not_offered", "out_of_credit") else facts.state),
        "campaign": {"id": str(facts.campaign_id), "name": facts.campaign_name},
        "conditions": [
            {
                "number": offer.number,
                "name": offer.name,
                "brand": offer.brand,
                "value": (
                    None
                    if offer.value_minor is None
                    else format_amount(offer.value_minor, offer.currency)
                ),
                "currency": offer.currency,
            }
            for offer in facts.offers
        ],
        "requires": list(facts.requires),
    }
