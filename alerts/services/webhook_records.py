"""What came of a webhook's call, and what follows for its endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from alerts.models import Alert, WebhookDelivery, WebhookEndpoint
from alerts.providers.outgoing import Outcome
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.services.webhook_claims import DueDelivery
from alerts.transactions import durable, transaction, transaction_required

log = structlog.get_logger()

FAILING: Final = "webhook_failing"
DISABLED: Final = "webhook_disabled"
UNREADABLE: Final = "webhook_secret_unreadable"
GONE_REASON: Final = "It answered 410 Gone: nobody wants to hear of events there any more."
UNREADABLE_REASON: Final = "Not called. Its signing secret can't be read; the operators know."
_GONE: Final = 410
# Whoever gives the key back is in no hurry of seconds.
_REST: Final = timedelta(minutes=15)
# Of one delivery, replays included; the oldest go first.
_TRIES_KEPT: Final = 40

State = WebhookDelivery.State


@durable
def record_webhook_outcome(
    *, due: DueDelivery, outcome: Outcome, schedule: Sequence[float], now: datetime
) -> None:
    """Write down what came of a call: delivered, to be tried again, or given up.

    :param schedule: seconds to wait after the first failure, the second and so on; past its end
        it is given up.
    """
    with transaction():
        # The endpoint first, as everybody who changes one and its deliveries.
        endpoint = (
            WebhookEndpoint.objects.select_for_update(no_key=True)
            .filter(pk=due.endpoint.endpoint_id)
            .first()
            if _changes_endpoint(due, outcome)
            else None
        )
        delivery = (
            WebhookDelivery.objects.select_for_update()
            .filter(pk=due.delivery_id, state=State.PENDING)
            .order_by("pk")
            .first()
        )
        # Whose lease has run out is overtaken by the one after; that something has arrived is
        # true whoever says it.
        if delivery is None or not (outcome.is_success or delivery.attempts == due.attempt):
            return
        delivery.tries = [*delivery.tries, _line(delivery, due, outcome, now)][-_TRIES_KEPT:]
        is_over = outcome.is_success or outcome.status == _GONE or due.attempt > len(schedule)
        if is_over:
            delivery.state = State.DELIVERED if outcome.is_success else State.FAILED
            delivery.next_attempt_at, delivery.finished_at = None, now
        else:
            delivery.next_attempt_at = now + timedelta(seconds=schedule[due.attempt - 1])
        delivery.save(update_fields=["tries", "state", "next_attempt_at", "finished_at"])
        if endpoint is not None:
            _draw_conclusions(endpoint, outcome, is_over=is_over, now=now)
    log.info(
        "[WEBHOOK] Delivered" if outcome.is_success else "[WEBHOOK] Not delivered",
        delivery_id=str(due.delivery_id),
        endpoint_id=str(due.endpoint.endpoint_id),
        status=outcome.status,
        attempt=due.attempt,
        milliseconds=outcome.milliseconds,
        given_up=is_over and not outcome.is_success,
    )


@durable
def record_unreadable_secret(*, endpoint_id: UUID, now: datetime) -> None:
    """Let an endpoint rest whose secret can't be decrypted, and tell the operators once.

    The fault is ours: its events use up none of their tries, and are sent once the secret can be
    read again or was rotated.
    """
    with transaction():
        endpoint = (
            WebhookEndpoint.objects.select_for_update(no_key=True)
            .filter(pk=endpoint_id)
            .order_by("pk")
            .first()
        )
        if endpoint is None:
            return
        endpoint.resting_until = now + _REST
        endpoint.failing_since = endpoint.failing_since or now
        endpoint.last_error, endpoint.last_error_at = UNREADABLE_REASON, now
        endpoint.save(
            update_fields=["resting_until", "failing_since", "last_error", "last_error_at"]
        )
        raise_alert(
            kind=UNREADABLE,
            severity=Alert.Severity.WARNING,
            subject="A webhook endpoint's signing secret can't be read",
            message="Nothing is sent there, and nothing is given up. Give back the key that is "
            "missing in CARD_ENCRYPTION_KEYS; a quarter of an hour later its events go out. If it "
            "is lost, rotate the endpoint's secret without an overlap and hand out the new one.",
            data={"endpoint_id": endpoint.pk},
            dedupe_key=f"{UNREADABLE}:{endpoint.pk}",
            client_id=endpoint.client_id,
            now=now,
        )


def _changes_endpoint(due: DueDelivery, outcome: Outcome) -> bool:
    # A success where all is well, the usual case, leaves the endpoint's row alone.
    return due.endpoint.is_failing or not outcome.is_success


def _line(
    delivery: WebhookDelivery, due: DueDelivery, outcome: Outcome, now: datetime
) -> dict[str, Any]:
    last = delivery.tries[-1]["number"] if delivery.tries else 0
    return {
        "number": max(last + 1, due.attempt),
        "at": now.isoformat().replace("+00:00", "Z"),
        "status": outcome.status,
        "error": "" if outcome.is_success else outcome.words,
        "answer": outcome.excerpt,
        "milliseconds": outcome.milliseconds,
    }


@transaction_required
def _draw_conclusions(
    endpoint: WebhookEndpoint, outcome: Outcome, *, is_over: bool, now: datetime
) -> None:
    if outcome.is_success:
        settle_endpoint(endpoint=endpoint, now=now)
        return
    endpoint.failing_since = endpoint.failing_since or now
    endpoint.last_error, endpoint.last_error_at = outcome.words[:200], now
    if outcome.status == _GONE:
        _disable(endpoint, now)
    elif is_over:
        endpoint.flagged_at = endpoint.flagged_at or now
        raise_alert(
            kind=FAILING,
            severity=Alert.Severity.WARNING,
            subject="A webhook endpoint does not take its events",
            message=f"Events were given up after all their tries. {endpoint.last_error} Tell its "
            "owner; once it answers again, replay what was given up from the endpoint's page.",
            data={
                "endpoint_id": endpoint.pk,
                "failing_since": endpoint.failing_since,
                "last_error": endpoint.last_error,
            },
            dedupe_key=f"{FAILING}:{endpoint.pk}",
            client_id=endpoint.client_id,
            now=now,
        )
    endpoint.save(
        update_fields=["failing_since", "last_error", "last_error_at", "flagged_at", "state",
                       "reason"]
    )  # fmt: skip


def _disable(endpoint: WebhookEndpoint, now: datetime) -> None:
    endpoint.state, endpoint.reason = WebhookEndpoint.State.DISABLED, GONE_REASON
    endpoint.deliveries.filter(state=State.PENDING).update(
        state=State.FAILED, next_attempt_at=None, finished_at=now
    )
    raise_alert(
        kind=DISABLED,
        severity=Alert.Severity.WARNING,
        subject="A webhook endpoint was switched off",
        message="It answered 410 Gone, which asks to be left alone: nothing is sent there any "
        "more, and what was on its way was given up. If that was a mistake, resume it and replay "
        "from the endpoint's page.",
        data={"endpoint_id": endpoint.pk},
        dedupe_key=f"{DISABLED}:{endpoint.pk}",
        client_id=endpoint.client_id,
        now=now,
    )


@transaction_required
def settle_endpoint(*, endpoint: WebhookEndpoint, now: datetime) -> None:
    """Take back that an endpoint is failing, and the alerts that said so."""
    endpoint.failing_since = endpoint.flagged_at = endpoint.resting_until = None
    endpoint.save(update_fields=["failing_since", "flagged_at", "resting_until"])
    for kind in (FAILING, DISABLED, UNREADABLE):
        resolve_alert(dedupe_key=f"{kind}:{endpoint.pk}", now=now)
