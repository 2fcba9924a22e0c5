"""Cards of the platform's stock sold to a client over the API."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import KEY_HEADER, NO_STORE
from credit.api.inputs import IdField, StrictSerializer, TextField, read_body, read_idempotency_key
from credit.api.problems import problems
from credit.api.replays import refusal_of
from credit.money import AmountError, format_amount, parse_amount
from credit.selectors.viewers import Viewer
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_refusal
from credit.services.transfers import AccountNotActiveError, InsufficientCreditError
from giftcards.models import Pool
from giftcards.selectors.pools import find_pool
from giftcards.services.sales import LARGEST_SALE, Sale, SaleNotFoundError, sell_cards

_LONGEST_AMOUNT = 32
_POOL = "6d2f4b18-93c5-4e7a-8b0d-1c2e3f4a5b01"
_CLIENT = "3d9a1c7e-2b4f-4d8a-8e6c-5a7b9c0d1e03"


class SaleRequest(StrictSerializer):
    client_id = IdField()
    quantity = serializers.IntegerField(min_value=1, max_value=LARGEST_SALE)
    price_per_card = TextField(
        max_length=_LONGEST_AMOUNT,
        help_text='In the currency of the pool, as a string: `"24.00"`.',
    )


class SaleOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    sale_id = serializers.UUIDField()
    pool_id = serializers.UUIDField(help_text="The client's pool, in which the cards are now.")
    quantity = serializers.IntegerField()
    price_per_card = serializers.CharField()
    total = serializers.CharField()
    currency = serializers.CharField()
    transaction_id = serializers.UUIDField()


class SellView(APIView):
    """Cards out of a master pool."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="sell_cards",
        summary="Sell cards to a client",
        description="Exactly so many available cards of a master pool move to the client's pool"
        " of that value, made if there is none, and the client's account pays for them; or"
        " nothing happens. Redeeming them costs nothing more. 409 GC-115: there are fewer cards"
        " (`available` says how many), or the account is paused or closed. 402 GC-006: the"
        " account is short. For the platform's keys; scope `inventory:write`.",
        request=SaleRequest,
        responses={
            201: SaleOutput,
            **problems(401, 402, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422),
        },
        parameters=[KEY_HEADER],
        examples=[
            OpenApiExample(
                "A hundred cards",
                value={"client_id": _CLIENT, "quantity": 100, "price_per_card": "24.00"},
                request_only=True,
            ),
            OpenApiExample(
                "Sold",
                value={
                    "sale_id": "9e8d7c6b-5a49-4382-a716-05f4e3d2c1b0",
                    "pool_id": _POOL,
                    "quantity": 100,
                    "price_per_card": "24.00",
                    "total": "2400.00",
                    "currency": "USD",
                    "transaction_id": "0f1e2d3c-4b5a-4697-8877-665544332211",
                },
                response_only=True,
                status_codes=["201"],
                media_type="application/json",
            ),
        ],
        tags=["Inventory"],
    )
    def post(self, request: Request, pool_id: UUID) -> Response:
        partner = require_scope(request, "inventory:write")
        claim = read_idempotency_key(request, organisation=partner.organisation, required=True)
        assert claim is not None  # noqa: S101  it is required
        try:
            sale = _sell(request, partner.viewer, pool_id, claim)
        except KeyAnsweredError:
            raise _kept_refusal(claim) from None
        except ServiceError as error:
            record = find_record(claim=claim)
            if record is not None and record.error_code:
                raise refusal_of(record) from None
            keep_refusal(claim=claim, error=error, status=error.code.status, now=timezone.now())
            raise
        replayed = {"Idempotency-Replayed": "true"} if sale.is_replay else {}
        return Response(print_sale(sale), status=201, headers={**NO_STORE, **replayed})


def print_sale(sale: Sale) -> dict[str, Any]:
    """Print what was sold; the same for the first call and every repeat."""
    return {
        "sale_id": str(sale.sale_id),
        "pool_id": str(sale.pool_id),
        "quantity": sale.quantity,
        "price_per_card": format_amount(sale.price_per_card_minor, sale.currency),
        "total": format_amount(sale.total_minor, sale.currency),
        "currency": sale.currency,
        "transaction_id": str(sale.transaction_id),
    }


def _sell(request: Request, viewer: Viewer, pool_id: UUID, claim: KeyClaim) -> Sale:
    body = read_body(SaleRequest, request)
    try:
        currency = find_pool(viewer=viewer, pool_id=pool_id).denomination.currency
    except Pool.DoesNotExist:
        raise SaleNotFoundError from None
    try:
        price_minor = parse_amount(body["price_per_card"], currency)
    except AmountError as error:
        raise ValidationFailedError(errors={"price_per_card": [str(error)]}) from None
    # The catalogue's words for these two are for whoever redeems; `errors` tells the seller.
    try:
        return sell_cards(
            viewer=viewer,
            master_pool_id=pool_id,
            client_id=body["client_id"],
            quantity=body["quantity"],
            price_per_card_minor=price_minor,
            key=claim.key,
            now=timezone.now(),
            claim=claim,
        )
    except InsufficientCreditError as error:
        error.errors = {"client_id": ["The client's account holds less than the total."]}
        raise
    except AccountNotActiveError as error:
        error.errors = {"client_id": [f"The client's account is {error.status}."]}
        raise


def _kept_refusal(claim: KeyClaim) -> ServiceError:
    record = find_record(claim=claim)
    assert record is not None  # noqa: S101  nothing else says that a key was answered
    return refusal_of(record)
