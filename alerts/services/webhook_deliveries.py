"""Sending an event once more, or one to see whether anything arrives."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.models import WebhookDelivery, WebhookEndpoint
from alerts.queue import ring_bell
from alerts.services.webhook_events import TEST_EVENT
from alerts.tracing import current_request_id
from alerts.transactions import durable, transaction, transaction_required

SEND_TASK: Final = "alerts.tasks.send_webhooks"
_CLEARED_AT_ONCE: Final = 500
_CLEAR: Final = """
    DELETE FROM alerts_webhookdelivery WHERE id IN (
        SELECT id FROM alerts_webhookdelivery WHERE created_at < %s
        ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""

State = WebhookDelivery.State


@dataclasses.dataclass(eq=False, kw_only=True)
class WebhookNotReadyError(ServiceError):
    """The endpoint is not active, or the event is still on its way."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    endpoint_id: UUID


@transaction_required
def replay_delivery(*, delivery_id: UUID, now: datetime) -> WebhookDelivery:
    """Have an event sent once more, with all its tries before it, under its own ``webhook-id``.

    :raises WebhookNotReadyError: GC-115, it is still on its way, or its endpoint is disabled.
    """
    delivery = (
        WebhookDelivery.objects.select_for_update(of=("self",))
        .select_related("endpoint")
        .get(pk=delivery_id)
    )
    if delivery.state == State.PENDING or delivery.endpoint.state == WebhookEndpoint.State.DISABLED:
        raise WebhookNotReadyError(endpoint_id=delivery.endpoint_id)
    _begin_anew(WebhookDelivery.objects.filter(pk=delivery_id), now)
    delivery.refresh_from_db()
    return delivery


@durable
def replay_failed(*, endpoint_id: UUID, since: datetime, now: datetime) -> int:
    """Have everything sent once more that was given up; return how much that is.

    :param since: of what happened then or later.
    :raises WebhookNotReadyError: GC-115, the endpoint is disabled.
    """
    with transaction():
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
        if endpoint.state == WebhookEndpoint.State.DISABLED:
            raise WebhookNotReadyError(endpoint_id=endpoint_id)
        count = _begin_anew(
            WebhookDelivery.objects.filter(
                endpoint_id=endpoint_id, state=State.FAILED, created_at__gte=since
            ),
            now,
        )
    ring_bell(SEND_TASK)
    return count


@transaction_required
def promise_test_event(*, endpoint: WebhookEndpoint, now: datetime) -> WebhookDelivery:
    """Promise an endpoint an event that tells of nothing, to see whether it arrives.

    :raises WebhookNotReadyError: GC-115, the endpoint is not active.
    """
    if endpoint.state != WebhookEndpoint.State.ACTIVE:
        raise WebhookNotReadyError(endpoint_id=endpoint.pk)
    event_id = uuid4()
    at = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return WebhookDelivery.objects.create(
        endpoint=endpoint,
        event_id=event_id,
        event_type=TEST_EVENT,
        dedupe_key=f"{TEST_EVENT}:{event_id}",
        body=f'{{"type": "{TEST_EVENT}", "timestamp": "{at}",'
        f' "data": {{"endpoint_id": "{endpoint.pk}"}}}}',
        request_id=current_request_id(),
        next_attempt_at=now,
        created_at=now,
    )


@durable
def clear_webhooks(*, now: datetime) -> int:
    """Clear some of what is older than ``WEBHOOKS_KEPT``, whatever became of it.

    A few at a time: it is called every few seconds.
    """
    if not settings.WEBHOOKS_KEPT:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_CLEAR, [now - timedelta(seconds=settings.WEBHOOKS_KEPT), _CLEARED_AT_ONCE])
        return int(cursor.rowcount)


def _begin_anew(deliveries: QuerySet[WebhookDelivery], now: datetime) -> int:
    return deliveries.update(state=State.PENDING, attempts=0, next_attempt_at=now, finished_at=None)
