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
from alerts.errors import ServiceError
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import NO_STORE, OPTIONAL_KEY_HEADER
from credit.api.inputs import StrictSerializer, TextField, read_body, read_idempotency_key
from credit.api.problems import problems
from credit.api.replays import refusal_of
from credit.services.idempotency import KeyAnsweredError, find_record, keep_refusal
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
        claim = read_idempotency_key(request, organisation=partner.organisation, required=False)
        record = None if claim is None else find_record(claim=claim)
        message_id = None
        try:
            if record is None:
                body = read_body(ResendRequest, request)
                message_id = resend_reward(
                    viewer=partner.viewer,
                    redemption_id=redemption_id,
                    method=body.get("method", ""),
                    to=body.get("to", ""),
                    now=timezone.now(),
                    claim=claim,
                ).message_id
        except (KeyAnsweredError, ServiceError) as error:
            # Whoever came second may find that the first has done it.
            record = None if claim is None else find_record(claim=claim)
            if record is None:
                if claim is not None and isinstance(error, ServiceError):
                    keep_refusal(
                        claim=claim, error=error, status=error.code.status, now=timezone.now()
                    )
                raise
        if record is not None and record.error_code:
            raise refusal_of(record)
        if record is not None:
            message_id = UUID(record.details["message_id"])
        assert message_id is not None  # noqa: S101  sent, or sent before
        replayed = {} if record is None else {"Idempotency-Replayed": "true"}
        return Response(
            {"message": _print(partner, redemption_id, message_id)},
            status=202,
            headers={**NO_STORE, **replayed},
        )


def _print(partner: Partner, redemption_id: UUID, message_id: UUID) -> dict[str, Any]:
    """Print the message as it was promised, also when it has gone out since."""
    facts = find_redemption(viewer=partner.viewer, redemption_id=redemption_id)
    message = next(one for one in facts.messages if one.message_id == message_id)
    return {**print_message(message), "state": "queued"}
