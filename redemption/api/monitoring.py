"""Having the monitors run, and hearing what they find."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.models import Alert
from alerts.services.monitor_runs import MonitorsResult
from credit.api.answers import respond, respond_under_key
from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import OPTIONAL_KEY_HEADER
from credit.api.inputs import StrictSerializer, read_body
from credit.api.problems import problems
from credit.models import IdempotencyRecord
from credit.services.api_keys import ScopeMissingError
from credit.services.idempotency import KeyClaim
from redemption.services.monitor_requests import find_run, run_for_partner

_SCOPE = "monitoring"


class RunRequest(StrictSerializer):
    """Nothing is asked."""


class FoundAlertOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    severity = serializers.ChoiceField(choices=Alert.Severity.values)
    subject = serializers.CharField()
    message = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # a field's name
    dedupe_key = serializers.CharField(help_text="Of an open alert the only one with this key.")
    state = serializers.ChoiceField(choices=Alert.State.values)
    count = serializers.IntegerField(help_text="How often it was found since it was opened.")
    first_seen_at = serializers.DateTimeField()
    last_seen_at = serializers.DateTimeField()


class RunOutput(serializers.Serializer[Any]):
    """Describes an answer; never run."""

    duration_ms = serializers.IntegerField()
    alerts_generated = serializers.IntegerField(help_text="How many were opened by this run.")
    breakdown = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="How many things each monitor finds wrong now, by its name.",
    )
    alerts = FoundAlertOutput(many=True, help_text="The alerts of all that was found.")


class MonitoringRunsView(APIView):
    """The monitors, now and not within minutes."""

    authentication_classes = [ApiKeyAuthentication]

    @extend_schema(
        operation_id="run_monitors",
        summary="Run the monitors",
        description="Looks for what is wrong, as the clock does every few minutes: what is found"
        " becomes an alert, and an alert of what is no longer found is resolved. An alert that was"
        " open before is found again and not opened twice, however many run the monitors at once."
        " Calling it from outside also finds that no job runs. For the platform's keys; scope"
        " `monitoring`.",
        request=RunRequest,
        responses={200: RunOutput, **problems(401, 403, 409, 413, 415, 422)},
        parameters=[OPTIONAL_KEY_HEADER],
        examples=[
            OpenApiExample("Now", value={}, request_only=True),
            OpenApiExample(
                "A pool is empty",
                value={
                    "duration_ms": 184,
                    "alerts_generated": 1,
                    "breakdown": {
                        "csv_pools": 1,
                        "run_out": 0,
                        "campaigns": 0,
                        "agencies": 0,
                        "clients": 0,
                        "provisioning_failures": 0,
                        "messages": 0,
                        "stuck_cards": 0,
                        "providers": 0,
                        "ledger": 0,
                        "counters": 0,
                        "speed": 0,
                        "database": 0,
                        "jobs": 0,
                        "attack": 0,
                    },
                    "alerts": [
                        {
                            "id": "5b3f0a52-6c0e-4c6c-9a39-2f0d8f1f7f10",
                            "kind": "pool_empty",
                            "severity": "critical",
                            "subject": "Spring coffee cards is empty",
                            "message": "Its last card is gone. Upload or buy cards, or archive the"
                            " pool if it is no longer needed.",
                            "data": {
                                "pool_id": "8d5a2f6e-0f43-4e57-8a51-0a6a1d1f2b3c",
                                "available": 0,
                                "total": 500,
                                "threshold": 20,
                            },
                            "dedupe_key": "pool_stock:8d5a2f6e-0f43-4e57-8a51-0a6a1d1f2b3c",
                            "state": "open",
                            "count": 1,
                            "first_seen_at": "2026-03-02T15:30:00Z",
                            "last_seen_at": "2026-03-02T15:30:00Z",
                        }
                    ],
                },
                response_only=True,
                status_codes=["200"],
                media_type="application/json",
            ),
        ],
        tags=["Monitoring"],
    )
    def post(self, request: Request) -> Response:
        partner = require_scope(request, _SCOPE)
        if partner.scope_kind != "platform":
            # What is found is of every tenant together.
            raise ScopeMissingError(scope=_SCOPE)

        def act(claim: KeyClaim | None) -> Response:
            read_body(RunRequest, request)
            return respond(print_run(run_for_partner(claim=claim, now=timezone.now())))

        return respond_under_key(request, partner, act=act, print_again=_print_again)


def print_run(result: MonitorsResult) -> dict[str, Any]:
    """Print what a run came to."""
    return {
        "duration_ms": result.duration_ms,
        "alerts_generated": result.alerts_generated,
        "breakdown": result.breakdown,
        "alerts": result.alerts,
    }


def _print_again(record: IdempotencyRecord) -> dict[str, Any]:
    assert record.object_id is not None  # noqa: S101  kept with the run
    # Runs are kept for longer than keys.
    result = find_run(run_id=record.object_id)
    assert result is not None  # noqa: S101
    return print_run(result)
