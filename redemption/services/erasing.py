"""Forgetting a person: what says who they were is emptied, what was given and paid stays.

Note [Erasure]
An erasure is a row first, then work. The work on our own tables is one transaction: it locks what
a text or a redemption of theirs would lock, in the house's order (Note [Taking back]), looks once
more whether anything is under way, and empties everything or nothing. A worker that dies in it
leaves the promise, which the sweep takes up. Only then the provider is asked to empty its records
of their texts, one by one, until none is left; emptying twice changes nothing.

What is emptied where is told by redemption/selectors/personal_sections.py to who asks for it, and
by config/personal_data.py column by column; tests compare both with the tables.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.db import OperationalError, connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.selectors.person_sections import count_rows
from alerts.transactions import durable, transaction, transaction_required
from credit.models import User
from credit.selectors.staff import may_erase_people
from credit.services.audit import record_event
from redemption.models import CallSession, DeskTask, Erasure, Recipient, Redemption, RevealLink
from redemption.selectors.erasure_obstacles import find_obstacles
from redemption.selectors.personal_data import (
    OBJECT_KINDS,
    Person,
    bad_phones_of,
    calls_of,
    events_of,
    inbound_of,
    messages_of,
    objects_of,
    read_person,
    tasks_of,
)
from redemption.selectors.personal_sections import list_sections
from redemption.services.cancelling import read_reason
from sms.models import Message
from sms.services.forgetting import (
    empty_inbound,
    empty_messages,
    forget_bad_phones,
    forget_number,
    ids_at_provider,
    redact_at_provider,
)

log = structlog.get_logger()

# What has to be typed, since nobody can undo it.
CONFIRMATION: Final = "erase"
_AGAIN_AFTER: Final = timedelta(minutes=15)
_LEASE: Final = timedelta(minutes=10)
_LOCK_TIMEOUT: Final = "2s"
_LOCKED = ("55P03", "40P01")
# In the place of a number that a desk task can't be without.
_NO_NUMBER: Final = "erased"


@dataclasses.dataclass(eq=False, kw_only=True)
class EraseNotPermittedError(ServiceError):
    """Forgetting a person takes a right of its own."""

    code: ClassVar = ErrorCode.NOT_PERMITTED


@dataclasses.dataclass(eq=False, kw_only=True)
class PersonUnknownError(ServiceError):
    """There is no such recipient, or all of them were erased before."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(eq=False, kw_only=True)
