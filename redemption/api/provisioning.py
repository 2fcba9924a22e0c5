"""A reward for somebody whom a call centre's system or a CRM knows."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import KEY_HEADER
from credit.api.inputs import IdField, StrictSerializer, TextField, read_body, read_idempotency_key
from credit.api.problems import problems
from redemption.api import examples
from redemption.api.answers import REDEEM_FAILURES, answer_once, caller_of, contact_of
from redemption.api.guarding import guarded_call
from redemption.api.serializers import LONGEST_CODE, ContactSerializer, RedemptionOutput
from redemption.models import AttemptLog
from redemption.services.opt_ins import LONGEST_SKIP_REASON
from redemption.services.provisioning import Order, provision
from redemption.services.redeem import RedeemResult

_PROBLEMS = problems(404, *REDEEM_FAILURES)
_ONE_OF_TWO = "Give either recipient_id or code."


class ProvisionRequest(StrictSerializer):
    campaign_id = IdField()
    condition_number = serializers.IntegerField(min_value=1, max_value=32767)
    recipient_id = IdField(required=False, help_text="This or `code`, one of the two.")
    code = TextField(required=False, max_length=LONGEST_CODE)
    brand_id = IdField(required=False, help_text="Refused where the condition is for another.")
    denomination = TextField(
        required=False,
        max_length=40,
        help_text="The card's value, `25.00`; refused where the condition is for another.",
    )
    contact = ContactSerializer(required=False)
    skip_opt_in_reason = TextField(
        required=False,
        max_length=LONGEST_SKIP_REASON,
        help_text="How you know that texts are welcome, where the campaign asks for an opt-in."
        " Kept readable with your key: no code in it.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("recipient_id" in attrs) == ("code" in attrs):
            raise serializers.ValidationError(
                {"recipient_id": [_ONE_OF_TWO], "code": [_ONE_OF_TWO]}
            )
        return attrs


class ProvisionView(APIView):
    """Give a recipient the reward of a condition."""

    authentication_classes = [ApiKeyAuthentication]

    def get_throttles(self) -> list[BaseThrottle]:
        return []  # the guard counts the call too

    @extend_schema(
        operation_id="provision_reward",
        summary="Give a recipient their reward",
        description="For call-centre and CRM systems, which know the recipient and that they have"
        " done what the condition asks: no second factor is asked for. Answers as"
        " `POST /redemptions/`. A code nobody in this campaign has is 404 GC-011; a campaign or"
        " recipient that is not there, or not yours, 404 GC-111. With `skip_opt_in_reason` your"
        " key answers for the person's consent to texts, which is recorded with the reason; who"
        " has replied STOP can't be answered for (409 GC-115). Scope `provision`.",
        request=ProvisionRequest,
        responses={201: RedemptionOutput, 202: RedemptionOutput, **_PROBLEMS},
        parameters=[KEY_HEADER],
        examples=examples.PROVISION,
        tags=["Redemptions"],
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, "provision")
        key = read_idempotency_key(request, organisation=partner.organisation, required=True)
        now = timezone.now()

        def work() -> RedeemResult:
            body = read_body(ProvisionRequest, request)
            contact = contact_of(body)
            body.pop("contact", None)
            with guarded_call(
                request,
                partner,
                action=AttemptLog.Action.PROVISION,
                code=body.get("code"),
                key=key,
                now=now,
            ):
                return provision(
                    order=Order(**body),
                    viewer=partner.viewer,
                    caller=caller_of(request, partner, vouches=True),
                    contact=contact,
                    now=now,
                    disclose=True,
                    key=key,
                )

        return answer_once(key=key, partner=partner, now=now, work=work)
