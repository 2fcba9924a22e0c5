"""Articles and tills over the API."""

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
from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import OPTIONAL_KEY_HEADER
from credit.api.inputs import read_body, read_query
from credit.api.pagination import page_of, paginate
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.money import AmountError, format_amount, parse_amount
from credit.selectors.viewers import Viewer
from credit.services.idempotency import KeyClaim
from loyalty.api import shop_examples as examples
from loyalty.api.asking import (
    SCOPE,
    SCOPE_WORDS,
    TAGS,
    client_of,
    find,
    keep_printed,
)
from loyalty.api.outputs import RegisterSessionOutput, StockItemOutput
from loyalty.api.printing import print_article, print_session
from loyalty.api.shapes import (
    EmptyRequest,
    SessionRequest,
    SessionsQuery,
    StockItemRequest,
    StockItemsQuery,
)
from loyalty.selectors.shop import articles_of, currency_of_client, sessions_of
from loyalty.services.articles import create_article
from loyalty.services.registers import close_register, open_register

_READING = problems(401, 403, 404)


class StockItemsView(APIView):
    """The articles in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_stock_items",
        summary="List articles",
        description="From the oldest to the newest. `reserved` are set aside for checkouts whose"
        f" payment is not known yet; they are part of `on_hand`.{SCOPE_WORDS}",
        parameters=[StockItemsQuery],
        responses={200: page_of(StockItemOutput), **_READING},
        examples=examples.STOCK_ITEMS,
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        query = read_query(StockItemsQuery, request)
        articles = articles_of(
            viewer=viewer, client_id=query.get("client_id"), sku=query.get("sku")
        )
        page = paginate(request, articles, query=query, order=["created_at", "id"])
        return respond(page.printed(map(print_article, page.rows)))

    @extend_schema(
        operation_id="create_stock_item",
        summary="Add an article",
        description="Its price is what checkouts charge from now on; tills send article numbers"
        f" and quantities, never prices.{SCOPE_WORDS}",
        request=StockItemRequest,
        responses={201: StockItemOutput, **problems(401, 403, 409, 413, 415, 422)},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.NEW_STOCK_ITEM,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(StockItemRequest, request)
            client_id = client_of(partner, body)
            currency = _currency(body, client_id)
            try:
                price_minor = parse_amount(body["price"], currency)
            except AmountError as error:
                raise ValidationFailedError(errors={"price": [str(error)]}) from None
            added = create_article(
                client_id=client_id,
                sku=body["sku"],
                name=body["name"],
                price_minor=price_minor,
                currency=currency,
                on_hand=body["on_hand"],
                actor=partner.actor,
                now=timezone.now(),
                key=claim,
            )
            return respond(_print_article(partner.viewer, added.stock_item_id), status=201)

        def print_again(record: IdempotencyRecord) -> dict[str, Any]:
            assert record.object_id is not None  # noqa: S101  kept with the article
            # It may have been sold, renamed or counted since; the body says how it began.
            body = read_body(StockItemRequest, request)
            printed = _print_article(partner.viewer, record.object_id)
            price = parse_amount(body["price"], printed["currency"])
            return {
                **printed,
                "name": body["name"],
                "price": format_amount(price, printed["currency"]),
                "on_hand": body["on_hand"],
                "reserved": 0,
                "is_active": True,
            }

        return respond_under_key(request, partner, act=act, print_again=print_again)


class StockItemView(APIView):
    """One article."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_stock_item",
        summary="See an article",
        description=f"With how many there are and how many of them are set aside.{SCOPE_WORDS}",
        responses={200: StockItemOutput, **_READING},
        examples=examples.STOCK_ITEM,
        tags=TAGS,
    )
    def get(self, request: Request, stock_item_id: UUID) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        return respond(_print_article(viewer, stock_item_id))


class SessionsView(APIView):
    """The tills' sessions in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_register_sessions",
        summary="List register sessions",
        description=f"From the newest to the oldest, each with its totals so far.{SCOPE_WORDS}",
        parameters=[SessionsQuery],
        responses={200: page_of(RegisterSessionOutput), **_READING},
        examples=examples.SESSIONS,
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        query = read_query(SessionsQuery, request)
        sessions = sessions_of(
            viewer=viewer, client_id=query.get("client_id"), is_open=query["open"]
        )
        page = paginate(request, sessions, query=query, order=["-opened_at", "-id"])
        return respond(page.printed(map(print_session, page.rows)))

    @extend_schema(
        operation_id="open_register_session",
        summary="Open a register",
        description=f"409 GC-115: this register is open.{SCOPE_WORDS}",
        request=SessionRequest,
        responses={
            201: RegisterSessionOutput,
            **problems(401, 403, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422),
        },
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.NEW_SESSION,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(SessionRequest, request)
            client_id = client_of(partner, body)
            opened = open_register(
                client_id=client_id,
                register=body["register"],
                currency=_currency(body, client_id),
                actor=partner.actor,
                now=timezone.now(),
                key=claim,
            )
            return respond(_print_opened(partner.viewer, opened.register_session_id), status=201)

        def print_again(record: IdempotencyRecord) -> dict[str, Any]:
            assert record.object_id is not None  # noqa: S101  kept with the session
            return _print_opened(partner.viewer, record.object_id)

        return respond_under_key(request, partner, act=act, print_again=print_again)


class SessionView(APIView):
    """One till's session."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_register_session",
        summary="See a register session",
        description=f"With its totals so far.{SCOPE_WORDS}",
        responses={200: RegisterSessionOutput, **_READING},
        examples=examples.ONE_SESSION,
        tags=TAGS,
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        return respond(print_session(find(sessions_of(viewer=viewer), session_id)))


class CloseView(APIView):
    """Close a till."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="close_register_session",
        summary="Close a register",
        description="Answers with its totals; closed again it answers the same. 409 GC-115: a"
        f" payment of this register is not known yet.{SCOPE_WORDS}",
        request=EmptyRequest,
        responses={
            200: RegisterSessionOutput,
            **problems(401, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422),
        },
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.CLOSE,
        tags=TAGS,
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            read_body(EmptyRequest, request)
            session = find(sessions_of(viewer=partner.viewer), session_id)
            close_register(
                client_id=session.client_id,
                register_session_id=session_id,
                actor=partner.actor,
                now=timezone.now(),
            )
            printed = print_session(find(sessions_of(viewer=partner.viewer), session_id))
            keep_printed(claim, printed)
            return respond(printed)

        return respond_under_key(
            request, partner, act=act, print_again=lambda record: record.details
        )


def _currency(body: dict[str, Any], client_id: UUID) -> str:
    currency = body.get("currency") or currency_of_client(client_id)
    if currency is None:
        raise ValidationFailedError(errors={"currency": ["Say in which currency."]})
    return str(currency)


def _print_article(viewer: Viewer, stock_item_id: UUID) -> dict[str, Any]:
    return print_article(find(articles_of(viewer=viewer), stock_item_id))


def _print_opened(viewer: Viewer, session_id: UUID) -> dict[str, Any]:
    session = find(sessions_of(viewer=viewer), session_id)
    nothing = format_amount(0, session.currency)
    return {
        **print_session(session),
        "closed_at": None,
        "orders": 0,
        "sales": nothing,
        "refunds": nothing,
        "points_spent": 0,
        "points_earned": 0,
    }
