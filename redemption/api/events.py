"""The door at which CRMs report what people did; each call is signed, none has a key."""

from typing import Any, Final, cast

from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.errors import ValidationFailedError
from alerts.scope import Scope, see_from_here
from credit.api.headers import NO_STORE
from credit.api.inputs import StrictSerializer, TextField, read_body
from credit.api.problems import problems
from redemption.api import event_examples
from redemption.models import EventSource, InboundEvent
from redemption.services.event_bodies import LONGEST_VALUE
from redemption.services.event_refusals import count_refusal
from redemption.services.event_signatures import NotSignedError, SignedCall, authenticate_source
from redemption.services.inbound_events import EventResult, receive_event

_LATER: Final = frozenset({InboundEvent.Outcome.UNMATCHED, InboundEvent.Outcome.PROVISIONING})
_PROBLEMS: Final = problems(400, 401, 409, 413, 415, 422, 500)


class EventRequest(StrictSerializer):
    event_type = TextField(
        max_length=LONGEST_VALUE, help_text="What the person did: a condition's CRM event name."
    )
    contact_id = TextField(
        max_length=LONGEST_VALUE, help_text="The recipient's id in the CRM (`external_crm_id`)."
    )
    campaign_id = serializers.UUIDField(
        required=False, help_text="May be left out where the source belongs to one campaign."
    )
    occurred_at = serializers.DateTimeField(required=False, allow_null=True)
    data = serializers.JSONField(required=False, help_text="Whatever else; it is not looked at.")  # type: ignore[assignment]  # a field's name


class EventOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    event_id = serializers.CharField(help_text="The sender's, of the header `webhook-id`.")
    outcome = serializers.ChoiceField(
        choices=["issued", "waiting", "already_redeemed", "refused", "unmatched", "provisioning"]
    )
    code = serializers.CharField(allow_null=True, help_text="Why it waits, or was refused.")
    redemption_id = serializers.UUIDField(allow_null=True)
    duplicate = serializers.BooleanField(help_text="The event was sent before: nothing was done.")


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name=name, location=OpenApiParameter.HEADER, required=True, description=description
    )


class EventsView(APIView):
    """Report what a person did, and let them have their reward."""

    authentication_classes: list[Any] = []

    @extend_schema(
        operation_id="report_event",
        summary="Report an event",
        description=(
            "For CRMs. There is no API key: each call is signed as Standard Webhooks has it, with "
            "the secret of the source. A repeat of an event (the same `webhook-id`) reads what "
            "became of the first; the same id with another body is refused (GC-107). Whom or what "
            "we do not know is kept, and answered with 202 `unmatched`: it can be replayed."
        ),
        request=EventRequest,
        responses={200: EventOutput, 202: EventOutput, **_PROBLEMS},
        parameters=[
            _header("webhook-id", "The event's id, the same at each repeat; 1 to 255 characters."),
            _header("webhook-timestamp", "Unix seconds, at most 5 minutes from now."),
            _header(
                "webhook-signature",
                '`v1,base64(HMAC-SHA256("id.timestamp.body"))`; several by space.',
            ),
        ],
        examples=event_examples.REPORT,
        auth=[{}],  # type: ignore[list-item]  # {} = no key
        tags=["Events"],
    )
    def post(self, request: Request, source: str) -> Response:
        http: HttpRequest = request._request  # noqa: SLF001  DRF's own way to the request
        now = timezone.now()
        call = SignedCall(
            event_id=http.headers.get("webhook-id", ""),
            timestamp=http.headers.get("webhook-timestamp", ""),
            signatures=http.headers.get("webhook-signature", ""),
            body=http.body,
        )
        try:
            sender, signature = authenticate_source(name=source, call=call, now=now)
        except NotSignedError:
            count_refusal(name=source, now=now)
            raise
        see_from_here(Scope(organisation_ids=frozenset({sender.client_id})))
        result = receive_event(
            source=sender,
            signature=signature,
            event_id=call.event_id,
            body=_read(request, sender),
            request_id=http.META["giftline.request_id"],
            now=now,
        )
        is_later = result.outcome in _LATER and not result.is_duplicate
        return Response(_print(result), status=202 if is_later else 200, headers=NO_STORE)


def _read(request: Request, source: EventSource) -> dict[str, Any]:
    """Return the body as it came; one in our own shape is checked field by field."""
    body = cast("dict[str, Any]", request.data)  # By config/api.py's parser.
    if not source.mapping:
        read_body(EventRequest, request)
        if source.campaign_id is None and "campaign_id" not in body:
            raise ValidationFailedError(errors={"campaign_id": ["This field is required."]})
    return body


def _print(result: EventResult) -> dict[str, Any]:
    return {
        "event_id": result.event_id,
        "outcome": result.outcome,
        "code": result.code or None,
        "redemption_id": None if result.redemption_id is None else str(result.redemption_id),
        "duplicate": result.is_duplicate,
    }
