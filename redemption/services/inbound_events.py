"""CRM events: stored first, then redeemed, once, whatever breaks in between.

Note [Events]
The row is the promise: an event that was taken in is acted on, by the request that brought it, by
the sender's repeat, or by a worker within a minute. They may all work on it at the same time.
What makes that safe is the key that ``redeem`` writes in the transaction of its effect: the
second of two finds the first one's redemption under it. So nobody waits for anybody, and there is
nothing to be left locked by a process that dies.

What is kept: what was understood of an event stays as its record. The body, with whatever else
about a person a CRM sends along, is kept encrypted and only while it may have to be read anew
under a corrected mapping: until there is a reward, and no longer than ``BODY_KEPT``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db.models import F

from alerts.errors import ServiceError
from alerts.keyring import decrypt, encrypt
from alerts.scope import EVERYTHING, seeing
from alerts.tracing import tracing
from alerts.transactions import durable, transaction
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyClaim,
    KeyReusedError,
    StillRunningError,
    claim_key,
    find_record,
)
from redemption.models import EventSource, InboundEvent, Recipient, Redemption
from redemption.selectors.event_matches import match_event
from redemption.services.event_bodies import Understood, understand
from redemption.services.event_contacts import choose_contact
from redemption.services.redeem import AlreadyProvisionedError, Caller, redeem

log = structlog.get_logger()

Outcome = InboundEvent.Outcome
Problem = InboundEvent.Problem
State = Redemption.State

BODY_CONTEXT: Final = "redemption_inboundevent.body"
# Long enough to notice that a mapping is wrong, and to ask for a replay.
BODY_KEPT: Final = timedelta(days=30)
# How long the request that brought an event has for it before a worker takes it up.
_DOOR_HAS: Final = timedelta(seconds=30)
# How long a worker has: then it is dead, and the next one takes it up.
_WORKER_HAS: Final = timedelta(minutes=5)
_LOOK_AGAIN: Final = timedelta(minutes=1)
_CLAIMED_AT_ONCE: Final = 20
_OVER: Final = frozenset({Outcome.ISSUED, Outcome.WAITING, Outcome.ALREADY_REDEEMED})
_OUTCOMES: Final[Mapping[str, str]] = {
    State.PENDING: Outcome.PROVISIONING,
    State.PROVISIONING: Outcome.PROVISIONING,
    State.UNCONFIRMED: Outcome.PROVISIONING,
    State.ISSUED: Outcome.ISSUED,
    State.DELIVERED: Outcome.ISSUED,
    State.CONFIRMED: Outcome.ISSUED,
    State.CANCELLED: Outcome.ISSUED,
    State.WAITING_STOCK: Outcome.WAITING,
    State.WAITING_OPT_IN: Outcome.WAITING,
    State.WAITING_APPROVAL: Outcome.WAITING,
    State.FAILED: Outcome.REFUSED,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventResult:
    """What became of an event, as its sender is told; ``code`` says why it waits or was refused."""

    event_id: str
    outcome: str
    code: str
    redemption_id: UUID | None
    is_duplicate: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    outcome: str
    understood: Understood | None = None
    problem: str = ""
    details: str = ""
    error_code: str = ""
    redemption_id: UUID | None = None


@durable
def receive_event(
    *,
    source: EventSource,
    signature: InboundEvent.Signature,
    event_id: str,
    body: Mapping[str, Any],
    request_id: str,
    now: datetime,
) -> EventResult:
    """Take in a signed event and act on it.

    A repeat of the same event reads what became of the first; if that is not known yet, it sees
    to it: Note [Events].

    :raises KeyReusedError: the source has sent another body under this id (GC-107).
    :raises StillRunningError: somebody else has the recipient in hand (GC-108); the event is kept
        and acted on by itself.
    """
    fingerprint = claim_key(
        owner=f"source:{source.pk}", key=event_id, method="POST", path="events", body=dict(body)
    ).fingerprint
    understood = _read(body, source)
    new = InboundEvent(
        source=source,
        client_id=source.client_id,
        event_id=event_id,
        signature=signature,
        body_encrypted=encrypt(json.dumps(body, separators=(",", ":")), context=BODY_CONTEXT),
        body_digest=fingerprint,
        actor=f"source:{source.pk}",
        next_attempt_at=now + _DOOR_HAS,
        received_at=now,
        **_columns(understood),
    )
    # UNIQUE (source, event_id) decides who was first.
    InboundEvent.objects.bulk_create([new], ignore_conflicts=True)
    event = InboundEvent.objects.get(source=source, event_id=event_id)
    is_duplicate = event.pk != new.pk
    if bytes(event.body_digest) != fingerprint:
        raise KeyReusedError
    if event.outcome == Outcome.RECEIVED:
        event = act_on_event(
            event=event, actor=f"source:{source.pk}", request_id=request_id, now=now
        )
    return EventResult(
        event_id=event_id,
        outcome=event.outcome,
        code=event.error_code,
        redemption_id=event.redemption_id,
        is_duplicate=is_duplicate,
    )


@durable
def act_on_event(
    *, event: InboundEvent, actor: str, request_id: str, now: datetime
) -> InboundEvent:
    """Match an event and redeem for it, or look how its card is coming along; write it down.

    Safe to repeat, and to do at the same time as somebody else: Note [Events].

    :param actor: who had it done.
    :raises StillRunningError: somebody else has the recipient in hand (GC-108).
    """
    if event.outcome == Outcome.PROVISIONING:
        verdict = _look_after(event)
        if verdict is None:
            InboundEvent.objects.filter(pk=event.pk, tries=event.tries).update(
                next_attempt_at=now + _LOOK_AGAIN
            )
            return event
    else:
        verdict = _decide(event, request_id=request_id, now=now)
    return _write(event, verdict, actor=actor, now=now)


@durable
@seeing(EVERYTHING)
def process_events(*, now: datetime, limit: int) -> int:
    """Act on events that nobody has finished, and on those to be replayed; return how many.

    Also empties the bodies of old ones. Two at once share the work.
    """
    InboundEvent.objects.filter(received_at__lt=now - BODY_KEPT).exclude(body_encrypted="").update(
        body_encrypted=""
    )
    done = 0
    while done < limit:
        claimed = _claim_due(now=now, limit=min(_CLAIMED_AT_ONCE, limit - done))
        if not claimed:
            break
        for event in claimed:
            done += 1
            actor = event.replay_actor if event.outcome in InboundEvent.OPEN else "system"
            with tracing(str(event.pk)):
                _act_once_more(event, actor=actor or "system", now=now)
    return done


def _act_once_more(event: InboundEvent, *, actor: str, now: datetime) -> None:
    try:
        act_on_event(event=event, actor=actor, request_id=str(event.pk), now=now)
    except StillRunningError:
        # Looked at again when the worker's time is up.
        log.info("[EVENT] Recipient in other hands", inbound_event=str(event.pk))


def _claim_due(*, now: datetime, limit: int) -> list[InboundEvent]:
    with transaction():
        due = list(
            InboundEvent.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("source")
            .filter(next_attempt_at__lte=now)
            .order_by("next_attempt_at")[:limit]
        )
        InboundEvent.objects.filter(pk__in=[event.pk for event in due]).update(
            next_attempt_at=now + _WORKER_HAS
        )
    return due


def _decide(event: InboundEvent, *, request_id: str, now: datetime) -> _Verdict:
    """Match and redeem; what speaks against it is a verdict, too."""
    understood = _read_again(event)
    if understood.missing:
        return _Verdict(
            outcome=Outcome.UNMATCHED,
            understood=understood,
            problem=Problem.NOT_UNDERSTOOD,
            details=f"Not found: {'; '.join(understood.missing)}."[:300],
        )
    match = match_event(
        client_id=event.client_id,
        campaign_ref=understood.campaign_ref,
        event_type=understood.event_type,
        contact_id=understood.contact_id,
    )
    if match.problem or match.recipient is None or match.condition is None:
        return _Verdict(outcome=Outcome.UNMATCHED, understood=understood, problem=match.problem)
    try:
        outcome, code, redemption_id = _redeem(
            event, match.recipient, match.condition.number, request_id=request_id, now=now
        )
    except AlreadyProvisionedError as error:
        outcome, code, redemption_id = (
            Outcome.ALREADY_REDEEMED, error.code.code, error.redemption_id,
        )  # fmt: skip
    except StillRunningError:
        raise
    except ServiceError as error:
        details = "; ".join(sentence for words in error.errors.values() for sentence in words)
        return _Verdict(
            outcome=Outcome.REFUSED,
            understood=understood,
            error_code=error.code.code,
            details=details[:300],
        )
    return _Verdict(
        outcome=outcome, understood=understood, error_code=code, redemption_id=redemption_id
    )


def _redeem(
    event: InboundEvent,
    recipient: Recipient,
    condition_number: int,
    *,
    request_id: str,
    now: datetime,
) -> tuple[str, str, UUID]:
    # Of this try: one that was refused stands for nothing when it is tried again.
    key = KeyClaim(
        owner=f"source:{event.source_id}",
        key=f"{event.pk}:{event.tries}",
        fingerprint=bytes(event.body_digest),
    )
    try:
        result = redeem(
            caller=Caller(
                door=Redemption.Door.CRM,
                actor=f"source:{event.source_id}",
                request_id=request_id,
                scope_kind="client",
                scope_id=event.client_id,
            ),
            contact=choose_contact(event.source, recipient),
            recipient_id=recipient.pk,
            condition_number=condition_number,
            key=key,
            now=now,
        )
    except KeyAnsweredError:
        record = find_record(claim=key)
        if record is None or record.object_id is None:
            raise StillRunningError from None
        reward = Redemption.objects.get(pk=record.object_id)
        outcome = _OUTCOMES[record.state]
        return outcome, "" if outcome == Outcome.ISSUED else reward.reason_code, reward.pk
    return _OUTCOMES[result.state], result.reason_code, result.redemption_id


def _look_after(event: InboundEvent) -> _Verdict | None:
    """Return what became of a card that was being bought; None while it still is."""
    assert event.redemption_id is not None  # noqa: S101  held by the table's CHECK
    reward = Redemption.objects.get(pk=event.redemption_id)
    outcome = _OUTCOMES[reward.state]
    if outcome == Outcome.PROVISIONING:
        return None
    code = "" if outcome == Outcome.ISSUED else reward.reason_code
    return _Verdict(outcome=outcome, error_code=code, redemption_id=reward.pk)


@durable
def _write(event: InboundEvent, verdict: _Verdict, *, actor: str, now: datetime) -> InboundEvent:
    """Write a verdict down, unless somebody else's is there that is as good."""
    has_reward = verdict.redemption_id is not None
    values: dict[str, Any] = {
        "outcome": verdict.outcome,
        "problem": verdict.problem,
        "details": verdict.details,
        "error_code": verdict.error_code,
        "redemption_id": verdict.redemption_id,
        "actor": actor,
        "processed_at": now,
        "next_attempt_at": now + _LOOK_AGAIN if verdict.outcome == Outcome.PROVISIONING else None,
    }
    if verdict.understood is not None:
        values |= _columns(verdict.understood)
    if has_reward:
        values["body_encrypted"] = ""
    while True:
        written = InboundEvent.objects.filter(pk=event.pk, tries=event.tries).update(
            **values, tries=F("tries") + 1
        )
        event = InboundEvent.objects.select_related("source").get(pk=event.pk)
        # Who found less than somebody else meanwhile, or the same, leaves theirs.
        if written or event.outcome in _OVER or not has_reward or event.redemption_id is not None:
            break
    log.info(
        "[EVENT] Acted on",
        inbound_event=str(event.pk),
        outcome=event.outcome,
        problem=event.problem,
        code=event.error_code,
    )
    return event


def _read(body: Mapping[str, Any], source: EventSource) -> Understood:
    campaign_ref = "" if source.campaign_id is None else str(source.campaign_id)
    return understand(body, mapping=source.mapping, campaign_ref=campaign_ref)


def _read_again(event: InboundEvent) -> Understood:
    """Read the body under the mapping of now, or return what was understood while it was there."""
    if event.body_encrypted:
        body = json.loads(decrypt(event.body_encrypted, context=BODY_CONTEXT))
        return _read(body, event.source)
    names = {"event_type": event.event_type, "contact_id": event.contact_id,
             "campaign_id": event.campaign_ref}  # fmt: skip
    return Understood(
        event_type=event.event_type,
        contact_id=event.contact_id,
        campaign_ref=event.campaign_ref,
        occurred_at=event.occurred_at,
        missing=tuple(f"{name}, and the body is no longer kept" for name in names
                      if not names[name]),
    )  # fmt: skip


def _columns(understood: Understood) -> dict[str, Any]:
    return {
        "event_type": understood.event_type,
        "contact_id": understood.contact_id,
        "campaign_ref": understood.campaign_ref,
        "occurred_at": understood.occurred_at,
    }
