"""A call at the desk: begun, matched with a recipient, noted down, ended.

See Note [Calls] in redemption/sql/calls.sql. An agent's call is theirs alone: it is found by who
asks and never by an id from outside, and whose recipients it may be about is asked of the viewer
each time.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.keyring import digester
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, savepoint, transaction, transaction_required
from credit.models import Membership
from credit.selectors.viewers import MANAGERS, Viewer, viewing
from giftcards.services.revealing import names_a_card
from redemption.codes import normalise_code
from redemption.models import CallSession, DeskTask, Recipient

log = structlog.get_logger()

Outcome = CallSession.Outcome
# Who answers calls. Auditors look at records elsewhere.
DESK_ROLES: Final = frozenset(MANAGERS | {Membership.Role.AGENT})
# Whoever has done nothing for so long may have left: a colleague can take over.
IDLE_AFTER: Final = timedelta(minutes=10)
# An end that was a slip is noticed soon.
REOPEN_WITHIN: Final = timedelta(minutes=10)
LONGEST_NOTES: Final = 2000
# A generated code is read out in three groups; what is shorter than this is a word or a number.
_CODE_WORDS: Final = 3
_SHORTEST_CODE: Final = 6


@dataclasses.dataclass(eq=False, kw_only=True)
class NoCallError(ServiceError):
    """The call is over: ended in another window, or there never was one."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@dataclasses.dataclass(eq=False, kw_only=True)
class RecipientNotFoundError(ServiceError):
    """There is no such recipient, or not for this agent."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(eq=False, kw_only=True)
class HeldByColleagueError(ServiceError):
    """Another agent is on the phone with this recipient, or works on their reward."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    call_id: UUID


@seeing(EVERYTHING)
@durable
def begin_call(*, agent_id: UUID, caller: str, now: datetime) -> UUID:
    """Return the agent's open call, a new one where none is; a repeat begins nothing.

    :param caller: the number they call from, as E.164, or empty. A call that has none takes it.
    """
    with transaction():
        call = _begin(agent_id, now=now)
        if caller and not call.caller:
            call.caller = caller
        _touch(call, "caller", now=now)
    return call.pk


@durable
def choose_recipient(
    *,
    viewer: Viewer,
    agent_id: UUID,
    recipient_id: UUID,
    now: datetime,
    caller: str = "",
    task_id: UUID | None = None,
) -> UUID:
    """Let the agent's call be about a recipient, and hold them where nobody else does.

    Begins a call where none is open. Choosing the same one again changes nothing.

    :param task_id: what is seen to with this call.
    :raises RecipientNotFoundError: none that the viewer may see (GC-111).
    """
    with viewing(viewer):
        try:
            recipient = Recipient.objects.only("client_id").get(
                viewer.client_filter(), pk=recipient_id
            )
        except Recipient.DoesNotExist:
            raise RecipientNotFoundError from None
        tasks = DeskTask.objects.filter(viewer.client_filter(), recipient=recipient_id)
        is_task = task_id is not None and tasks.filter(pk=task_id).exists()
    with seeing(EVERYTHING), transaction():
        call = _begin(agent_id, now=now)
        if call.recipient_id != recipient_id:
            call.recipient_id, call.client_id = recipient_id, recipient.client_id
            call.redemption_id = call.task_id = call.held_at = None
        call.caller = call.caller or caller
        if is_task:
            call.task_id = task_id
        _touch(call, "recipient", "client", "redemption", "held_at", "task", "caller", now=now)
        hold_recipient(call, now=now)
    return call.pk


@seeing(EVERYTHING)
@durable
def take_over(*, viewer: Viewer, agent_id: UUID, call_id: UUID, now: datetime) -> None:
    """Hold the call's recipient, whom another agent has who did nothing for ten minutes.

    Safe to repeat.

    :raises NoCallError: the call is over (GC-115).
    :raises HeldByColleagueError: the other one is still at it (GC-115).
    """
    with transaction():
        call = lock_call(agent_id=agent_id, call_id=call_id)
        require_sight(call, viewer=viewer)
        CallSession.objects.filter(
            recipient=call.recipient, ended_at=None, active_at__lt=now - IDLE_AFTER
        ).exclude(pk=call.pk).update(held_at=None)
        require_hold(call, viewer=viewer, now=now)
        _touch(call, now=now)
    log.info("[DESK] Taken over", call_id=str(call_id))


@seeing(EVERYTHING)
@durable
def save_notes(*, agent_id: UUID, call_id: UUID, notes: str, now: datetime) -> None:
    """Keep what the agent has noted down so far, readable by the client.

    :raises NoCallError: the call is over (GC-115).
    :raises ValidationFailedError: too long, or a card's or a recipient's code stands in it (GC-012,
        ``notes``).
    """
    notes = notes.replace("\r\n", "\n").strip()
    words = ""
    if len(notes) > LONGEST_NOTES:
        words = _("Make it shorter, %(count)d symbols at most.") % {"count": LONGEST_NOTES}
    elif notes and (names_a_card(notes) or _names_a_recipient(notes)):
        words = _("Leave the code itself out: notes are kept readable.")
    if words:
        raise ValidationFailedError(errors={"notes": [words]})
    with transaction():
        call = lock_call(agent_id=agent_id, call_id=call_id)
        call.notes = notes
        _touch(call, "notes", now=now)


