"""Somebody of whom much is kept, and looking for them in every table."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client as Browser

from alerts.keyring import encrypt
from alerts.transactions import transaction
from credit.models import Client, User
from credit.services.audit import record_event
from redemption.models import (
    CallSession,
    ConditionMet,
    DeskTask,
    Erasure,
    InboundEvent,
    Recipient,
    Redemption,
)
from redemption.services.desk_tasks import open_task
from redemption.services.erasing import erase_person
from redemption.services.event_sources import create_source
from redemption.services.inbound_events import BODY_CONTEXT
from redemption.services.redeem import Contact
from sms.models import DeliveryAttempt, InboundMessage, Message, PhoneHealth
from sms.services.consents import Proof, revoke_consent
from tests.redemption.asking import ask, caller
from tests.redemption.desking import make_agent
from tests.redemption.taking_back import replace
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW, World

FIRST, LAST = "Zdenka", "Wrzesniewska"
PHONE, EMAIL, CRM_ID = "+12025550177", "zdenka@wrzesniewska.example", "crm-zw-4711"
CITY, REGION, POSTAL = "Quellenberg", "Nordquell", "QX9 4ZW"
AGENT, ADDRESS = "Zdenkas Browser/1.0", "203.0.113.77"
# What must be found nowhere once they are forgotten.
MARKS = (FIRST, LAST, PHONE, EMAIL, CRM_ID, CITY, REGION, POSTAL, AGENT, ADDRESS)
WHY = "Asked by e-mail, ticket 4711"
LATER = NOW + timedelta(hours=2)
# Of the platform's own people, of jobs and of Django itself: none is about recipients.
_NOT_OURS = ("django_", "auth_", "axes_")


def make_operator(*rights: str) -> User:
    operator = make_platform_admin()
    for right in rights or ("export_person", "erase_person"):
        operator.user_permissions.add(Permission.objects.get(codename=right))
    return User.objects.get(pk=operator.pk)


def visit(operator: User) -> Browser:
    return sign_in(operator)


def someone_known(world: World) -> Recipient:
    """Let somebody redeem, text, call and be reported; return them, with nothing under way."""
    world.stock(2)
    (code,) = world.invite()
    person = world.recipient(code)
    Recipient.objects.filter(pk=person.pk).update(
        first_name=FIRST,
        last_name=LAST,
        phone=PHONE,
        email=EMAIL,
        city=CITY,
        region=REGION,
        postal_code=POSTAL,
        country="US",
        external_crm_id=CRM_ID,
    )
    result = ask(
        code,
        contact=Contact(method="sms", to=PHONE),
        caller=caller(ip_address=ADDRESS, user_agent=AGENT),
    )
    replace(result, reason=f"{FIRST} says it is empty")
    Redemption.objects.filter(pk=result.redemption_id).update(browser_digest=b"b" * 32)
    leave_texts(world.client)
    _call(world, person, result.redemption_id)
    _report(world, result.redemption_id)
    return Recipient.objects.get(pk=person.pk)


def leave_texts(client: Client) -> None:
    """Let what goes to and comes from their number name them, as far as it can."""
    settle_texts()
    message = Message.objects.filter(to=PHONE).order_by("created_at")[0]
    DeliveryAttempt.objects.create(
        message=message,
        number=1,
        provider_id="SM1",
        status="undelivered",
        error_code="30003",
        error_message=f"{PHONE} is switched off",
        requested_at=NOW,
    )
    Message.objects.filter(pk=message.pk).update(preview=f"Hi {FIRST}, your card")
    PhoneHealth.objects.create(phone=PHONE, error_code="30003", failed_at=NOW)
    InboundMessage.objects.create(
        provider_id="SM2",
        client=client,
        from_number=PHONE,
        to_number="+12025550100",
        body=f"This is {FIRST}, STOP",
        reply=f"Goodbye {FIRST}",
    )
    with transaction():
        revoke_consent(
            client_ids=[client.pk],
            phone=PHONE,
            proof=Proof(way="text: STOP", reason=f"{LAST} has had enough"),
            now=NOW,
        )


def _call(world: World, person: Recipient, redemption_id: Any) -> None:
    agent = make_agent(world.client)
    call = CallSession.objects.create(
        agent=agent,
        client=world.client,
        caller=PHONE,
        recipient=person,
        redemption_id=redemption_id,
        started_at=NOW,
        ended_at=NOW,
        outcome="helped",
        notes=f"{FIRST} was friendly",
    )
    ConditionMet.objects.create(
        call=call,
        agent=agent,
        client=world.client,
        campaign=world.campaign,
        recipient=person,
        condition=world.condition,
        checklist=[{"point": "Was there", "ticked": True}],
    )
    with transaction():
        for about in ({"recipient_id": person.pk, "redemption_id": redemption_id}, {}):
            open_task(
                kind=DeskTask.Kind.CALL_BACK,
                client_id=world.client.pk,
                phone=PHONE,
                note=f"Call {FIRST}",
                due_at=NOW,
                actor="user:1",
                now=NOW,
                **about,
            )
        record_event(
            actor="user:1",
            action="redemption.looked_at",
            object_kind="redemption",
            object_id=redemption_id,
            now=NOW,
            before={"state": "issued"},
            reason=f"{LAST} had asked",
        )


def _report(world: World, redemption_id: Any) -> None:
    source, _ = create_source(client=world.client, name="crm", actor="user:1", now=NOW)
    InboundEvent.objects.create(
        source=source,
        client=world.client,
        event_id="event-1",
        signature="current",
        event_type="came",
        contact_id=CRM_ID,
        body_encrypted=encrypt(json.dumps({"name": FIRST}), context=BODY_CONTEXT),
        body_digest=b"d" * 32,
        outcome="already_redeemed",
        redemption_id=redemption_id,
        actor="source:1",
        received_at=NOW,
    )


def settle_texts() -> None:
    """Let every text have reached its end."""
    Message.objects.exclude(next_attempt_at=None).update(state="delivered", next_attempt_at=None)


def erase(operator: User, *people: Recipient, **changes: Any) -> Erasure:
    facts = {"reason": WHY, "confirmation": "erase", "now": LATER}
    ids = [one.pk for one in people]
    return erase_person(**{"user": operator, "recipient_ids": ids, **facts, **changes})


def found_in(*marks: str) -> dict[str, list[str]]:
    """Return where any of these words stand, in any column of any of our tables, by the table."""
    found: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(_NOT_OURS):
                continue
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
            for (row,) in cursor.fetchall():
                text = json.dumps(json.loads(row), ensure_ascii=False)
                for mark in marks:
                    if mark.casefold() in text.casefold():
                        found.setdefault(table, []).append(mark)
    return found
