"""Where the runbook tells what to do about an alert, what it touches, and how grave it may be.

One table for everybody who meets a problem: the notice that tells of it, the pages that show it,
the status page and the incident it may become. A kind that is missing here still gets an alert; it
leads to the runbook's first page, touches no component and is graded by its severity alone.
"""

from __future__ import annotations

import dataclasses
import enum
from typing import Final

from django.urls import reverse


class Chapter(enum.StrEnum):
    """A chapter of docs/runbook.md, by the anchor of its heading."""

    EMPTY_POOL = "empty-pool"
    TEXT_NOT_DELIVERED = "text-not-delivered"
    TOO_MANY_ATTEMPTS = "too-many-attempts"
    STUCK_CARD = "stuck-card"
    DUPLICATE_CLAIM = "duplicate-claim"
    SLOW_SYSTEM = "slow-system"
    LEDGER_DRIFT = "ledger-drift"
    POINTS_AT_TILLS = "points-at-tills"
    PROVIDER_DOWN = "provider-down"
    ROLLBACK_AND_SWITCHES = "rollback-and-switches"
    CREDIT_DEPLETED = "credit-depleted"
    JOB_NOT_RUNNING = "job-not-running"
    WEBHOOK_FAILING = "webhook-failing"
    CANARY = "canary"


class Component(enum.StrEnum):
    """A part of the system that the public status page tells of."""

    FORM = "form"
    DESK = "desk"
    API = "api"
    TEXTS = "texts"
    STOCK = "stock"
    PROVIDERS = "providers"


class Grade(enum.StrEnum):
    """How grave an incident is, the gravest first: P0 is answered at once, P3 within a day."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is known of a kind of alert.

    :param grade: of the incident that a critical alert of this kind would be.
    """

    chapter: Chapter
    touches: tuple[Component, ...] = ()
    grade: Grade = Grade.P2


_DOORS: Final = (Component.FORM, Component.DESK, Component.API)