@seeing(EVERYTHING)
@durable
def end_call(*, agent_id: UUID, call_id: UUID, outcome: str, now: datetime) -> CallSession:
    """End the call for good and let go of its recipient; return it.

    :raises ValidationFailedError: no known outcome (GC-012, ``outcome``).
    :raises NoCallError: it is over already (GC-115).
    """
    if outcome not in Outcome.values:
        raise ValidationFailedError(errors={"outcome": [_("Choose how the call ended.")]})
    with transaction():
        call = lock_call(agent_id=agent_id, call_id=call_id)
        call.held_at, call.ended_at, call.outcome = None, now, outcome
        _touch(call, "held_at", "ended_at", "outcome", now=now)
    log.info("[DESK] Call ended", call_id=str(call_id), outcome=outcome)
    return call


@seeing(EVERYTHING)
@durable
def reopen_call(*, agent_id: UUID, call_id: UUID, now: datetime) -> UUID:
    """Go on with a call that was ended by mistake, in a new one; return the new one's id.

    A repeat returns the same. The old one stays ended and is counted with the new one.

    :raises NoCallError: it ended too long ago, or another call is open (GC-115).
    """
    with transaction():
        try:
            old = CallSession.objects.select_for_update().get(
                pk=call_id, agent_id=agent_id, ended_at__gte=now - REOPEN_WITHIN
            )
        except CallSession.DoesNotExist:
            raise NoCallError from None
        known = CallSession.objects.filter(continues=old).values_list("pk", flat=True)[:1]
        if known:
            return known[0]
        if CallSession.objects.filter(agent_id=agent_id, ended_at=None).exists():
            raise NoCallError
        call = _begin(agent_id, now=now, continues=old)
        call.client_id, call.recipient_id = old.client_id, old.recipient_id
        call.redemption_id, call.task_id = old.redemption_id, old.task_id
        call.caller, call.notes = old.caller, old.notes
        _touch(call, "client", "recipient", "redemption", "task", "caller", "notes", now=now)
        if call.recipient_id is not None:
            hold_recipient(call, now=now)
    return call.pk


@transaction_required
def lock_call(*, agent_id: UUID, call_id: UUID) -> CallSession:
    """Return an agent's open call, locked.

    :raises NoCallError: it is over, or another's (GC-115).
    """
    try:
        return CallSession.objects.select_for_update().get(
            pk=call_id, agent_id=agent_id, ended_at=None
        )
    except CallSession.DoesNotExist:
        raise NoCallError from None


@transaction_required
def require_sight(call: CallSession, *, viewer: Viewer) -> None:
    """Make sure that a call is about somebody whom the viewer may still see: roles change.

    :raises NoCallError: it is about nobody, or not for this viewer (GC-115).
    """
    if call.recipient_id is not None:
        with viewing(viewer):
            people = Recipient.objects.filter(viewer.client_filter(), pk=call.recipient_id)
            if people.exists():
                return
    raise NoCallError


@transaction_required
def require_hold(call: CallSession, *, viewer: Viewer, now: datetime) -> None:
    """Make sure that a locked call may act on its recipient.

    :raises NoCallError: see :func:`require_sight`.
    :raises HeldByColleagueError: another agent has them (GC-115).
    """
    require_sight(call, viewer=viewer)
    if not hold_recipient(call, now=now):
        raise HeldByColleagueError(
            call_id=call.pk,
            errors={"recipient": [_("A colleague has this person on the phone.")]},
        )


@transaction_required
def hold_recipient(call: CallSession, *, now: datetime) -> bool:
    """Hold a locked call's recipient unless another call does; tell whether it is held now."""
    if call.held_at is None:
        # Of two calls at once the unique index lets one through, the other waits for its end.
        try:
            with savepoint():
                CallSession.objects.filter(pk=call.pk).update(held_at=now)
        except IntegrityError:
            return False
        call.held_at = now
    return True


@transaction_required
def _begin(agent_id: UUID, *, now: datetime, continues: CallSession | None = None) -> CallSession:
    """Return the agent's open call, locked; a new one where none is."""
    # Of two windows at once one begins it and both have it.
    CallSession.objects.bulk_create(
        [CallSession(agent_id=agent_id, started_at=now, active_at=now, continues=continues)],
        ignore_conflicts=True,
    )
    return CallSession.objects.select_for_update().get(agent_id=agent_id, ended_at=None)


@transaction_required
def _touch(call: CallSession, *fields: str, now: datetime) -> None:
    call.active_at = now
    call.save(update_fields=[*fields, "active_at"])


def _names_a_recipient(text: str) -> bool:
    """Tell whether words of the text, taken together, are the redemption code of anybody."""
    words = [normalise_code(word) for word in text.split()]
    digest = digester(purpose="redemption_code")
    digests = {
        digest(run)
        for start in range(len(words))
        for end in range(start + 1, min(start + _CODE_WORDS, len(words)) + 1)
        if len(run := "".join(words[start:end])) >= _SHORTEST_CODE and not run.isalpha()
    }
    return Recipient.objects.filter(code_digest__in=digests).exists()
