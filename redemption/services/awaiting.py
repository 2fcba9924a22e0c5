"""Waiting a moment for a card that is being bought.

A provider mostly answers within a second, and a worker asks it as soon as the order is there. So
a door that has just placed an order looks for a moment whether the card comes: most people get
it at once, and nobody is kept for longer than a page may take.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import ClassVar, Final, TypeVar
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable
from credit.models import IdempotencyRecord
from credit.services.idempotency import KeyClaim, amend_answer, find_record, forget_answer
from redemption.models import Redemption
from redemption.services.disclosure import disclose_redemption

# With this the whole answer still comes within two seconds.
PATIENCE_SECONDS: Final = 1.6
# Then the first answer to a key has been given, or its process is dead.
_ANSWERED_WITHIN: Final = timedelta(seconds=2)
_FIRST_LOOK_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.15
# A web process has three threads. One is always left to those whose card is in stock, however
# slow a provider is; who finds no place here is told at once that the card is being prepared.
_PLACES: Final = threading.BoundedSemaphore(2)

State = Redemption.State
T = TypeVar("T")


@dataclasses.dataclass(eq=False, kw_only=True)
class ProviderFailedError(ServiceError):
    """The card could not be bought, in a campaign that lets nobody wait."""

    code: ClassVar = ErrorCode.PROVIDER_FAILED

    redemption_id: UUID


@durable
@seeing(EVERYTHING)
def await_card(*, redemption_id: UUID, asked_at: datetime, now: datetime) -> str:
    """Return the state of a redemption once it is not ``provisioning`` any more, or time is up.

    :param asked_at: when the request came, whose answer is due soon after.
    """

    def look() -> str:
        return Redemption.objects.values_list("state", flat=True).get(pk=redemption_id)

    seconds = PATIENCE_SECONDS - (now - asked_at).total_seconds()
    return _look_until(look, lambda state: state != State.PROVISIONING, seconds)


@durable
def await_first_answer(
    *, redemption_id: UUID, key: KeyClaim, actor: str, asked_at: datetime, now: datetime
) -> str:
    """Wait for the card of a first request, and return the state that its answer is to tell.

    ``issued`` when the card has come: then its disclosure is committed, and the key stands for
    that answer. A process that dies before leaves the key at ``provisioning``.

    :raises ProviderFailedError: it can't be bought and nobody may wait (GC-005); the key is free
        again, since nothing came of it.
    """
    before = str(State.PROVISIONING)
    began = time.monotonic()
    state = await_card(redemption_id=redemption_id, asked_at=asked_at, now=now)
    if state in Redemption.STANDING:
        # It was issued meanwhile, and is not delivered before that.
        shown_at = now + timedelta(seconds=time.monotonic() - began)
        disclose_redemption(redemption_id=redemption_id, actor=actor, now=shown_at)
        amend_answer(claim=key, before=before, status=201, state=str(State.ISSUED))
        return str(State.ISSUED)
    if state == State.FAILED:
        forget_answer(claim=key, before=before)
        raise ProviderFailedError(redemption_id=redemption_id)
    if state != before:
        amend_answer(claim=key, before=before, status=202, state=state)
    return state


def find_answer(*, key: KeyClaim, now: datetime) -> IdempotencyRecord | None:
    """Return what a key stands for; while its first request may still wait, wait with it.

    :raises KeyReusedError: it stands for another request (GC-107).
    """
    record = find_record(claim=key)
    if record is None or record.state != State.PROVISIONING:
        return record
    return _look_until(
        lambda: find_record(claim=key),
        lambda found: found is None or found.state != State.PROVISIONING,
        (record.created_at + _ANSWERED_WITHIN - now).total_seconds(),
    )


def _look_until(look: Callable[[], T], is_over: Callable[[T], bool], seconds: float) -> T:
    """Look again and again until it is over or time is up; return what was seen last."""
    end = time.monotonic() + seconds
    found = look()
    with _place() as has_place:
        pause = _FIRST_LOOK_SECONDS
        while has_place and not is_over(found) and time.monotonic() < end:
            time.sleep(min(pause, max(end - time.monotonic(), 0)))
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)
            found = look()
    return found


@contextlib.contextmanager
def _place() -> Iterator[bool]:
    has_place = _PLACES.acquire(blocking=False)
    try:
        yield has_place
    finally:
        if has_place:
            _PLACES.release()
