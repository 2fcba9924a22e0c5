"""What a person must do for a recipient: put on the desk's list, and taken off it.

A task is opened in the transaction of what makes it necessary, so that nobody is forgotten; what
comes right by itself takes its task off the list in the same way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import structlog
from django.db.models import Q

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Membership, User
from credit.selectors.viewers import MANAGERS, viewer_of_user, viewing
from credit.services.audit import record_event
from giftcards.services.revealing import names_a_card
from redemption.models import DeskTask

log = structlog.get_logger()

Kind = DeskTask.Kind
LONGEST_NOTE: Final = 500
_ROLES: Final = MANAGERS | {Membership.Role.AGENT}
_SYSTEM: Final = "system"
# Calls that nobody has promised in person.
_CALLS: Final = Q(kind=Kind.CALL_BACK, created_by=_SYSTEM)
_OPEN: Final = "SELECT redemption_open_task(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
# What a person closes; ``settled`` is what happens by itself.
CLOSING_OUTCOMES: Final = (
    DeskTask.Outcome.DONE,
    DeskTask.Outcome.NOT_REACHED,
    DeskTask.Outcome.NOT_NEEDED,
)


@dataclasses.dataclass(eq=False, kw_only=True)
class TaskNotFoundError(ServiceError):
    """There is no such task, or not for this person."""

    code: ClassVar = ErrorCode.NOT_FOUND

    task_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class TaskClosedError(ServiceError):
    """Somebody was faster, or it came right by itself."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    task_id: UUID


@transaction_required
def open_task(
    *,
    kind: str,
    client_id: UUID,
    due_at: datetime,
    actor: str,
    now: datetime,
    recipient_id: UUID | None = None,
    redemption_id: UUID | None = None,
    phone: str = "",
    note: str = "",
) -> UUID:
    """Put something on the list of what a person must do, and return the task's id.

    Where one of this kind is open about this redemption, that one stands and stays as it is.

    :param phone: whom to call, E.164; empty where no number is known.
    :param note: what to do and why, readable by the client; no code in it. Cut at 500 symbols.
    :param actor: who asks for it: ``system``, ``user:<id>``.
    """
    about = (str(kind), client_id, recipient_id, redemption_id, phone, note)
    (task_id,) = call_function(_OPEN, (*about, due_at, actor, now))
    return UUID(str(task_id))


@transaction_required
def settle_tasks(*, redemption_ids: Collection[UUID], now: datetime, actor: str = _SYSTEM) -> int:
    """Take off the list what is no longer needed: their reward has come, or was taken back.

    An apology stays owed, and so does a call that a person has promised.

    :param actor: who has seen to it: a person has done the task, anything else settles it.
    :returns: how many were open.
    """
    return _settle(
        Q(kind__in=[Kind.REWARD_NOT_DELIVERED, Kind.BAD_NUMBER]) | _CALLS,
        redemption_ids,
        actor=actor,
        now=now,
    )


@transaction_required
def settle_calls(*, redemption_ids: Collection[UUID], now: datetime) -> int:
    """Take the calls off the list that were to tell of a delay: the reward is on its way.

    :returns: how many were open.
    """
    return _settle(_CALLS, redemption_ids, actor=_SYSTEM, now=now)


def _settle(which: Q, redemption_ids: Collection[UUID], *, actor: str, now: datetime) -> int:
    if not redemption_ids:
        return 0
    kind, _, key = actor.partition(":")
    how: dict[str, Any] = {"outcome": DeskTask.Outcome.SETTLED}
    if kind == "user":
        how = {"outcome": DeskTask.Outcome.DONE, "done_by_id": UUID(key)}
    return DeskTask.objects.filter(which, redemption_id__in=redemption_ids, done_at=None).update(
        done_at=now, **how
    )


@durable
def close_task(*, task_id: UUID, user: User, outcome: str, note: str = "", now: datetime) -> None:
    """Note that a person has seen to a task, once.

    :param outcome: ``done``, ``not_reached`` or ``not_needed``.
    :param note: what was said or done, readable by the client; no code in it.
    :raises TaskNotFoundError: none that this person may serve (GC-111).
    :raises ValidationFailedError: another outcome, a long note or one that names a card's code
        (GC-012).
    :raises TaskClosedError: it is closed already (GC-115).
    """
    note = read_note(note)
    if outcome not in CLOSING_OUTCOMES:
        raise ValidationFailedError(
            errors={"outcome": [f"Choose {', '.join(map(str, CLOSING_OUTCOMES))}."]}
        )
    viewer = viewer_of_user(user.pk).narrowed_to(_ROLES)
    with viewing(viewer):
        try:
            task = DeskTask.objects.select_related("client").get(viewer.client_filter(), pk=task_id)
        except DeskTask.DoesNotExist:
            raise TaskNotFoundError(task_id=task_id) from None
    with seeing(EVERYTHING), transaction():
        closed = DeskTask.objects.filter(pk=task_id, done_at=None).update(
            done_at=now, done_by=user, outcome=outcome, done_note=note
        )
        if not closed:
            raise TaskClosedError(task_id=task_id)
        record_event(
            actor=viewer.actor,
            action="desk_task.closed",
            object_kind="desk_task",
            object_id=task_id,
            now=now,
            before={"kind": task.kind},
            after={"outcome": str(outcome)},
            reason=note,
            owner=task.client,
        )
    log.info("[DESK] Task closed", task_id=str(task_id), kind=task.kind, outcome=str(outcome))


def read_note(text: str, *, field: str = "note") -> str:
    """Return a note on a task as it is kept, empty where nothing was said.

    :param field: what it is called in the errors.
    :raises ValidationFailedError: it is too long, or names a card's code (GC-012).
    """
    note = " ".join(text.split())
    words = ""
    if len(note) > LONGEST_NOTE:
        words = f"Make it shorter, {LONGEST_NOTE} symbols at most."
    elif note and names_a_card(note):
        words = "Leave the code itself out: the note is kept readable."
    if words:
        raise ValidationFailedError(errors={field: [words]})
    return note