PROBLEMS: Final[dict[str, Problem]] = {
    # Cards
    "out_of_stock": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,), grade=Grade.P1),
    "pool_empty": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,), grade=Grade.P1),
    "all_pools_empty": Problem(
        chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,), grade=Grade.P0
    ),
    "pool_low": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,)),
    "pool_milestone": Problem(chapter=Chapter.EMPTY_POOL),
    "pool_run_out": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,)),
    "provider_not_configured": Problem(
        chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,), grade=Grade.P1
    ),
    "buffer_budget": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,)),
    "buffer_stalled": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,)),
    "stuck_card": Problem(chapter=Chapter.STUCK_CARD),
    "stuck_card_taken_back": Problem(chapter=Chapter.STUCK_CARD),
    "many_stuck_cards": Problem(chapter=Chapter.STUCK_CARD, touches=(Component.TEXTS,)),
    "duplicate_claim": Problem(chapter=Chapter.DUPLICATE_CLAIM),
    # Texts
    "channel_stopped": Problem(
        chapter=Chapter.TEXT_NOT_DELIVERED, touches=(Component.TEXTS,), grade=Grade.P1
    ),
    "destination_refused": Problem(chapter=Chapter.TEXT_NOT_DELIVERED, touches=(Component.TEXTS,)),
    "texts_filtered": Problem(chapter=Chapter.TEXT_NOT_DELIVERED, touches=(Component.TEXTS,)),
    "delivery_rate": Problem(
        chapter=Chapter.TEXT_NOT_DELIVERED, touches=(Component.TEXTS,), grade=Grade.P1
    ),
    "provisioning_failures": Problem(
        chapter=Chapter.SLOW_SYSTEM,
        touches=(Component.FORM, Component.DESK, Component.API),
        grade=Grade.P1,
    ),
    # Money
    "invariant": Problem(chapter=Chapter.LEDGER_DRIFT, grade=Grade.P1),
    "ledger_audit": Problem(chapter=Chapter.LEDGER_DRIFT, grade=Grade.P1),
    "low_credit": Problem(chapter=Chapter.CREDIT_DEPLETED),
    "campaign_depleted": Problem(chapter=Chapter.CREDIT_DEPLETED),
    # Points
    "loyalty_reconciliation": Problem(chapter=Chapter.POINTS_AT_TILLS),
    "loyalty_payment_unknown": Problem(chapter=Chapter.POINTS_AT_TILLS),
    "loyalty_refund_failed": Problem(chapter=Chapter.POINTS_AT_TILLS),
    "loyalty_shortfall": Problem(chapter=Chapter.POINTS_AT_TILLS),
    "loyalty_drift": Problem(chapter=Chapter.LEDGER_DRIFT, grade=Grade.P1),
    "loyalty_expiry": Problem(chapter=Chapter.JOB_NOT_RUNNING),
    "reward_undelivered": Problem(chapter=Chapter.TEXT_NOT_DELIVERED),
    # Vendors
    "provider_circuit": Problem(chapter=Chapter.PROVIDER_DOWN, touches=(Component.PROVIDERS,)),
    "provider_float": Problem(chapter=Chapter.PROVIDER_DOWN, touches=(Component.PROVIDERS,)),
    "provider_float_unread": Problem(chapter=Chapter.PROVIDER_DOWN),
    "provider_brand": Problem(chapter=Chapter.PROVIDER_DOWN),
    "provider_sync": Problem(chapter=Chapter.PROVIDER_DOWN),
    "many_orders_unknown": Problem(chapter=Chapter.PROVIDER_DOWN, touches=(Component.PROVIDERS,)),
    "provider_order_without_party": Problem(chapter=Chapter.PROVIDER_DOWN),
    # Attacks
    "codes_guessed": Problem(chapter=Chapter.TOO_MANY_ATTEMPTS),
    "proxy_not_trusted": Problem(
        chapter=Chapter.TOO_MANY_ATTEMPTS, touches=(Component.FORM,), grade=Grade.P1
    ),
    "canary": Problem(chapter=Chapter.CANARY, grade=Grade.P1),
    # The house
    "redemptions_failing": Problem(chapter=Chapter.SLOW_SYSTEM, touches=_DOORS, grade=Grade.P0),
    "database_down": Problem(chapter=Chapter.SLOW_SYSTEM, touches=_DOORS, grade=Grade.P0),
    "slow_redemptions": Problem(chapter=Chapter.SLOW_SYSTEM, touches=_DOORS, grade=Grade.P1),
    "slow_statement_running": Problem(chapter=Chapter.SLOW_SYSTEM),
    "slow_statements": Problem(chapter=Chapter.SLOW_SYSTEM),
    # Nothing that waits goes out: no text, no notice.
    "job_silence": Problem(
        chapter=Chapter.JOB_NOT_RUNNING, touches=(Component.TEXTS,), grade=Grade.P1
    ),
    "monitor_failed": Problem(chapter=Chapter.JOB_NOT_RUNNING),
    "webhook_disabled": Problem(chapter=Chapter.WEBHOOK_FAILING),
    "webhook_failing": Problem(chapter=Chapter.WEBHOOK_FAILING),
    "notices_failing": Problem(chapter=Chapter.WEBHOOK_FAILING),
    "notice_unsendable": Problem(chapter=Chapter.WEBHOOK_FAILING),
}
# Kinds by how they begin, for those that are made of several; the longest that fits decides.
_FAMILIES: Final[dict[str, Problem]] = {
    "pool": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,)),
    "buffer": Problem(chapter=Chapter.EMPTY_POOL, touches=(Component.STOCK,)),
    "stuck": Problem(chapter=Chapter.STUCK_CARD),
    "delivery": PROBLEMS["delivery_rate"],
    "texts": PROBLEMS["texts_filtered"],
    "channel": PROBLEMS["channel_stopped"],
    "ledger": PROBLEMS["ledger_audit"],
    "drift": PROBLEMS["ledger_audit"],
    "verify": PROBLEMS["ledger_audit"],
    "credit": PROBLEMS["low_credit"],
    "provider": Problem(chapter=Chapter.PROVIDER_DOWN, touches=(Component.PROVIDERS,)),
    "attack": Problem(chapter=Chapter.TOO_MANY_ATTEMPTS),
    "slow": PROBLEMS["slow_redemptions"],
    "database": Problem(chapter=Chapter.SLOW_SYSTEM),
    "job": Problem(chapter=Chapter.JOB_NOT_RUNNING),
    "monitor": Problem(chapter=Chapter.JOB_NOT_RUNNING),
    "webhook": Problem(chapter=Chapter.WEBHOOK_FAILING),
    "canary": PROBLEMS["canary"],
}


def find_problem(kind: str) -> Problem | None:
    """Return what is known of a kind of alert; None when it is in no chapter."""
    # "monitor_failed:pools" is of the kind before the colon.
    base = kind.partition(":")[0]
    if base in PROBLEMS:
        return PROBLEMS[base]
    return _FAMILIES.get(base.partition("_")[0])


def runbook_url(kind: str) -> str:
    """Return where the admin's runbook tells what to do about a kind of alert.

    The path alone: whoever writes it into a notice puts ``PUBLIC_BASE_URL`` before it.
    """
    problem = find_problem(kind)
    return chapter_url(problem.chapter) if problem else reverse("admin:runbook")


def chapter_url(chapter: Chapter) -> str:
    """Return the path of a chapter in the admin's runbook."""
    return f"{reverse('admin:runbook')}#{chapter}"


def suggest_grade(*, kind: str, severity: str) -> Grade:
    """Return how grave the incident would be that an alert of this kind tells of.

    A critical alert is what the table says, and P2 where it is not in there; a warning is P2,
    and an information P3.

    :param severity: of the alert: critical, warning or info.
    """
    if severity != "critical":
        return Grade.P2 if severity == "warning" else Grade.P3
    problem = find_problem(kind)
    return problem.grade if problem else Grade.P2