class PersonInWorkError(ServiceError):
    """Money or a text of theirs is under way; ``errors`` say what, and what to do."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


class _NotNowError(Exception):
    """Something of theirs is under way after all; the text says what."""


@seeing(EVERYTHING)
@durable
def erase_person(
    *,
    user: User,
    recipient_ids: Collection[UUID],
    reason: str,
    confirmation: str,
    now: datetime,
) -> Erasure:
    """Forget the person whom these recipients are, for good; return what was done so far.

    What is under way keeps it from being begun. Once it is begun it goes on until it is done, by
    itself: a repeat for the same person finds nothing left.

    :param reason: for the records; it names nobody and no code.
    :param confirmation: the word ``CONFIRMATION``, typed by a person.
    :raises EraseNotPermittedError: GC-110.
    :raises ValidationFailedError: no reason, one that says who it is, or another word (GC-012).
    :raises PersonUnknownError: GC-111.
    :raises PersonInWorkError: GC-115; its ``errors`` say what to do.
    """
    if not may_erase_people(user):
        raise EraseNotPermittedError
    person = read_person(recipient_ids=recipient_ids)
    left = [one for one in person.recipients if one.erased_at is None]
    if not left:
        raise PersonUnknownError
    reason = _read_reason(reason, person)
    if confirmation.strip().casefold() != CONFIRMATION:
        raise ValidationFailedError(errors={"confirmation": [f"Type the word {CONFIRMATION}."]})
    obstacles = find_obstacles(person)
    if obstacles:
        raise PersonInWorkError(errors={"person": obstacles})
    actor = f"user:{user.pk}"
    with transaction():
        erasure = Erasure.objects.create(
            recipient_ids=[one.pk for one in left],
            reason=reason,
            requested_by=actor,
            requested_at=now,
            next_attempt_at=now,
        )
        for one in left:
            record_event(
                actor=actor,
                action="person.erasure_asked",
                object_kind="recipient",
                object_id=one.pk,
                now=now,
                after={"erasure_id": str(erasure.pk)},
                reason=reason,
                owner=one.client,
            )
    log.info("[PRIVACY] Erasure asked for", erasure_id=str(erasure.pk), recipients=len(left))
    work_off_erasures(now=now, only=erasure.pk)
    erasure.refresh_from_db()
    return erasure


@seeing(EVERYTHING)
@durable
def work_off_erasures(*, now: datetime, limit: int = 100, only: UUID | None = None) -> int:
    """Go on with erasures that are due; return how many are done with.

    Safe to run any number of times at once, and to be killed: each is one worker's for a lease.
    """
    finished = 0
    for _ in range(limit):
        erasure = _claim(now=now, only=only)
        if erasure is None:
            break
        if erasure.erased_at is None and not _erase(erasure, now=now):
            continue
        finished += _finish(erasure, now=now)
        if only is not None:
            break
    return finished


def _claim(*, now: datetime, only: UUID | None) -> Erasure | None:
    with transaction():
        due = Erasure.objects.select_for_update(skip_locked=True, no_key=True)
        due = due.filter(next_attempt_at__lte=now)
        if only is not None:
            due = due.filter(pk=only)
        erasure = due.order_by("next_attempt_at", "pk").first()
        if erasure is not None:
            Erasure.objects.filter(pk=erasure.pk).update(next_attempt_at=now + _LEASE)
        return erasure


def _erase(erasure: Erasure, *, now: datetime) -> bool:
    """Empty our own tables in one transaction, or say why not yet."""
    try:
        with transaction():
            person = _lock_person(erasure)
            counts = count_rows(list_sections(person))
            left = ids_at_provider(
                messages=list(messages_of(person).values_list("pk", flat=True)),
                texts=list(inbound_of(person).values_list("pk", flat=True)),
            )
            _empty(person, now=now)
            Erasure.objects.filter(pk=erasure.pk).update(
                erased_at=now, counts=counts, provider_ids=left, waits_for=""
            )
            for one in person.recipients:
                record_event(
                    actor=erasure.requested_by,
                    action="person.erased",
                    object_kind="recipient",
                    object_id=one.pk,
                    now=now,
                    after={"erasure_id": str(erasure.pk), "rows": counts},
                    owner=one.client,
                )
    except _NotNowError as obstacle:
        _put_off(erasure, str(obstacle), now=now)
        return False
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) not in _LOCKED:
            raise
        _put_off(erasure, "Something works on one of their rewards.", now=now)
        return False
    erasure.erased_at, erasure.provider_ids = now, left
    log.info("[PRIVACY] Person erased", erasure_id=str(erasure.pk), rows=sum(counts.values()))
    return True


def _put_off(erasure: Erasure, why: str, *, now: datetime) -> None:
    Erasure.objects.filter(pk=erasure.pk).update(
        waits_for=why[:300], next_attempt_at=now + _AGAIN_AFTER
    )
    log.info("[PRIVACY] Erasure put off", erasure_id=str(erasure.pk), why=why)


def _finish(erasure: Erasure, *, now: datetime) -> bool:
    """Empty what the provider still has; return whether nothing is left."""
    left = redact_at_provider(erasure.provider_ids)
    Erasure.objects.filter(pk=erasure.pk).update(
        provider_ids=left,
        waits_for="The provider has not emptied all of its records yet." if left else "",
        next_attempt_at=now + _AGAIN_AFTER if left else None,
    )
    return not left


@transaction_required
def _lock_person(erasure: Erasure) -> Person:
    """Lock what a text or a redemption of theirs would lock, and look whether they do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    before = read_person(recipient_ids=erasure.recipient_ids)
    messages = list(messages_of(before).order_by("pk").values_list("pk", flat=True))
    list(Message.objects.select_for_update(no_key=True).filter(pk__in=messages).order_by("pk"))
    people = Recipient.objects.filter(pk__in=erasure.recipient_ids)
    list(people.select_for_update(no_key=True).order_by("pk"))
    rewards = Redemption.objects.filter(recipient__in=erasure.recipient_ids)
    list(rewards.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    person = read_person(recipient_ids=erasure.recipient_ids)
    obstacles = find_obstacles(person)
    if obstacles:
        raise _NotNowError(obstacles[0])
    if set(messages_of(person).values_list("pk", flat=True)) - set(messages):
        raise _NotNowError("A message has just been promised to them.")
    return person


@transaction_required
def _empty(person: Person, *, now: datetime) -> None:
    """Take the person out of every table; the order is: what is found by them first."""
    texts = list(inbound_of(person).values_list("pk", flat=True))
    messages = list(messages_of(person).values_list("pk", flat=True))
    bad_phones = list(bad_phones_of(person).values_list("pk", flat=True))
    _empty_facts(person)
    _empty_desk(person, now=now)
    events_of(person).update(contact_id="", campaign_ref="", body_encrypted="", details="")
    empty_messages(messages)
    empty_inbound(texts)
    forget_bad_phones(bad_phones)
    for client_id, address in sorted(person.addresses):
        if "@" not in address:
            forget_number(client_id=client_id, phone=address, now=now)
    links = RevealLink.objects.filter(redemption__in=person.redemption_ids)
    links.filter(revoked_at=None).update(revoked_at=now)
    links.update(bound_to=None, bound_at=None)
    Redemption.objects.filter(pk__in=person.redemption_ids).update(
        contact_to="", ip_address=None, user_agent="", browser_digest=None
    )
    Recipient.objects.filter(pk__in=person.ids, erased_at=None).update(
        first_name="",
        last_name="",
        phone="",
        email="",
        city="",
        region="",
        postal_code="",
        external_crm_id=None,
        code_encrypted="",
        code_last4="",
        # Nobody redeems for somebody who is not known any more: the hot path refuses it.
        approval=Recipient.Approval.REJECTED,
        erased_at=now,
    )


def _empty_facts(person: Person) -> None:
    """Empty what only the tables' owner may: reasons that name the person, tries at their code."""
    codes = [bytes(one.code_digest) for one in person.recipients]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM redemption_forget_facts(%s::uuid[], %s::bytea[], %s::text[])",
            [list(person.redemption_ids), codes, person.marks],
        )
        cursor.execute(
            "SELECT credit_forget_reasons(%s::text[], %s::text[], %s::text[])",
            [list(OBJECT_KINDS), objects_of(person), person.marks],
        )


def _empty_desk(person: Person, *, now: datetime) -> None:
    calls = list(calls_of(person).values_list("pk", flat=True))
    tasks = tasks_of(person)
    ids = list(tasks.values_list("pk", flat=True))
    CallSession.objects.filter(pk__in=calls).update(caller="", notes="")
    tasks = DeskTask.objects.filter(pk__in=ids)
    tasks.filter(done_at=None).update(done_at=now, outcome=DeskTask.Outcome.SETTLED)
    tasks.filter(recipient=None, redemption=None).update(phone=_NO_NUMBER)
    tasks.exclude(phone=_NO_NUMBER).update(phone="")
    tasks.update(note="", done_note="")


def _read_reason(reason: str, person: Person) -> str:
    reason = read_reason(reason)
    if any(mark.casefold() in reason.casefold() for mark in person.marks):
        raise ValidationFailedError(
            errors={"reason": ["Leave the person out: the reason stays when they are forgotten."]}
        )
    return reason
