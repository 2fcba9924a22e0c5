"""Keeping what is about people no longer than it is needed: the nightly job.

What others clear for themselves is not here: tries at codes (ATTEMPTS_KEPT), answers to repeated
requests (three days), bodies of CRM events (thirty days), sessions.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db.models import QuerySet

from alerts.scope import EVERYTHING, seeing
from alerts.services.retention import RetentionRule, apply_rule, count_due, list_rules
from alerts.transactions import durable, transaction
from redemption.models import Erasure, Recipient
from redemption.services.erasing import work_off_erasures

log = structlog.get_logger()

# A night's work; who has more goes on the night after.
MOST_PEOPLE: Final = 5_000
_REASON: Final = "Kept as long as RETAIN_RECIPIENTS says"
_AT_REST: Final = "state IN ('issued', 'delivered', 'confirmed', 'failed', 'cancelled')"

RULES: Final = (
    RetentionRule(
        name="reward_addresses",
        setting="RETAIN_MESSAGES",
        words="where rewards were sent",
        table="redemption_redemption",
        due=f"created_at < %(before)s AND contact_to <> '' AND {_AT_REST}",
        changes="contact_to = ''",
    ),
    RetentionRule(
        name="browsers",
        setting="RETAIN_BROWSERS",
        words="addresses and browsers that rewards were asked from",
        table="redemption_redemption",
        due=f"created_at < %(before)s AND {_AT_REST}"
        " AND (ip_address IS NOT NULL OR user_agent <> '' OR browser_digest IS NOT NULL)",
        changes="ip_address = NULL, user_agent = '', browser_digest = NULL",
    ),
    RetentionRule(
        name="calls",
        setting="RETAIN_CALLS",
        words="callers' numbers and agents' notes",
        table="redemption_callsession",
        due="ended_at < %(before)s AND (caller <> '' OR notes <> '')",
        changes="caller = '', notes = ''",
    ),
    RetentionRule(
        name="desk_tasks",
        setting="RETAIN_CALLS",
        words="numbers and notes of desk tasks that are done",
        table="redemption_desktask",
        due="done_at < %(before)s"
        " AND (note <> '' OR done_note <> '' OR phone NOT IN ('', 'erased'))",
        # A task about nobody we know can't be without a number.
        changes="note = '', done_note = '', phone = CASE WHEN recipient_id IS NULL"
        " AND redemption_id IS NULL THEN 'erased' ELSE '' END",
    ),
    RetentionRule(
        name="crm_events",
        setting="RETAIN_EVENTS",
        words="whom events of a CRM were about",
        table="redemption_inboundevent",
        due="received_at < %(before)s AND next_attempt_at IS NULL"
        " AND (contact_id <> '' OR body_encrypted <> '')",
        changes="contact_id = '', body_encrypted = ''",
    ),
    RetentionRule(
        name="daily_mails",
        setting="RETAIN_MESSAGES",
        words="which daily reports were mailed to whom",
        table="redemption_dailyreportmail",
        # That a day is not set out again is the subscription's to know.
        due="created_at < %(before)s AND next_attempt_at IS NULL",
        changes=None,
    ),
)


@durable
@seeing(EVERYTHING)
def apply_retention(*, now: datetime) -> dict[str, int]:
    """Empty what is older than the settings say, in all apps; return how many rows, by the rule.

    Safe to run twice at once, and to be killed: what is left is found by the next run.
    """
    done = {rule.name: apply_rule(rule, now=now) for rule in list_rules()}
    done["recipients"] = _retire_people(now=now)
    log.info("[PRIVACY] Retention applied", **done)
    return done


@seeing(EVERYTHING)
def foresee_retention(*, now: datetime) -> dict[str, int]:
    """Return how many rows a run at ``now`` would empty, by the rule's name; nothing is changed."""
    due = {rule.name: count_due(rule, now=now) for rule in list_rules()}
    due["recipients"] = _due_people(now=now).count()
    return due


def _due_people(*, now: datetime) -> QuerySet[Recipient]:
    """Return who is left of campaigns that ended long enough ago."""
    if not settings.RETAIN_RECIPIENTS:
        return Recipient.objects.none()
    before = now - timedelta(seconds=settings.RETAIN_RECIPIENTS)
    return Recipient.objects.filter(campaign__ends_at__lt=before, erased_at=None)


def _retire_people(*, now: datetime) -> int:
    """Promise to forget these people, and do it: as if somebody had asked for each."""
    if not settings.RETAIN_RECIPIENTS:
        return 0
    asked = Erasure.objects.filter(erased_at=None).values_list("recipient_ids", flat=True)
    under_way = {one for ids in asked for one in ids}
    with transaction():
        due = _due_people(now=now).select_for_update(skip_locked=True, no_key=True, of=("self",))
        people = list(due.order_by("pk").values_list("pk", flat=True)[:MOST_PEOPLE])
        Erasure.objects.bulk_create(
            Erasure(
                recipient_ids=[one],
                reason=_REASON,
                requested_by="system",
                requested_at=now,
                next_attempt_at=now,
            )
            for one in people
            if one not in under_way
        )
    return work_off_erasures(now=now, limit=MOST_PEOPLE)
