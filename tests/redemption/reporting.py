"""A CRM that reports what people did, as the tests play it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.test import Client as HttpClient

from redemption.models import Condition, EventSource, InboundEvent, Recipient
from redemption.services.event_sources import create_source
from tests.world import NOW, World

EVENT_NAME = "appointment.kept"
CONTACT = "4711"


def sign(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Sign as a sender would, by the words of the contract and with none of our code."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{event_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@dataclasses.dataclass
class Crm:
    """A source with its secret, and a recipient it knows as contact 4711."""

    world: World
    source: EventSource
    secret: str

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return an event's body; a change to ``None`` leaves the field out."""
        body = {
            "event_type": EVENT_NAME,
            "contact_id": CONTACT,
            "campaign_id": str(self.world.campaign.pk),
            "occurred_at": "2026-03-02T15:29:41Z",
            "data": {"branch": "Leeds"},
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def report(
        self,
        body: Any = None,
        /,
        *,
        event_id: str | None = None,
        at: int | None = None,
        headers: dict[str, str] | None = None,
        name: str | None = None,
        **changes: Any,
    ) -> Any:
        """Send a signed event; ``headers`` replace those that were signed."""
        raw = body if isinstance(body, bytes) else json.dumps(body or self.body(**changes)).encode()
        event_id = event_id or f"evt-{uuid4()}"
        timestamp = int(datetime.now(UTC).timestamp()) if at is None else at
        sent = {
            "webhook-id": event_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(self.secret, event_id, timestamp, raw),
            **(headers or {}),
        }
        return HttpClient().post(
            f"/api/v1/events/{name or self.source.name}/",
            raw,
            content_type="application/json",
            headers={name: value for name, value in sent.items() if value},
        )


def connect_crm(world: World, *, stock: int = 1, phone: str = "+12025550123") -> Crm:
    """Give the world a source, cards, a condition with an event name and contact 4711."""
    if stock:
        world.stock(stock)
    Condition.objects.filter(pk=world.condition.pk).update(crm_event_name=EVENT_NAME)
    add_contact(world, CONTACT, phone=phone)
    source, secret = create_source(
        client=world.client, name=f"crm-{uuid4().hex[:8]}", actor="user:1", now=NOW
    )
    return Crm(world=world, source=source, secret=secret)


def add_contact(world: World, contact_id: str, *, phone: str = "", email: str = "") -> Recipient:
    """Add a recipient whom the CRM knows under an id."""
    recipient = world.recipient(world.invite()[0])
    Recipient.objects.filter(pk=recipient.pk).update(
        external_crm_id=contact_id, phone=phone, email=email
    )
    return recipient


def only_event() -> InboundEvent:
    """Return the one event there is."""
    return InboundEvent.objects.get()
