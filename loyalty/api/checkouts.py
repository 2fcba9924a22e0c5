"""Quotes and checkouts over the API."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from credit.api.answers import respond, respond_under_key
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import KEY_HEADER, OPTIONAL_KEY_HEADER
from credit.api.inputs import read_body, read_query
from credit.api.pagination import page_of, paginate
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.money import AmountError, parse_amount
from credit.services.idempotency import KeyClaim
from loyalty.api import checkout_examples as examples
from loyalty.api.asking import (
    SCOPE,
    SCOPE_WORDS,
    TAGS,
    client_of,
    find,
    keep_printed,
    refuse_again,
    request_id_of,
)
from loyalty.api.outputs import CheckoutOutput, QuoteOutput
from loyalty.api.printing import print_checkout, print_quote
from loyalty.api.shapes import CheckoutRequest, CheckoutsQuery, QuoteRequest
from loyalty.models import Checkout
from loyalty.selectors.checkouts import checkouts_of, current_facts, first_facts
from loyalty.selectors.shop import currency_of_articles
from loyalty.services.checkouts import (
    MANUAL,
    Cart,
    CheckoutResult,
    Line,
    ManualPayment,
    check_out,
)
from loyalty.services.payments import GatewayPayment, check_out_by_gateway
from loyalty.services.quotes import quote_cart

_FILTERS = {
    "client_id": "client_id",
    "customer_id": "customer_id",
    "order_number": "order_number",
    "state": "state",
    "created_after": "created_at__gte",
    "created_before": "created_at__lt",
}
# What a service calls them, and where they stand in a body.
_PLACES = {"payment": "payment.amount", "gateway": "payment.gateway"}


@dataclasses.dataclass(eq=False, kw_only=True)
class PaymentDeclinedError(ServiceError):
    """Nothing was charged; the checkout is kept as declined."""

    code: ClassVar = ErrorCode.PAYMENT_DECLINED
    answer_fields: ClassVar = ("checkout_id",)

    checkout_id: UUID


class QuotesView(APIView):
    """What a cart would cost and earn."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="quote_cart",
        summary="Ask what a cart would cost and earn",
        description="Nothing is set aside. `redeemable`: the customer has enough points to redeem"
        " some. 422 GC-112: fewer points are `available` than `requested`; what other checkouts"
        f" hold counts as spent.{SCOPE_WORDS}",
        request=QuoteRequest,
        responses={
            200: QuoteOutput,
            **problems(401, 403, 409, 413, 415, 422, ErrorCode.NOT_ENOUGH_POINTS),
        },
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.QUOTE,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(QuoteRequest, request)
            printed = print_quote(quote_cart(cart=_cart(partner, body)))
            keep_printed(claim, printed)
            return respond(printed)

        return respond_under_key(
            request,
            partner,
            act=act,
            print_again=lambda record: record.details,
            refuse_again=refuse_again,
        )


