"""Codes that are traps: planted where no code should be read, and heard of when somebody tries one.

Note [Canary codes]
A canary among redemption codes belongs to nobody: no recipient has it, so every door answers it as
what it is to it, an unknown code, by the same steps and in the same time. A canary in a pool is a
card that nobody is ever given (Note [Canary] in giftcards/sql/canaries.sql). Nothing on the way to
a card knows of either. Every attempt at a code is written down with the code's digest before
anything is looked up (Note [Guard]); a job compares those digests with the canaries' every few
seconds, so that an alarm is raised for each attempt once, also for one that was refused because
there were too many.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert
from alerts.statements import call_function
from alerts.transactions import durable, transaction, transaction_required
from credit.models import User
from credit.selectors.staff import may_export_codes, may_reveal_cards
from credit.services.audit import record_event
from giftcards.models import Pool
from giftcards.services.canaries import KIND, plant_card, retire_card
from redemption.codes import format_code, generate_code
from redemption.models import Campaign, Canary, Recipient
from redemption.throttling import digest_of_code

log = structlog.get_logger()

_LONGEST_NOTE: Final = 300
# What is looked through again, in case a round was missed: counted attempts are found by their
# digest, those that were refused by the time alone.
_COUNTED: Final = timedelta(hours=25)
_REFUSED: Final = timedelta(minutes=10)
_FIND: Final = """
    WITH tried AS (
        SELECT c.id AS canary_id, a.* FROM redemption_canary c
        JOIN redemption_attemptlog a ON a.code_digest = c.code_digest
            AND a.result IN ('tried', 'unknown_code', 'wrong_factor')
            AND a.at >= %(counted_from)s
        WHERE c.retired_at IS NULL AND a.at >= c.planted_at
        UNION ALL
        SELECT c.id, a.* FROM redemption_attemptlog a
        JOIN redemption_canary c ON c.code_digest = a.code_digest AND c.retired_at IS NULL
        WHERE a.at >= %(refused_from)s AND a.result IN ('rate_limited', 'blocked')
            AND a.at >= c.planted_at
    )
    INSERT INTO redemption_canarytry
        (canary_id, attempt_id, at, action, network, caller, result, request_id)
    SELECT canary_id, id, at, action, network, caller, result, request_id FROM tried
    ON CONFLICT (attempt_id) DO NOTHING
    RETURNING canary_id, at, action, network::text, caller, result, request_id
"""
_COUNT: Final = """
    UPDATE redemption_canary c
        SET tries = c.tries + tried.times, last_tried_at = greatest(c.last_tried_at, tried.last)
        FROM (SELECT canary_id, count(*) AS times, max(at) AS last
            FROM unnest(%s::uuid[], %s::timestamptz[]) AS one (canary_id, at)
            GROUP BY canary_id) tried
        WHERE c.id = tried.canary_id
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class PlantingNotPermittedError(ServiceError):
    """The person may not see codes of this kind in plain, and so can't be shown a new one."""

    code: ClassVar = ErrorCode.NOT_PERMITTED
    user_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlantedCanary:
    """A canary that was just planted; its code is shown once, to be put where it shall lie."""

    canary_id: UUID
    code: str = dataclasses.field(repr=False)


@seeing(EVERYTHING)
@durable
def plant_code(*, campaign_id: UUID, note: str, user: User, now: datetime) -> PlantedCanary:
    """Make a redemption code of a campaign that nobody has, to be put among the others.

    :param note: where it is put, for whoever gets the alarm.
    :raises PlantingNotPermittedError: the person may not take codes out (GC-110).
    :raises ValidationFailedError: there is no note, or it is too long (GC-012).
    """
    if not may_export_codes(user):
        raise PlantingNotPermittedError(user_id=user.pk)
    note = _read_note(note)
    with transaction():
        campaign = Campaign.objects.get(pk=campaign_id)
        code = generate_code()
        while Recipient.objects.filter(code_digest=digest_of_code(code)).exists():
            code = generate_code()
        canary = _plant(code, {"campaign": campaign}, note=note, user=user, now=now)
        _record("canary.planted", "campaign", campaign.pk, canary, user, now)
    return PlantedCanary(canary_id=canary.pk, code=format_code(code))


@seeing(EVERYTHING)
@durable
def plant_in_pool(*, pool_id: UUID, note: str, user: User, now: datetime) -> PlantedCanary:
    """Put a card into a pool that nobody is ever given.

    :param note: where else its code is put, for whoever gets the alarm.
    :raises PlantingNotPermittedError: the person may not see cards' codes (GC-110).
    :raises ValidationFailedError: there is no note, or the pool takes no cards of ours (GC-012).
    """
    if not may_reveal_cards(user):
        raise PlantingNotPermittedError(user_id=user.pk)
    note = _read_note(note)
    with transaction():
        pool = Pool.objects.select_related("brand", "denomination", "client").get(pk=pool_id)
        held = plant_card(pool=pool, now=now)
        canary = _plant(held.code, {"card_id": held.card_id}, note=note, user=user, now=now)
        _record("canary.planted", "pool", pool.pk, canary, user, now)
    return PlantedCanary(canary_id=canary.pk, code=held.code)


