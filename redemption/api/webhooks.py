"""Outgoing webhooks: endpoints, their secrets, and what was sent to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.codes import ErrorCode
from alerts.models import WebhookDelivery
from alerts.services.webhook_events import EVENTS
from credit.api.answers import respond, respond_under_key
from credit.api.authentication import ApiKeyAuthentication, Partner, require_scope
from credit.api.headers import OPTIONAL_KEY_HEADER
from credit.api.inputs import read_body, read_query
from credit.api.pagination import ListQuery, page_of, paginate
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.services.idempotency import KeyClaim
from redemption.api import webhook_examples as examples
from redemption.api.webhook_shapes import (
    DeliveriesQuery,
    DeliveryOutput,
    EndpointChange,
    EndpointOutput,
    EndpointRequest,
    EndpointSecretOutput,
    NothingRequest,
    RotationRequest,
    print_delivery,
    print_endpoint,
)
from redemption.selectors.webhook_endpoints import (
    EndpointNotFoundError,
    find_endpoint,
    visible_endpoints,
)
from redemption.services.webhook_endpoints import (
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    replay_webhook,
    rotate_endpoint_secret,
    secret_shown_before,
    send_test_event,
    switch_endpoint,
)

_TAGS = ["Webhooks"]
_SCOPE = " Scope `webhooks`."
_READING = problems(401, 403, 404)
_DECIDING = problems(401, 403, 404, 409, ErrorCode.STATE_FORBIDS, 413, 415, 422)


class EndpointsView(APIView):
    """The endpoints in the key's scope."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_webhook_endpoints",
        summary="List webhook endpoints",
        description="From the oldest to the newest: those of the key's organisation, and with an"
        f" agency's key those of its clients. Secrets are not shown.{_SCOPE}",
        parameters=[ListQuery],
        responses={200: page_of(EndpointOutput), **problems(401, 403)},
        examples=examples.LIST,
        tags=_TAGS,
    )
    def get(self, request: Request) -> Response:
        viewer = require_scope(request, "webhooks").viewer
        query = read_query(ListQuery, request)
        page = paginate(request, visible_endpoints(viewer), query=query, order=["created_at", "id"])
        return respond(page.printed(map(print_endpoint, page.rows)))

    @extend_schema(
        operation_id="create_webhook_endpoint",
        summary="Have an address told what happens",
        description="Answers with the secret that its calls are signed with, as Standard Webhooks"
        " has it; it is shown now only. The address is https, at port 443 or 8443, and public:"
        " each of the addresses that its name stands for is checked now and at every call. An"
        f" organisation has at most 20.{_SCOPE}",
        request=EndpointRequest,
        responses={201: EndpointSecretOutput, **problems(401, 403, 409, 413, 415, 422)},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.CREATE,
        tags=_TAGS,
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, "webhooks")

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(EndpointRequest, request)
            endpoint, secret = create_endpoint(
                viewer=partner.viewer,
                client_id=body.get("client_id"),
                url=body["url"],
                events=body.get("events", list(EVENTS)),
                description=body["description"],
                now=timezone.now(),
                claim=claim,
            )
            return respond(print_endpoint(endpoint, secret=secret), status=201)

        return respond_under_key(
            request, partner, act=act, print_again=lambda record: _secret_again(partner, record)
        )


class EndpointView(APIView):
    """One endpoint."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="get_webhook_endpoint",
        summary="See a webhook endpoint",
        description="With its state, and since when it has been failing. `disabled`: it answered"
        f" 410, and `reason` says so.{_SCOPE}",
        responses={200: EndpointOutput, **_READING},
        examples=examples.ONE,
        tags=_TAGS,
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        viewer = require_scope(request, "webhooks").viewer
        return respond(print_endpoint(find_endpoint(viewer=viewer, endpoint_id=endpoint_id)))

    @extend_schema(
        operation_id="change_webhook_endpoint",
        summary="Change, pause or resume a webhook endpoint",
        description="What is not given stays as it is. What is on its way goes to the new address."
        " A disabled endpoint made active hears of what happens from then on; what was given up"
        f" can be replayed.{_SCOPE}",
        request=EndpointChange,
        responses={200: EndpointOutput, **problems(401, 403, 404, 413, 415)},
        examples=examples.CHANGE,
        tags=_TAGS,
    )
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        viewer = require_scope(request, "webhooks").viewer
        body = read_body(EndpointChange, request)
        now = timezone.now()
        endpoint = change_endpoint(
            viewer=viewer,
            endpoint_id=endpoint_id,
            url=body.get("url"),
            events=body.get("events"),
            description=body.get("description"),
            now=now,
        )
        if "state" in body:
            endpoint = switch_endpoint(
                viewer=viewer,
                endpoint_id=endpoint_id,
                is_active=body["state"] == "active",
                reason="Paused over the API.",
                now=now,
            )
        return respond(print_endpoint(endpoint))

    @extend_schema(
        operation_id="delete_webhook_endpoint",
        summary="Remove a webhook endpoint",
        description="With all that is kept of its deliveries; what is on its way is not sent any"
        f" more.{_SCOPE}",
        responses={204: None, **_READING},
        tags=_TAGS,
    )
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        viewer = require_scope(request, "webhooks").viewer
        delete_endpoint(viewer=viewer, endpoint_id=endpoint_id, now=timezone.now())
        return Response(status=204)


class RotateView(APIView):
    """A new secret."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="rotate_webhook_secret",
        summary="Rotate a webhook endpoint's secret",
        description="Answers with the new secret, which is shown now only. Until the overlap ends"
        " every call carries two signatures, of the old and of the new one. 409 GC-115: the one"
        " before is still good, or the one in use can't be read any more; with `overlap_hours` 0"
        f" both end at once.{_SCOPE}",
        request=RotationRequest,
        responses={200: EndpointSecretOutput, **_DECIDING},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.ROTATE,
        tags=_TAGS,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        partner = require_scope(request, "webhooks")

        def act(claim: KeyClaim | None) -> Response:
            body = read_body(RotationRequest, request)
            endpoint, secret = rotate_endpoint_secret(
                viewer=partner.viewer,
                endpoint_id=endpoint_id,
                overlap=timedelta(hours=body["overlap_hours"]),
                now=timezone.now(),
                claim=claim,
            )
            return respond(print_endpoint(endpoint, secret=secret))

        return respond_under_key(
            request, partner, act=act, print_again=lambda record: _secret_again(partner, record)
        )


