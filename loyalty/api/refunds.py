"""Refunds of checkouts over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from alerts.errors import ValidationFailedError
from credit.api.answers import respond, respond_under_key
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import KEY_HEADER
from credit.api.inputs import read_body
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.money import AmountError, parse_amount
from credit.services.idempotency import KeyClaim
from loyalty.api import checkout_examples as examples
from loyalty.api.asking import (
    SCOPE,
    SCOPE_WORDS,
    TAGS,
    find,
    request_id_of,
)
from loyalty.api.outputs import RefundOutput
from loyalty.api.printing import print_refund
from loyalty.api.shapes import RefundRequest
from loyalty.models import Refund
from loyalty.selectors.checkouts import checkouts_of, visible_refunds
from loyalty.selectors.customers import points_after
from loyalty.services.checkouts import MANUAL, Line
from loyalty.services.refunds import refund_checkout


class RefundView(APIView):
    """Money and points back for a checkout."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="refund_checkout",
        summary="Refund a checkout, whole or in part",
        description="For articles that come back (`lines`), or an `amount`. The points of that"
        " share go back both ways: those redeemed are returned, those earned are taken; what is"
        " no longer there of them is `shortfall_points`. `state` is `pending` until a gateway has"
        " paid the money back. 409 GC-115: it was not paid, all of it is refunded, or its points"
        f" are still to come.{SCOPE_WORDS}",
        request=RefundRequest,
        responses={
            201: RefundOutput,
            **problems(401, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422),
        },
        parameters=[KEY_HEADER],
        examples=examples.REFUND,
        tags=TAGS,
    )
    def post(self, request: Request, checkout_id: UUID) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(RefundRequest, request)
            checkout = find(checkouts_of(viewer=partner.viewer), checkout_id)
            refund = refund_checkout(
                client_id=checkout.client_id,
                checkout_id=checkout_id,
                lines=[Line(**line) for line in body.get("lines", [])],
                amount_minor=_amount(body, checkout.currency),
                reason=body["reason"],
                actor=partner.actor,
                request_id=request_id_of(request),
                now=timezone.now(),
                key=claim,
            )
            return respond(_print(partner, refund.refund_id), status=201)

        def print_again(record: IdempotencyRecord) -> dict[str, Any]:
            assert record.object_id is not None  # noqa: S101  kept with the refund
            return _print(partner, record.object_id)

        return respond_under_key(request, partner, act=act, print_again=print_again, required=True)


def _amount(body: dict[str, Any], currency: str) -> int | None:
    if "amount" not in body:
        return None
    try:
        return parse_amount(body["amount"], currency)
    except AmountError as error:
        raise ValidationFailedError(errors={"amount": [str(error)]}) from None


def _print(partner: Partner, refund_id: UUID) -> dict[str, Any]:
    """Print a refund as it was first answered."""
    refund: Refund = find(visible_refunds(viewer=partner.viewer), refund_id)
    checkout = refund.checkout
    is_done = checkout.payment.gateway == MANUAL or refund.amount_minor == 0
    balance = (
        None
        if checkout.customer_id is None
        else points_after(
            customer_id=checkout.customer_id, reference_id=refund.pk, at=refund.created_at
        )
    )
    state = Refund.State.DONE if is_done else Refund.State.PENDING
    return print_refund(refund, state=state, points_balance=balance)