@seeing(EVERYTHING)
@durable
def retire_canary(*, canary_id: UUID, user: User, now: datetime) -> bool:
    """End a canary: nobody is told any more when it is tried; a card is void. Safe to repeat.

    Return whether it ended now.
    """
    with transaction():
        canary = Canary.objects.select_for_update(no_key=True).get(pk=canary_id)
        if canary.retired_at is not None:
            return False
        canary.retired_at, canary.retired_by = now, f"user:{user.pk}"
        canary.save(update_fields=["retired_at", "retired_by"])
        if canary.card_id is not None:
            retire_card(card_id=canary.card_id)
        _record("canary.retired", "canary", canary.pk, canary, user, now)
    return True


@seeing(EVERYTHING)
@durable
def watch_canaries(*, now: datetime) -> int:
    """Find attempts at canaries, and raise an alarm for each once; return how many were new."""
    with transaction():
        with connection.cursor() as cursor:
            cursor.execute(_FIND, {"counted_from": now - _COUNTED, "refused_from": now - _REFUSED})
            tries = cursor.fetchall()
            if not tries:
                return 0
            cursor.execute(_COUNT, [[one[0] for one in tries], [one[1] for one in tries]])
        canaries = Canary.objects.select_related("campaign", "card__pool").in_bulk(
            sorted({canary_id for canary_id, *_ in tries})
        )
        for canary_id, at, action, network, caller, result, request_id in sorted(
            tries, key=lambda one: (str(one[0]), one[1])
        ):
            facts = {
                "door": action,
                "address": network,
                "caller": caller,
                "result": result,
                "request_id": request_id,
                "at": at,
            }
            _alarm(canaries[canary_id], facts, now=now)
    log.error("[CANARY] Tried", tries=len(tries))
    return len(tries)


@durable
def clear_canary_tries(*, now: datetime) -> int:
    """Fold tries older than a day into one an hour, and clear those whose alerts go too.

    One of each address, caller, door and answer stays for each hour. How often a canary was tried
    is counted on the canary, and nothing is told twice: what is found again is younger.
    """
    kept = settings.ALERTS_KEPT
    before = now - timedelta(seconds=kept) if kept else None
    (cleared,) = call_function("SELECT redemption_clear_canary_tries(%s::timestamptz)", (before,))
    return int(cleared)


@transaction_required
def _alarm(canary: Canary, facts: dict[str, Any], *, now: datetime) -> None:
    place = (
        f"the campaign {canary.campaign.name}"
        if canary.campaign is not None
        else f"the pool {canary.card.pool.name}"
        if canary.card is not None
        else "nowhere"
    )
    raise_alert(
        kind=KIND,
        severity=Alert.Severity.CRITICAL,
        subject=f"Somebody has tried a canary code of {place}"[:200],
        message=f"It was put here: {canary.note}\nNobody was ever given this code, so whoever"
        " tries it has read it where codes lie. They were answered as with any unknown code."
        f" Last: at the door “{facts['door']}”, from {facts['address'] or 'no address'}"
        f"{', as ' + facts['caller'] if facts['caller'] else ''}.",
        data={"canary_id": canary.pk, **facts},
        dedupe_key=f"canary:{canary.pk}",
        now=now,
    )


def _read_note(note: str) -> str:
    note = " ".join(note.split())
    if not note:
        raise ValidationFailedError(errors={"note": ["Say where you will put it."]})
    if len(note) > _LONGEST_NOTE:
        raise ValidationFailedError(errors={"note": ["Make it shorter, 300 symbols at most."]})
    return note


@transaction_required
def _plant(code: str, place: dict[str, Any], *, note: str, user: User, now: datetime) -> Canary:
    return Canary.objects.create(
        code_digest=digest_of_code(code),
        note=note,
        planted_by=f"user:{user.pk}",
        planted_at=now,
        **place,
    )


@transaction_required
def _record(
    action: str,
    kind: str,
    object_id: UUID,
    canary: Canary,
    user: User,
    now: datetime,
) -> None:
    record_event(
        actor=f"user:{user.pk}",
        action=action,
        object_kind=kind,
        object_id=object_id,
        now=now,
        # Where the traps lie is the platform's secret: without an owner no tenant reads of it.
        after={"canary_id": str(canary.pk)},
    )