class DeliveriesView(APIView):
    """What an endpoint was sent."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="list_webhook_deliveries",
        summary="List what an endpoint was sent",
        description="From the newest to the oldest, with every try. Kept for 30 days unless the"
        f" operator says otherwise.{_SCOPE}",
        parameters=[DeliveriesQuery],
        responses={200: page_of(DeliveryOutput), **_READING},
        examples=examples.DELIVERIES,
        tags=_TAGS,
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        viewer = require_scope(request, "webhooks").viewer
        query = read_query(DeliveriesQuery, request)
        endpoint = find_endpoint(viewer=viewer, endpoint_id=endpoint_id)
        deliveries = WebhookDelivery.objects.filter(endpoint=endpoint)
        if "state" in query:
            deliveries = deliveries.filter(state=query["state"])
        if "type" in query:
            deliveries = deliveries.filter(event_type=query["type"])
        page = paginate(request, deliveries, query=query, order=["-created_at", "-id"])
        return respond(page.printed(map(print_delivery, page.rows)))


class ReplayView(APIView):
    """Send an event once more."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="replay_webhook_delivery",
        summary="Send an event once more",
        description="Under the same `webhook-id`, with the same body and all its tries before it."
        f" 409 GC-115: it is still on its way, or the endpoint is disabled.{_SCOPE}",
        request=NothingRequest,
        responses={202: DeliveryOutput, **_DECIDING},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.REPLAY,
        tags=_TAGS,
    )
    def post(self, request: Request, endpoint_id: UUID, delivery_id: UUID) -> Response:
        partner = require_scope(request, "webhooks")

        def act(claim: KeyClaim | None) -> Response:
            read_body(NothingRequest, request)
            delivery = replay_webhook(
                viewer=partner.viewer,
                endpoint_id=endpoint_id,
                delivery_id=delivery_id,
                now=timezone.now(),
                claim=claim,
            )
            return respond(print_delivery(delivery), status=202)

        return respond_under_key(
            request,
            partner,
            act=act,
            print_again=lambda record: _delivery_again(endpoint_id, record),
        )


class TestView(APIView):
    """Try whether anything arrives."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="test_webhook_endpoint",
        summary="Send a test event",
        description="An event of the type `webhook.test`, which tells of nothing, whatever the"
        f" endpoint has subscribed to. 409 GC-115: the endpoint is not active.{_SCOPE}",
        request=NothingRequest,
        responses={202: DeliveryOutput, **_DECIDING},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=examples.TEST,
        tags=_TAGS,
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        partner = require_scope(request, "webhooks")

        def act(claim: KeyClaim | None) -> Response:
            read_body(NothingRequest, request)
            delivery = send_test_event(
                viewer=partner.viewer, endpoint_id=endpoint_id, now=timezone.now(), claim=claim
            )
            return respond(print_delivery(delivery), status=202)

        return respond_under_key(
            request,
            partner,
            act=act,
            print_again=lambda record: _delivery_again(endpoint_id, record),
        )


def _secret_again(partner: Partner, record: IdempotencyRecord) -> dict[str, Any]:
    assert record.object_id is not None  # noqa: S101  kept with the endpoint that was made
    endpoint = find_endpoint(viewer=partner.viewer, endpoint_id=record.object_id)
    number = record.details.get("number", 0)
    return print_endpoint(endpoint, secret=secret_shown_before(endpoint=endpoint, number=number))


def _delivery_again(endpoint_id: UUID, record: IdempotencyRecord) -> dict[str, Any]:
    """Print it as it was promised, also when it has been sent since."""
    assert record.object_id is not None  # noqa: S101  kept with the delivery that was promised
    found = WebhookDelivery.objects.filter(pk=record.object_id, endpoint_id=endpoint_id)
    delivery = found.order_by("pk").first()
    if delivery is None:
        raise EndpointNotFoundError
    return {
        **print_delivery(delivery),
        "state": WebhookDelivery.State.PENDING,
        "tries": delivery.tries[: record.details["tries"]],
        "next_attempt_at": datetime.fromisoformat(record.details["due"]),
        "finished_at": None,
    }
