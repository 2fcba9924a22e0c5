"""Sending a reward once more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
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
from redemption.api.printing import print_message
from redemption.api.serializers import MessageOutput
from redemption.selectors.redemptions import find_redemption
from redemption.services.resending import resend_reward

_PROBLEMS = problems(401, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422)


class ResendRequest(StrictSerializer):
    method = TextField(
        required=False, max_length=8, help_text="`sms` or `email`; else it is taken from `to`."
    )
    to = TextField(
        required=False,
        max_length=254,
        help_text="A number or an address; else where it went before, or what is on file.",
    )


class ResendOutput(serializers.Serializer[Any]):
    message = MessageOutput()


class ResendView(APIView):
    """Send a reward once more."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="resend_reward",
        summary="Send a reward again",
        description="The same card, nothing is charged. Without a body's fields it goes where it"
        " went before. To another number or address the link changes: the one that went to the"
        " first is dead, and what still waited to be sent there is not. 400 GC-012 at `to`: no"
        " text may go to this number, because its owner has replied STOP or, where the campaign"
        " asks for it, has not agreed. 409 GC-115: it was not issued, or has ended. Each call"
        " sends, so a repeat needs an Idempotency-Key to be safe. Scope `redeem`.",
        request=ResendRequest,
        responses={202: ResendOutput, **_PROBLEMS},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.RESEND,
        tags=["Redemptions"],
    )
    def post(self, request: Request, redemption_id: UUID) -> Response:
        partner = require_scope(request, "redeem")

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(ResendRequest, request)
            sent = resend_reward(
                viewer=partner.viewer,
                redemption_id=redemption_id,
                method=body.get("method", ""),
                to=body.get("to", ""),
                now=timezone.now(),
                claim=claim,
            )
            return respond(_print(partner, redemption_id, sent.message_id), status=202)

        def print_again(record: IdempotencyRecord) -> dict[str, Any]:
            return _print(partner, redemption_id, UUID(record.details["message_id"]))

        return respond_under_key(request, partner, act=act, print_again=print_again)


def _print(partner: Partner, redemption_id: UUID, message_id: UUID) -> dict[str, Any]:
    """Print the message as it was promised, also when it has gone out since."""
    facts = find_redemption(viewer=partner.viewer, redemption_id=redemption_id)
    message = next(one for one in facts.messages if one.message_id == message_id)
    return {"message": {**print_message(message), "state": "queued"}}
