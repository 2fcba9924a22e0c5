"""The report about agents, for those who lead them and for nobody else."""

from __future__ import annotations

import dataclasses
from typing import Final

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from alerts.csvfiles import safe_cell
from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.dashboard.agency import Figure
from redemption.dashboard.frame import with_query
from redemption.dashboard.report_asking import Asked, asked_context, read_asked, report_file
from redemption.dashboard.report_files import Cells, percent_cell, write_cells
from redemption.dashboard.report_filters import LEADERS
from redemption.dashboard.report_words import share_words, wait_words
from redemption.models import CallSession
from redemption.selectors.agent_report import AgentSums, sum_agents

PER_PAGE: Final = 50
_OUTCOMES: Final = tuple(CallSession.Outcome.values)
_COLUMNS: Final = (
    "agent", "agent_id", "calls", *_OUTCOMES, "success_percent", "rewards", "average_seconds",
    "median_seconds", "from", "to",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How many calls ended in a way."""

    label: str
    value: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """An agent as they stand on the page; ``percent`` is their share of the busiest one's calls."""

    name: str
    calls: str
    percent: int
    rewards: str
    success: str
    average: str
    median: str
    outcomes: tuple[Outcome, ...]


@require_safe
@page_for(*LEADERS)
def agent_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show what agents did at the desk."""
    asked = read_asked(request, viewer)
    sums = _read(asked)
    page = Paginator(sums, PER_PAGE).get_page(request.GET.get("page"))
    most = max((row.calls for row in sums), default=0)
    return render(
        request,
        "reports/agents.html",
        {
            **asked_context(request, viewer, asked, current="report-agents"),
            "figures": _figures(sums),
            "outcomes": [label for _value, label in _outcome_words()],
            "rows": [_row(row, most) for row in page],
            "page": page,
            "query": with_query("", **asked.query).removeprefix("?") + "&",
            "sees_nobody": viewer.sees_platform and not asked.filters.is_narrowed,
        },
        status=asked.status,
    )


@require_safe
@page_for(*LEADERS)
def agent_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the report about agents, for a spreadsheet."""
    asked = read_asked(request, viewer)

    def cells(row: AgentSums) -> Cells:
        return {
            "agent": safe_cell(row.name),
            "agent_id": row.user_id,
            "calls": row.calls,
            **{outcome: row.by_outcome.get(outcome, 0) for outcome in _OUTCOMES},
            "success_percent": percent_cell(row.success),
            "rewards": row.rewards,
            "average_seconds": "" if row.average_seconds is None else f"{row.average_seconds:.1f}",
            "median_seconds": "" if row.median_seconds is None else row.median_seconds,
            "from": asked.period.start.isoformat(),
            "to": asked.period.end.isoformat(),
        }

    return report_file(asked, "agents", write_cells(_COLUMNS, [cells(row) for row in _read(asked)]))


def _read(asked: Asked) -> list[AgentSums]:
    scope = asked.filters.scope
    return sum_agents(
        clients=scope.clients,
        campaign_id=scope.campaign_id,
        is_one_client=scope.client_id is not None,
        first=asked.period.start,
        last=asked.period.end,
    )


def _outcome_words() -> list[tuple[str, str]]:
    labels = {
        CallSession.Outcome.REWARDED: _("Reward given"),
        CallSession.Outcome.HELPED: _("Helped"),
        CallSession.Outcome.CALL_BACK: _("To call back"),
        CallSession.Outcome.NOT_ENTITLED: _("No reward due"),
        CallSession.Outcome.NOT_FOUND: _("Nobody found"),
        CallSession.Outcome.CUT_OFF: _("Cut off"),
    }
    return [(str(outcome), label) for outcome, label in labels.items()]


def _figures(sums: list[AgentSums]) -> list[Figure]:
    calls = sum(row.calls for row in sums)
    good = sum(row.successes for row in sums)
    seconds = sum((row.average_seconds or 0) * row.calls for row in sums)
    return [
        Figure(label=_("Calls"), value=f"{calls:,}", words=_("ended")),
        Figure(
            label=_("Success"),
            value=share_words(good / calls if calls else None),
            words=_("ended with a reward or with help"),
        ),
        Figure(
            label=_("Rewards"),
            value=f"{sum(row.rewards for row in sums):,}",
            words=_("given at the desk, and standing"),
        ),
        Figure(
            label=_("Handling time"),
            value=wait_words(seconds / calls if calls else None),
            words=_("on average"),
        ),
    ]


def _row(row: AgentSums, most: int) -> AgentRow:
    return AgentRow(
        name=row.name,
        calls=f"{row.calls:,}",
        percent=round(row.calls * 100 / most) if most else 0,
        rewards=f"{row.rewards:,}",
        success=share_words(row.success),
        average=wait_words(row.average_seconds),
        median=wait_words(row.median_seconds),
        outcomes=tuple(
            Outcome(label, f"{row.by_outcome.get(outcome, 0):,}")
            for outcome, label in _outcome_words()
        ),
    )
