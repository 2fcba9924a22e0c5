"""Having the monitors run, and hearing what they find."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.services.monitor_runs import MonitorsResult
from credit.api.authentication import ApiKeyAuthentication, require_scope
from credit.api.headers import NO_STORE, OPTIONAL_KEY_HEADER
from credit.api.inputs import StrictSerializer, read_body, read_idempotency_key
from credit.api.problems import problems
from credit.api.replays import refusal_of
from credit.services.api_keys import ScopeMissingError
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_refusal
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
        claim = read_idempotency_key(request, organisation=partner.organisation, required=False)
        try:
            read_body(RunRequest, request)
            result = run_for_partner(claim=claim, now=timezone.now())
        except KeyAnsweredError:
            assert claim is not None  # noqa: S101  nothing else says that a key was answered
            return _answer_again(claim)
        except ServiceError as error:
            if claim is not None:
                _keep(claim, error)
            raise
        return Response(print_run(result), headers=NO_STORE)


def print_run(result: MonitorsResult) -> dict[str, Any]:
    """Print what a run came to."""
    return {
        "duration_ms": result.duration_ms,
        "alerts_generated": result.alerts_generated,
        "breakdown": result.breakdown,
        "alerts": result.alerts,
    }


def _keep(claim: KeyClaim, error: ServiceError) -> None:
    record = find_record(claim=claim)
    if record is not None and record.error_code:
        raise refusal_of(record) from None
    keep_refusal(claim=claim, error=error, status=error.code.status, now=timezone.now())


def _answer_again(claim: KeyClaim) -> Response:
    record = find_record(claim=claim)
    assert record is not None  # noqa: S101  it was found a moment ago, and is kept for days
    if record.error_code:
        raise refusal_of(record)
    run_id = record.object_id
    # Runs are kept for longer than keys.
    result = find_run(run_id=run_id) if run_id else None
    assert result is not None  # noqa: S101
    return Response(print_run(result), headers={**NO_STORE, "Idempotency-Replayed": "true"})
