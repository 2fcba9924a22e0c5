"""Forgetting a customer: what says who they were is emptied, what was bought and paid stays.

Note [Forgotten customer]
All of it is one transaction, under the lock that each checkout and gift card of theirs takes first:
whatever began before it is seen, and refuses it; whatever comes after finds a closed account. Only
then the provider is asked to empty its records of their texts; what it does not do at once stands
in the erasure's row, and is asked for again until nothing is left.

The points stay as the last transaction left them: the chain of transactions has no gap, nothing is
paid out, and nobody can use them. A refund of an old order goes on as it would have, without them.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.db import OperationalError, connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.models import User
from credit.selectors.staff import may_erase_people
from credit.services.audit import record_event
from loyalty.models import Customer, CustomerErasure, Reward
from loyalty.selectors.personal_data import (
    OBJECT_KINDS,
    CustomerData,
    bad_phones_of_customer,
    find_customer_obstacles,
    messages_to_customer,
    objects_of_customer,
    read_customer,
    texts_from_customer,
)
from loyalty.services.refusals import NoSuchThingError, refusal_from, refuse
from loyalty.services.stated_reasons import read_stated_reason
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
CONFIRMATION: Final = "forget"
_AGAIN_AFTER: Final = timedelta(minutes=15)
_LEASE: Final = timedelta(minutes=10)
_LOCK_TIMEOUT: Final = "2s"


@dataclasses.dataclass(eq=False, kw_only=True)
class ForgetNotPermittedError(ServiceError):
    """Forgetting a customer takes the right to erase people's data."""

    code: ClassVar = ErrorCode.NOT_PERMITTED


@dataclasses.dataclass(eq=False, kw_only=True)
class CustomerInWorkError(ServiceError):
    """Money, points or a text of theirs is under way; ``errors`` say what, and what to do."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@seeing(EVERYTHING)
@durable
def forget_customer(
    *, user: User, customer_id: UUID, reason: str, confirmation: str, now: datetime
) -> CustomerErasure:
    """Forget a customer, for good; return what was done.

    A repeat changes nothing and returns what the first one did.

    :param reason: for the records; it does not name the customer.
    :param confirmation: the word ``CONFIRMATION``, typed by a person.
    :raises ForgetNotPermittedError: GC-110.
    :raises NoSuchThingError: GC-111.
    :raises ValidationFailedError: no reason, one that says who it is, or another word (GC-012).
    :raises CustomerInWorkError: GC-115; its ``errors`` say what to do.
    :raises StillRunningError: somebody else has held their account for two seconds.
    """
    if not may_erase_people(user):
        raise ForgetNotPermittedError
    try:
        data = read_customer(customer_id=customer_id)
    except Customer.DoesNotExist:
        raise NoSuchThingError from None
    reason = _read_reason(reason, data)
    if confirmation.strip().casefold() != CONFIRMATION:
        raise refuse("confirmation", f"Type the word {CONFIRMATION}.")
    try:
        with transaction():
            erasure, is_first = _forget(data, reason, actor=f"user:{user.pk}", now=now)
    except OperationalError as error:
        refusal = refusal_from(error)
        if refusal is error:
            raise
        raise refusal from error
    if is_first:
        log.info("[PRIVACY] Customer forgotten", customer_id=str(customer_id))
        work_off_customer_erasures(now=now, only=erasure.pk)
        erasure.refresh_from_db()
    return erasure


@seeing(EVERYTHING)
@durable
def work_off_customer_erasures(*, now: datetime, limit: int = 100, only: UUID | None = None) -> int:
    """Ask the provider to empty what it still has of forgotten customers' texts; return how many
    erasures are done with.

    Safe to run any number of times at once, and to be killed: each is one worker's for a lease,
    and emptying twice changes nothing.
    """
    finished = 0
    for _ in range(limit):
        erasure = _claim(now=now, only=only)
        if erasure is None:
            break
        left = redact_at_provider(erasure.provider_ids)
        CustomerErasure.objects.filter(pk=erasure.pk).update(
            provider_ids=left, next_attempt_at=now + _AGAIN_AFTER if left else None
        )
        finished += not left
    return finished


def _claim(*, now: datetime, only: UUID | None) -> CustomerErasure | None:
    with transaction():
        due = CustomerErasure.objects.select_for_update(skip_locked=True, no_key=True)
        due = due.filter(next_attempt_at__lte=now)
        if only is not None:
            due = due.filter(pk=only)
        erasure = due.order_by("next_attempt_at", "pk").first()
        if erasure is not None:
            CustomerErasure.objects.filter(pk=erasure.pk).update(next_attempt_at=now + _LEASE)
        return erasure


@transaction_required
def _forget(
    before: CustomerData, reason: str, *, actor: str, now: datetime
) -> tuple[CustomerErasure, bool]:
    """Empty our own tables, once; return the erasure and whether this call did it."""
    data, locked = _lock_customer(before)
    if data.customer.erased_at is not None:
        return CustomerErasure.objects.get(customer=data.customer), False
    obstacles = find_customer_obstacles(data)
    messages = list(messages_to_customer(data).values_list("pk", flat=True))
    if not obstacles and set(messages) - locked:
        obstacles = ["A message has just been sent to them: look again in a minute."]
    if obstacles:
        raise CustomerInWorkError(errors={"customer": obstacles})
    texts = list(texts_from_customer(data).values_list("pk", flat=True))
    left = ids_at_provider(messages=messages, texts=texts)
    _empty(data, messages=messages, texts=texts, now=now)
    erasure = CustomerErasure.objects.create(
        customer=data.customer,
        reason=reason,
        requested_by=actor,
        erased_at=now,
        provider_ids=left,
        next_attempt_at=now if left else None,
    )
    record_event(
        actor=actor,
        action="customer.forgotten",
        object_kind="customer",
        object_id=data.customer.pk,
        now=now,
        reason=reason,
        owner=data.customer.client,
    )
    return erasure, True


@transaction_required
def _lock_customer(before: CustomerData) -> tuple[CustomerData, set[UUID]]:
    """Lock what a checkout, a gift card or a text of theirs would lock, and read them again.

    :returns: what is kept about them now, and which messages are locked.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    # Whoever reports on a message holds it before its reward; nobody holds a customer before it.
    messages = messages_to_customer(before).select_for_update(no_key=True).order_by("pk")
    locked = {one.pk for one in messages}
    Customer.objects.select_for_update(no_key=True).get(pk=before.customer.pk)
    rewards = Reward.objects.filter(customer=before.customer)
    list(rewards.select_for_update(no_key=True).order_by("pk"))
    return read_customer(customer_id=before.customer.pk), locked


@transaction_required
def _empty(data: CustomerData, *, messages: list[UUID], texts: list[int], now: datetime) -> None:
    """Take the customer out of every table; what is found by them first."""
    bad_phones = list(bad_phones_of_customer(data).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT credit_forget_reasons(%s::text[], %s::text[], %s::text[])",
            [list(OBJECT_KINDS), objects_of_customer(data), data.marks],
        )
        cursor.execute(
            "SELECT loyalty_forget_customer(%s, %s::text[], %s)",
            [data.customer.pk, data.marks, now],
        )
    empty_messages(messages)
    empty_inbound(texts)
    forget_bad_phones(bad_phones)
    for phone in data.phones:
        forget_number(client_id=data.customer.client_id, phone=phone, now=now)


def _read_reason(reason: str, data: CustomerData) -> str:
    reason = read_stated_reason(reason)
    if any(mark.casefold() in reason.casefold() for mark in data.marks):
        raise refuse("reason", "Leave the customer out: the reason stays when they are forgotten.")
    return reason
