"""Customers over the API: added, found, and what happened to their points."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
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
from credit.api.pagination import ListQuery, page_of, paginate
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.selectors.viewers import Viewer
from credit.services.idempotency import KeyClaim
from loyalty.api import examples
from loyalty.api.asking import SCOPE, SCOPE_WORDS, TAGS, client_of, find
from loyalty.api.outputs import CustomerOutput, PointsOutput
from loyalty.api.printing import print_customer, print_points
from loyalty.api.shapes import CustomerChange, CustomerRequest, CustomersQuery
from loyalty.models import Customer
from loyalty.selectors.customers import customers_of, transactions_of
from loyalty.services.customers import change_customer, create_customer
from sms.phones import PhoneError, parse_phone

_READING = problems(401, 403, 404)
# What a customer who has just been added has.
_NEW = {
    "points_balance": 0,
    "points_held": 0,
    "points_available": 0,
    "lifetime_points": 0,
    "tier": None,
    "is_active": True,
}


class CustomersView(APIView):
    """The customers in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_customers",
        summary="List or find customers",
        description="From the oldest to the newest; `?phone=` and `?email=` find one. What is"
        f" held is part of the balance and can't be spent.{SCOPE_WORDS}",
        parameters=[CustomersQuery],
        responses={200: page_of(CustomerOutput), **_READING},
        examples=examples.CUSTOMERS,
        tags=TAGS,
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        query = read_query(CustomersQuery, request)
        customers = customers_of(
            viewer=viewer,
            client_id=query.get("client_id"),
            phone=_read_phone(query),
            email=query.get("email"),
        )
        page = paginate(request, customers, query=query, order=["created_at", "id"])
        return respond(page.printed(map(print_customer, page.rows)))

    @extend_schema(
        operation_id="create_customer",
        summary="Add a customer",
        description="Without points. Two customers of a client can't have the same phone number."
        f"{SCOPE_WORDS}",
        request=CustomerRequest,
        responses={201: CustomerOutput, **problems(401, 403, 409, 413, 415, 422)},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.NEW_CUSTOMER,
        tags=TAGS,
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(CustomerRequest, request)
            client_id = client_of(partner, body)
            body.pop("client_id", None)
            added = create_customer(
                client_id=client_id, actor=partner.actor, now=timezone.now(), key=claim, **body
            )
            return respond(_print_new(partner.viewer, added.customer_id), status=201)

        def print_again(record: IdempotencyRecord) -> dict[str, Any]:
            assert record.object_id is not None  # noqa: S101  kept with the customer
            return _print_new(partner.viewer, record.object_id)

        return respond_under_key(request, partner, act=act, print_again=print_again)


class CustomerView(APIView):
    """One customer."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_customer",
        summary="See a customer's points",
        description="`points_available` is what can be redeemed now. `tier` is null below the"
        f" first one.{SCOPE_WORDS}",
        responses={200: CustomerOutput, **_READING},
        examples=examples.ONE,
        tags=TAGS,
    )
    def get(self, request: Request, customer_id: UUID) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        return respond(print_customer(find(customers_of(viewer=viewer), customer_id)))

    @extend_schema(
        operation_id="change_customer",
        summary="Change a customer's name, phone number or e-mail address",
        description="What is not given stays as it is. 409 GC-115: they were forgotten."
        f"{SCOPE_WORDS}",
        request=CustomerChange,
        responses={
            200: CustomerOutput,
            **problems(401, 403, 404, ErrorCode.STATE_FORBIDS, 413, 415),
        },
        examples=examples.CHANGE,
        tags=TAGS,
    )
    def patch(self, request: Request, customer_id: UUID) -> Response:
        partner = require_scope(request, SCOPE)
        body = read_body(CustomerChange, request)
        customers = customers_of(viewer=partner.viewer)
        change_customer(
            client_id=find(customers, customer_id).client_id,
            customer_id=customer_id,
            actor=partner.actor,
            **body,
        )
        return respond(print_customer(find(customers.all(), customer_id)))


class PointsView(APIView):
    """What happened to a customer's points."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_customer_transactions",
        summary="List what happened to a customer's points",
        description="From the newest to the oldest; each begins with the balance that the one"
        f" before it ended with.{SCOPE_WORDS}",
        parameters=[ListQuery],
        responses={200: page_of(PointsOutput), **_READING},
        examples=examples.POINTS,
        tags=TAGS,
    )
    def get(self, request: Request, customer_id: UUID) -> Response:
        viewer = require_scope(request, SCOPE).viewer
        query = read_query(ListQuery, request)
        customer = find(customers_of(viewer=viewer), customer_id)
        page = paginate(request, transactions_of(customer), query=query, order=["-number"])
        return respond(page.printed(map(print_points, page.rows)))


def _print_new(viewer: Viewer, customer_id: UUID) -> dict[str, Any]:
    customer: Customer = find(customers_of(viewer=viewer), customer_id)
    return {**print_customer(customer), **_NEW}


def _read_phone(query: dict[str, Any]) -> str | None:
    if "phone" not in query:
        return None
    try:
        return parse_phone(
            query["phone"], region=settings.DEFAULT_PHONE_REGION, allow_possible=settings.SANDBOX
        )
    except PhoneError as error:
        raise ValidationFailedError(errors={"phone": [str(error)]}) from None