class CheckoutsView(APIView):
    """The checkouts in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_checkouts",
        summary="List checkouts",
        description=f"From the newest to the oldest, declined ones too.{SCOPE_WORDS}",
        parameters=[CheckoutsQuery],
        responses={200: page_of(CheckoutOutput), **problems(401, 403, 404)},
        examples=examples.CHECKOUTS,
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        query = read_query(CheckoutsQuery, request)
        narrowed = {lookup: query[name] for name, lookup in _FILTERS.items() if name in query}
        checkouts = checkouts_of(viewer=viewer).filter(**narrowed)
        page = paginate(request, checkouts, query=query, order=["-created_at", "-id"])
        return respond(page.printed(print_checkout(current_facts(row)) for row in page.rows))

    @extend_schema(
        operation_id="create_checkout",
        summary="Check a cart out",
        description="Prices are ours, and so are the points earned, from what was really paid:"
        " `payment.amount` must be the cart's total, which a quote tells. 422 GC-112: fewer points"
        " are `available` than `requested`; nothing was charged or set aside. 402 GC-113: the"
        " payment was declined; under the same key and order number it may be tried again. 409"
        " GC-115: too few articles, or the order number is taken. With `loyalty` `pending` the"
        " order is paid and its points are still to come, by themselves. With `gateway` `stripe`"
        " we charge the card that `payment_method` stands for. 202: the payment is not known yet;"
        f" don't charge again, ask by its id.{SCOPE_WORDS}",
        request=CheckoutRequest,
        responses={
            201: CheckoutOutput,
            202: CheckoutOutput,
            **problems(
                401,
                ErrorCode.PAYMENT_DECLINED,
                403,
                409,
                ErrorCode.STATE_FORBIDS,
                413,
                415,
                422,
                ErrorCode.NOT_ENOUGH_POINTS,
            ),
        },
        parameters=[KEY_HEADER],
        examples=examples.CHECKOUT,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(CheckoutRequest, request)
            result = _check_out(partner, body, claim, request_id=request_id_of(request))
            if result.state == Checkout.State.DECLINED:
                raise PaymentDeclinedError(checkout_id=result.checkout_id)
            status = 202 if result.state == Checkout.State.PAYMENT_UNKNOWN else 201
            printed = _print_first(partner, result.checkout_id, result.state)
            return respond(printed, status=status)

        def print_again(record: IdempotencyRecord) -> dict[str, Any]:
            assert record.object_id is not None  # noqa: S101  kept with the checkout
            return _print_first(partner, record.object_id, record.state)

        return respond_under_key(
            request,
            partner,
            act=act,
            print_again=print_again,
            refuse_again=refuse_again,
            required=True,
        )


class CheckoutView(APIView):
    """One checkout."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_checkout",
        summary="See a checkout",
        description="As it stands, with its payment and the log of its steps; `points_balance` is"
        f" the customer's of this moment.{SCOPE_WORDS}",
        responses={200: CheckoutOutput, **problems(401, 403, 404)},
        examples=examples.ONE_CHECKOUT,
        tags=TAGS,
    )
    def get(self, request: Request, checkout_id: UUID) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        checkout = find(checkouts_of(viewer=viewer), checkout_id)
        return respond(print_checkout(current_facts(checkout)))


def _cart(partner: Partner, body: dict[str, Any]) -> Cart:
    return Cart(
        client_id=client_of(partner, body),
        customer_id=body["customer_id"],
        lines=[Line(**line) for line in body["lines"]],
        points_to_redeem=body["points_to_redeem"],
    )


def _check_out(
    partner: Partner, body: dict[str, Any], claim: KeyClaim | None, *, request_id: str
) -> CheckoutResult:
    cart, payment = _cart(partner, body), body["payment"]
    currency = currency_of_articles(
        client_id=cart.client_id, skus=[line.sku for line in cart.lines]
    )
    if currency is None:
        # It refuses articles that are not there, or have prices in several currencies.
        currency = quote_cart(cart=cart).currency
    try:
        amount_minor = parse_amount(payment["amount"], currency)
    except AmountError as error:
        raise ValidationFailedError(errors={"payment.amount": [str(error)]}) from None
    facts: dict[str, Any] = {
        "cart": cart,
        "order_number": body["order_number"],
        "register_session_id": body["register_session_id"],
        "actor": partner.actor,
        "request_id": request_id,
        "now": timezone.now(),
        "key": claim,
    }
    try:
        if payment["gateway"] != MANUAL:
            return check_out_by_gateway(
                payment=GatewayPayment(
                    gateway=payment["gateway"],
                    payment_method=payment["payment_method"],
                    amount_minor=amount_minor,
                ),
                **facts,
            )
        return check_out(
            payment=ManualPayment(
                is_approved=payment["result"] == "approved",
                amount_minor=amount_minor,
                reference=payment["reference"],
            ),
            **facts,
        )
    except ValidationFailedError as error:
        for field, place in _PLACES.items():
            if field in error.errors:
                error.errors[place] = error.errors.pop(field)
        raise


def _print_first(partner: Partner, checkout_id: UUID, state: str) -> dict[str, Any]:
    checkout = find(checkouts_of(viewer=partner.viewer), checkout_id)
    return print_checkout(first_facts(checkout, state=state))
