"""How redemptions of a span are told: figures, doors, campaigns, codes, each with its meaning."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from alerts.codes import ErrorCode
from redemption.dashboard.agency import Figure
from redemption.dashboard.report_words import share_words, wait_words
from redemption.models import Redemption
from redemption.selectors.flow import CodeCount, Flow, FlowSums, Waiting

_CODES = {one.code: one for one in ErrorCode}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FlowRow:
    """A door, a campaign or a part of the span as it stands on a page."""

    name: str
    asked: str
    given: str
    success: str
    median: str
    p95: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CodeRow:
    """One of our codes as it stands on a page."""

    code: str
    title: str
    advice: str
    rewards: str
    refusals: str


def show_flow_figures(flow: Flow, waiting: Iterable[Waiting], *, span: str) -> list[Figure]:
    """Return what a page about a span begins with; ``span`` says which it is, in words."""
    sums = flow.everything
    people = {one.state: one.people for one in waiting}
    return [
        Figure(label=_("Asked for"), value=f"{sums.asked:,}", words=span),
        Figure(
            label=_("Success"),
            value=share_words(sums.success),
            words=_("%(count)s have their reward") % {"count": f"{sums.given:,}"},
        ),
        Figure(
            label=_("Time to hand over"),
            value=wait_words(sums.median_seconds),
            words=_("half of them; 95 of 100 in %(time)s") % {"time": wait_words(sums.p95_seconds)}
            if sums.handed_over
            else _("nothing was handed over"),
        ),
        Figure(
            label=_("Waiting now"),
            value=f"{sum(people.values()):,}",
            words=", ".join(f"{count:,} {waiting_words(state)}" for state, count in people.items())
            or _("nobody"),
            tone="warn" if people.get(Redemption.State.WAITING_STOCK) else "",
        ),
    ]


def describe_doors(flow: Flow) -> list[FlowRow]:
    """Return the doors, also those through which nobody came, the busiest first."""
    doors = {door: flow.by_door.get(door) for door in Redemption.Door.values}
    rows = sorted(doors.items(), key=lambda pair: -(pair[1].asked if pair[1] else 0))
    return [describe_sums(door_words(door), sums) for door, sums in rows]


def describe_campaigns(flow: Flow, names: Mapping[UUID, str]) -> list[FlowRow]:
    """Return the campaigns in which somebody asked, the busiest first."""
    rows = sorted(
        flow.by_campaign.items(), key=lambda pair: (-pair[1].asked, names.get(pair[0], ""))
    )
    return [describe_sums(names.get(key, str(key)), sums) for key, sums in rows]


def describe_sums(name: str, sums: FlowSums | None) -> FlowRow:
    """Return a row; of nothing it has dashes."""
    return FlowRow(
        name=name,
        asked=f"{sums.asked if sums else 0:,}",
        given=f"{sums.given if sums else 0:,}",
        success=share_words(sums.success if sums else None),
        median=wait_words(sums.median_seconds if sums else None),
        p95=wait_words(sums.p95_seconds if sums else None),
    )


def describe_codes(codes: Iterable[CodeCount]) -> list[CodeRow]:
    """Return the codes with their title and what to do, the most frequent first."""
    return [
        CodeRow(
            code=one.code,
            title=_(_CODES[one.code].title) if one.code in _CODES else "",
            advice=_(_CODES[one.code].action) if one.code in _CODES else "",
            rewards=f"{one.rewards:,}" if one.rewards else "–",
            refusals=f"{one.refusals:,}" if one.refusals else "–",
        )
        for one in codes
    ]


def longest_wait_words(waiting: Iterable[Waiting], now: datetime) -> str:
    """Say how long the first of those who wait has waited; nothing when nobody does."""
    since = min((one.since for one in waiting), default=None)
    if since is None:
        return ""
    return _("the first for %(time)s") % {"time": wait_words((now - since).total_seconds())}


def door_words(door: str) -> str:
    """Return what a door is called."""
    return {
        "web": _("Web form"),
        "desk": _("Call centre"),
        "crm": _("CRM event"),
        "api": _("Partner API"),
    }.get(door, door)


def waiting_words(state: str) -> str:
    """Say what somebody waits for: "3 for a card"."""
    return {
        "waiting_stock": _("for a card"),
        "waiting_opt_in": _("for their opt-in"),
        "waiting_approval": _("for approval"),
    }.get(state, state)


def flow_meanings(*, sees_refusals: bool) -> list[tuple[str, str]]:
    """Return the definition of each figure of a flow."""
    codes = _(
        "How often each code of ours stood in the way: for rewards that wait or have failed, and "
        "for attempts that were refused and left no reward."
    )
    if not sees_refusals:
        codes += " " + _(
            "A refusal is counted where it names a reward of these clients; a code that nobody "
            "has, names nobody."
        )
    return [
        (
            _("Asked for"),
            _(
                "Redemptions by the moment at which they were asked for, UTC, whatever became of "
                "them; tests are left out. A refused attempt is no redemption."
            ),
        ),
        (
            _("Success"),
            _(
                "The share of them whose reward stands now: issued, handed over or confirmed. Who "
                "waits or is being served counts against it until then."
            ),
        ),
        (
            _("Time to hand over"),
            _(
                "From the question to the moment at which the card was shown, returned by the API, "
                "or its message was accepted by a provider; of rewards that stand and were handed "
                "over. Waiting for cards, approval or opt-in is in it."
            ),
        ),
        (
            _("Waiting now"),
            _("People who wait at this moment for a card, an approval or their opt-in."),
        ),
        (_("Codes"), codes),
    ]
