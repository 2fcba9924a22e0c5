"""Messages of many days with all that can become of them, by chance; and the plain questions."""

from __future__ import annotations

import dataclasses
import random  # noqa: TID251  the world's dice, by a seed
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import connection

from redemption.models import Campaign, Condition, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from sms.models import DeliveryAttempt, Message
from tests.redemption.rewarding import NOW
from tests.world import World, build_world

FIRST = date(2026, 3, 1)
TODAY = NOW.date()
ENDS = {
    "delivered": ("", True),
    "sent": ("", True),
    "queued": ("", False),
    "undelivered": ("30005", True),
    "failed": ("21211", False),
    "suppressed": ("21610", False),
    "unknown": ("no_answer", False),
    "manually_delivered": ("30003", True),
    "cancelled": ("", False),
}
_WAITS = (1.2, 3, 7.4, 61, 99.5, 100.1, 754, 4321.5)


def promise(world: World, at: datetime, *, method: str = "sms", is_test: bool = False) -> Message:
    """Let somebody redeem a card that goes out by a message."""
    world.stock(1)
    contact = (
        Contact(method="sms", to="+12025550123")
        if method == "sms"
        else Contact(method="email", to="ada@example.com")
    )
    result = redeem(
        caller=Caller(door=Redemption.Door.API, actor="key:1", request_id=str(uuid4())),
        contact=contact,
        code=world.invite(is_test=is_test)[0],
        now=at,
    )
    assert result.message_id is not None
    return Message.objects.get(pk=result.message_id)


def end(message: Message, state: str, *, wait: float = 2, attempts: int = 1) -> None:
    """Let a message come to a state, with the attempts that led there."""
    code, was_taken = ENDS[state]
    at = message.created_at + timedelta(seconds=wait)
    for number in range(1, attempts + 1):
        is_last = number == attempts
        DeliveryAttempt.objects.create(
            message=message,
            number=number,
            status="not_started" if state == "queued" else "failed" if code else "delivered",
            provider_id=f"SM{uuid4().hex}",
            error_code=code if is_last else "30008",
            price="-0.00750" if was_taken and is_last else "",
            requested_at=message.created_at,
        )
    Message.objects.filter(pk=message.pk).update(
        state=state,
        error_code=code,
        segments=2 if was_taken else None,
        accepted_at=at if was_taken else None,
        delivered_at=at if state == "delivered" else None,
        next_attempt_at=None,
    )


def text_by_chance(seed: int, *, messages: int = 40) -> tuple[World, World]:
    """Two clients, the first with two campaigns, and messages from ``FIRST`` to ``NOW``."""
    world, other = build_world(), build_world(name="Birch")
    chance = random.Random(seed)
    worlds = [world, _with_second_campaign(world), other]
    span = (NOW - datetime(2026, 3, 1, tzinfo=NOW.tzinfo)).total_seconds()
    for _ in range(messages):
        at = NOW - timedelta(seconds=chance.random() * span)
        method = chance.choice(["sms", "sms", "email"])
        is_test = chance.random() < 0.1
        message = promise(chance.choice(worlds), at, method=method, is_test=is_test)
        state = chance.choice(list(ENDS))
        if method == "email" and state == "delivered":
            state = "sent"
        end(message, state, wait=chance.choice(_WAITS), attempts=chance.choice([1, 1, 3]))
    return world, other


def _with_second_campaign(world: World) -> World:
    """Return the same client's world with another campaign."""
    campaign = Campaign.objects.create(
        client=world.client, name="Autumn", status="active", account=world.account
    )
    condition = Condition.objects.create(
        campaign=campaign,
        number=1,
        name="Came again",
        brand=world.brand,
        card_value_minor=world.denomination.value_minor,
        currency=world.denomination.currency,
        pool=world.pool,
    )
    return dataclasses.replace(world, campaign=campaign, condition=condition)


def ask_plainly(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


# What somebody would ask who knows nothing of counted days. %% stand for what is filled in.
PLAIN = """
    SELECT {key}, count(*),
        (SELECT count(*) FROM sms_deliveryattempt a WHERE a.message_id = ANY (array_agg(m.id))
            AND a.status <> 'not_started'),
        count(accepted_at),
        count(*) FILTER (WHERE channel = 'sms' AND (accepted_at IS NOT NULL
            OR m.state IN ('undelivered', 'failed', 'unknown'))),
        count(*) FILTER (WHERE m.state = 'delivered'),
        count(*) FILTER (WHERE m.state = 'undelivered'),
        count(*) FILTER (WHERE m.state = 'failed'),
        count(*) FILTER (WHERE m.state = 'suppressed'),
        count(*) FILTER (WHERE m.state = 'cancelled'),
        count(*) FILTER (WHERE m.state = 'manually_delivered'),
        count(*) FILTER (WHERE m.state = 'unknown'),
        coalesce(sum(segments), 0),
        (SELECT coalesce(sum(-price::numeric), 0) FROM sms_deliveryattempt a
            WHERE a.message_id = ANY (array_agg(m.id)) AND a.price <> ''
            AND a.status <> 'not_started'),
        (SELECT count(*) FROM sms_deliveryattempt a
            WHERE a.message_id = ANY (array_agg(m.id)) AND a.price <> ''
            AND a.status <> 'not_started'),
        percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM m.delivered_at
            - r.issued_at)) FILTER (WHERE m.state = 'delivered'),
        percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM m.delivered_at
            - r.issued_at)) FILTER (WHERE m.state = 'delivered')
    FROM sms_message m JOIN redemption_redemption r ON r.id = m.reference_id AND NOT r.is_test
    WHERE m.client_id = ANY (%s) AND m.created_at >= %s AND m.created_at < %s
        AND (%s::uuid IS NULL OR r.campaign_id = %s)
    GROUP BY 1
"""
