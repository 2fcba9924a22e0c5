"""What is sent to and answered by the addresses of webhook endpoints."""

from __future__ import annotations

import json
from typing import Any, Final

from rest_framework import serializers

from alerts.models import WebhookDelivery, WebhookEndpoint
from alerts.providers.outgoing_addresses import LONGEST_URL
from alerts.services.webhook_events import EVENTS, TEST_EVENT
from credit.api.inputs import IdField, StrictSerializer, TextField
from credit.api.pagination import ListQuery
from redemption.services.webhook_endpoints import DEFAULT_OVERLAP_HOURS, LONGEST_OVERLAP

_LONGEST_DESCRIPTION: Final = 120
_HOURS: Final = int(LONGEST_OVERLAP.total_seconds()) // 3600
_URL_WORDS: Final = "https, to a public address, at port 443 or 8443."


def _events(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(choices=list(EVENTS)),
        min_length=1,
        max_length=len(EVENTS),
        **options,
    )


class EndpointRequest(StrictSerializer):
    url = TextField(max_length=LONGEST_URL, help_text=_URL_WORDS)
    events = _events(required=False, help_text="What it is told of; everything when not given.")
    client_id = IdField(
        required=False,
        help_text="Whose it is; with a client's key it may be left out. With an agency's or the"
        " platform's key and without it, it is theirs, and hears of all their clients.",
    )
    description = TextField(
        required=False, allow_blank=True, max_length=_LONGEST_DESCRIPTION, default=""
    )


class EndpointChange(StrictSerializer):
    url = TextField(required=False, max_length=LONGEST_URL, help_text=_URL_WORDS)
    events = _events(required=False)
    description = TextField(required=False, allow_blank=True, max_length=_LONGEST_DESCRIPTION)
    state = serializers.ChoiceField(
        choices=["active", "paused"],
        required=False,
        help_text="Paused, its events are kept and sent once it is active again.",
    )


class RotationRequest(StrictSerializer):
    overlap_hours = serializers.IntegerField(
        required=False,
        default=DEFAULT_OVERLAP_HOURS,
        min_value=0,
        max_value=_HOURS,
        help_text="How long the secret before signs too; 0 ends it at once.",
    )


class NothingRequest(StrictSerializer):
    """A body without a field."""


class DeliveriesQuery(ListQuery):
    state = serializers.ChoiceField(choices=WebhookDelivery.State.values, required=False)
    type = serializers.ChoiceField(choices=[*EVENTS, TEST_EVENT], required=False)


class _Output(serializers.Serializer[Any]):
    """Describes an answer; never run."""


class EndpointOutput(_Output):
    id = serializers.UUIDField()
    client_id = serializers.UUIDField(allow_null=True)
    agency_id = serializers.UUIDField(allow_null=True)
    url = serializers.CharField()
    description = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    state = serializers.ChoiceField(choices=WebhookEndpoint.State.values)
    reason = serializers.CharField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField(allow_null=True)
    previous_secret_valid_until = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class EndpointSecretOutput(EndpointOutput):
    secret = serializers.CharField(
        allow_null=True, help_text="Shown now only; null in a repeat once it was rotated since."
    )


class TryOutput(_Output):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()
    answer = serializers.CharField(help_text="The beginning of an answer that was no success.")
    milliseconds = serializers.IntegerField()


class DeliveryOutput(_Output):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField(help_text="The `webhook-id`.")
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=WebhookDelivery.State.values)
    tries = TryOutput(many=True)
    body = serializers.DictField()
    request_id = serializers.CharField(
        allow_null=True,
        help_text="The request that caused it, which its calls carry as `X-Request-ID`.",
    )
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


def print_endpoint(endpoint: WebhookEndpoint, **secret: str | None) -> dict[str, Any]:
    """Print an endpoint, with its secret where it has just been made."""
    return {
        "id": endpoint.pk,
        "client_id": endpoint.client_id,
        "agency_id": endpoint.agency_id,
        "url": endpoint.url,
        "description": endpoint.description,
        "events": endpoint.events,
        "state": endpoint.state,
        "reason": endpoint.reason or None,
        "failing_since": endpoint.failing_since,
        "last_error": (endpoint.last_error or None) if endpoint.failing_since else None,
        "previous_secret_valid_until": endpoint.previous_secret_until,
        "created_at": endpoint.created_at,
        **secret,
    }


def print_delivery(delivery: WebhookDelivery) -> dict[str, Any]:
    """Print a delivery with its body and what came of each try."""
    return {
        "id": delivery.pk,
        "event_id": delivery.event_id,
        "type": delivery.event_type,
        "state": delivery.state,
        "tries": delivery.tries,
        "body": json.loads(delivery.body),
        "request_id": delivery.request_id or None,
        "next_attempt_at": delivery.next_attempt_at,
        "created_at": delivery.created_at,
        "finished_at": delivery.finished_at,
    }
