"""Taking a reward back, and exchanging a card that is no good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from credit.api.answers import respond, respond_under_key
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import OPTIONAL_KEY_HEADER
from credit.api.inputs import StrictSerializer, TextField, read_body
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.services.idempotency import KeyClaim
from redemption.api import examples
from redemption.api.printing import print_detail
from redemption.api.serializers import RedemptionDetailOutput
from redemption.models import Redemption
from redemption.selectors.redemptions import find_redemption, list_trace
from redemption.services.cancelling import LONGEST_REASON, cancel_redemption
from redemption.services.disclosure import disclose_redemption
from redemption.services.replacing import replace_card

_COMMON = (401, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422)
_CANCEL_PROBLEMS = problems(*_COMMON)
_REPLACE_PROBLEMS = problems(*_COMMON, ErrorCode.OUT_OF_STOCK)
_REASON = OpenApiExample(
    "Why", value={"reason": "The recipient says that the card is empty"}, request_only=True
)


class ReasonRequest(StrictSerializer):
    reason = TextField(
        max_length=LONGEST_REASON,
        help_text="Kept readable with who did it and when: no code in it.",
    )


class CancelView(APIView):
    """Take a reward back for good."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="cancel_redemption",
        summary="Cancel a redemption",
        description="The code stays used, messages that are not on their way are not sent, and"
        " the link is dead. A card that nobody can have seen goes back to stock and what was"
        " charged is given back: `card` is null and `refunded` the amount. One whose code may"
        " have been seen becomes void and stays charged: `refunded` is 0. 409 GC-115: it has"
        " ended already, or a provider is being asked for its card. Scope `redeem`.",
        request=ReasonRequest,
        responses={200: RedemptionDetailOutput, **_CANCEL_PROBLEMS},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=[_REASON, *examples.CANCELLED],
        tags=["Redemptions"],
    )
    def post(self, request: Request, redemption_id: UUID) -> Response:
        partner = require_scope(request, "redeem")

        def cancel(reason: str, claim: KeyClaim | None) -> None:
            cancel_redemption(
                viewer=partner.viewer,
                redemption_id=redemption_id,
                reason=reason,
                now=timezone.now(),
                claim=claim,
            )

        return _answer(
            request, partner, redemption_id, cancel, first_state=Redemption.State.CANCELLED
        )


class ReplaceView(APIView):
    """Exchange a card that is wrong, empty or compromised."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="replace_card",
        summary="Replace the card of a redemption",
        description="The card becomes void for good, and the redemption gets another one of the"
        " same brand and value, which the answer shows. Nothing is charged a second time. The"
        " old link is dead; where the recipient had given a contact, a new one is sent there."
        " 409 GC-003: there is no other card, and nothing was changed. 409 GC-115: it has no"
        " card to replace. Each call exchanges the card, so send an Idempotency-Key. Scope"
        " `provision`.",
        request=ReasonRequest,
        responses={200: RedemptionDetailOutput, **_REPLACE_PROBLEMS},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=[_REASON, *examples.REPLACED],
        tags=["Redemptions"],
    )
    def post(self, request: Request, redemption_id: UUID) -> Response:
        partner = require_scope(request, "provision")

        def replace(reason: str, claim: KeyClaim | None) -> None:
            replace_card(
                viewer=partner.viewer,
                redemption_id=redemption_id,
                reason=reason,
                now=timezone.now(),
                discloses=True,
                claim=claim,
            )

        return _answer(
            request,
            partner,
            redemption_id,
            replace,
            first_state=Redemption.State.DELIVERED,
            shows_code=True,
        )


def _answer(
    request: Request,
    partner: Partner,
    redemption_id: UUID,
    work: Callable[[str, KeyClaim | None], None],
    *,
    first_state: Redemption.State,
    shows_code: bool = False,
) -> Response:
    def act(claim: KeyClaim | None) -> Response:
        work(read_body(ReasonRequest, request)["reason"], claim)
        return respond(_print(partner, redemption_id, None, shows_code=shows_code))

    def print_again(record: IdempotencyRecord) -> dict[str, Any]:
        printed = _print(partner, redemption_id, record, shows_code=shows_code)
        # As it was told the first time, whatever has become of it since.
        return {**printed, "state": first_state.value, "reason": None}

    return respond_under_key(request, partner, act=act, print_again=print_again)


def _print(
    partner: Partner, redemption_id: UUID, record: IdempotencyRecord | None, *, shows_code: bool
) -> dict[str, Any]:
    disclosed = None
    if shows_code:
        disclosed = disclose_redemption(
            redemption_id=redemption_id, actor=partner.actor, now=timezone.now()
        )
    facts = find_redemption(viewer=partner.viewer, redemption_id=redemption_id)
    first_card = None if record is None else record.details.get("card_id")
    if first_card is not None and (facts.card is None or str(facts.card.card_id) != first_card):
        # Exchanged once more since: that card's code belongs to another call's answer.
        disclosed = None
    return print_detail(
        facts,
        steps=list_trace(redemption_id=redemption_id),
        scopes=partner.scopes,
        disclosed=disclosed,
    )
