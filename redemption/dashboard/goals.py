"""The goals: each target beside what was reached, and how that is measured."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.dashboard.frame import with_query
from redemption.dashboard.meters import Meter, draw_meter
from redemption.dashboard.report_asking import Asked, asked_context, read_asked, report_file
from redemption.dashboard.report_files import Cells, percent_cell, write_cells
from redemption.dashboard.report_filters import REPORT_ROLES
from redemption.dashboard.report_words import share_words, wait_words
from redemption.selectors.goals import (
    DELIVERY_TARGET,
    GUESSES,
    SECONDS_TARGET,
    STUCK_TARGET,
    Goals,
    read_goals,
)

_MEDIAN: Final = 50
_COLUMNS: Final = ("goal", "target", "actual", "met", "of", "from", "to")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GoalRow:
    """A goal as it stands on the page.

    :param key: its name in the file; ``number`` is the actual there, ``of`` how many it is of.
    :param is_met: None where nothing happened that it could be measured by.
    """

    key: str
    name: str
    target: str
    actual: str
    more: str
    is_met: bool | None
    meter: Meter | None
    meaning: str
    url: str
    limit: str
    number: str
    of: int


@require_safe
@page_for(*REPORT_ROLES)
def goals_report(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Show the goals over a period."""
    asked = read_asked(request, viewer)
    rows = _rows(asked)
    return render(
        request,
        "reports/goals.html",
        {
            **asked_context(request, viewer, asked, current="report-goals"),
            "goals": rows,
            "met": sum(row.is_met is True for row in rows),
        },
        status=asked.status,
    )


@require_safe
@page_for(*REPORT_ROLES)
def goals_report_csv(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    """Hand out the goals, for a spreadsheet."""
    asked = read_asked(request, viewer)

    def cells(row: GoalRow) -> Cells:
        return {
            "goal": row.key,
            "target": row.limit,
            "actual": row.number,
            "met": "" if row.is_met is None else "yes" if row.is_met else "no",
            "of": row.of,
            "from": asked.period.start.isoformat(),
            "to": asked.period.end.isoformat(),
        }

    return report_file(asked, "goals", write_cells(_COLUMNS, [cells(row) for row in _rows(asked)]))


def _rows(asked: Asked) -> list[GoalRow]:
    goals = read_goals(
        scope=asked.filters.scope,
        first=asked.period.start,
        last=asked.period.end,
        now=timezone.now(),
        stuck_after=timedelta(seconds=settings.STUCK_AFTER),
        tries_kept=timedelta(seconds=settings.ATTEMPTS_KEPT),
    )
    return [
        _delivery(goals, with_query(reverse("report-messages"), **asked.query)),
        _empty_pools(goals),
        _stuck(goals),
        _speed(goals, _MEDIAN),
        _speed(goals, 95),
        *([] if goals.guessed is None else [_guesses(goals.guessed)]),
        *([] if goals.refusals is None else [_words(goals)]),
    ]


def _delivery(goals: Goals, url: str) -> GoalRow:
    share = goals.delivery
    return GoalRow(
        key="text_delivery_percent",
        name=_("Texts arrive"),
        target=_("at least %(percent)s") % {"percent": share_words(DELIVERY_TARGET)},
        actual=share_words(share),
        more=_("%(count)s of %(tried)s texts")
        % {"count": f"{goals.arrived:,}", "tried": f"{goals.tried:,}"},
        is_met=None if share is None else share >= DELIVERY_TARGET,
        meter=None if share is None else draw_meter(share, DELIVERY_TARGET, start=0.8, end=1),
        meaning=_(
            "Of the texts promised in the period that a provider took, or that were given up or "
            "are in doubt, those whose arrival was confirmed. A text of the last minutes may still "
            "be on its way."
        ),
        url=url,
        limit=f">={DELIVERY_TARGET * 100:g}",
        number=percent_cell(share),
        of=goals.tried,
    )


def _empty_pools(goals: Goals) -> GoalRow:
    return GoalRow(
        key="empty_pools",
        name=_("No pool is empty"),
        target=_("0 times"),
        actual=f"{goals.empty_pools:,}",
        more=ngettext("alert", "alerts", goals.empty_pools),
        is_met=goals.empty_pools == 0,
        meter=None,
        meaning=_(
            "Alerts that began in the period because somebody found no card for their reward, or "
            "because a pool had none left. One alert stands for as long as it lasts, however many "
            "people wait."
        ),
        url=reverse("report-inventory"),
        limit="0",
        number=str(goals.empty_pools),
        of=goals.empty_pools,
    )


def _stuck(goals: Goals) -> GoalRow:
    share = goals.stuck_share
    return GoalRow(
        key="stuck_percent",
        name=_("Rewards are not stuck"),
        target=_("less than %(percent)s") % {"percent": share_words(STUCK_TARGET)},
        actual=share_words(share),
        more=_("%(count)s of %(issued)s rewards")
        % {"count": f"{goals.stuck:,}", "issued": f"{goals.issued:,}"},
        is_met=None if share is None else share < STUCK_TARGET,
        meter=None
        if share is None
        else draw_meter(share, STUCK_TARGET, start=0, end=max(0.05, share)),
        meaning=_(
            "Of the rewards issued in the period that stand, those that were handed over later "
            "than %(time)s after the card's claim, or not yet; who was given a card less than that "
            "ago is not stuck."
        )
        % {"time": wait_words(settings.STUCK_AFTER)},
        url="",
        limit=f"<{STUCK_TARGET * 100:g}",
        number=percent_cell(share),
        of=goals.issued,
    )


def _speed(goals: Goals, percent: int) -> GoalRow:
    seconds, handed_over = goals.seconds_of(percent), sum(goals.waits.values())
    name = (
        _("Half of the rewards are quick")
        if percent == _MEDIAN
        else _("95 of 100 rewards are quick")
    )
    return GoalRow(
        key=f"p{percent}_seconds",
        name=name,
        target=_("at most %(time)s") % {"time": wait_words(SECONDS_TARGET)},
        actual=wait_words(seconds),
        more=_("of %(count)s handed over") % {"count": f"{handed_over:,}"},
        is_met=None if seconds is None else seconds <= SECONDS_TARGET,
        meter=None
        if seconds is None
        else draw_meter(seconds, SECONDS_TARGET, start=0, end=max(10, seconds)),
        meaning=_(
            "From the card's claim to the moment at which it was shown, returned by the API, or "
            "its message was accepted by a provider; rounded up to whole seconds, from 100 on to "
            "two digits. It is more than the customer waits for an answer, since the text's way "
            "to its provider is in it."
        ),
        url="",
        limit=f"<={SECONDS_TARGET}",
        number="" if seconds is None else str(seconds),
        of=handed_over,
    )


def _guesses(guessed: int) -> GoalRow:
    return GoalRow(
        key="successful_guesses",
        name=_("Nobody guesses a code"),
        target=_("0 rewards"),
        actual=f"{guessed:,}",
        more=ngettext("reward at most", "rewards at most", guessed),
        is_met=guessed == 0,
        meter=None,
        meaning=_(
            "Rewards given on the form to an address from which, in the 24 hours before, %(count)s "
            "or more different codes had been tried that nobody has. Somebody who mistyped as "
            "often and then found their letter is among them: it is the most that can have been "
            "guessed. Tries are kept for %(time)s; nothing is known of those before."
        )
        % {"count": GUESSES, "time": wait_words(settings.ATTEMPTS_KEPT)},
        url="",
        limit="0",
        number=str(guessed),
        of=guessed,
    )


def _words(goals: Goals) -> GoalRow:
    share, total = goals.friendly, sum((goals.refusals or {}).values())
    return GoalRow(
        key="friendly_words_percent",
        name=_("Refusals have friendly words"),
        target=share_words(1.0),
        actual=share_words(share),
        more=_("of %(count)s refusals") % {"count": f"{total:,}"},
        is_met=None if share is None else share >= 1,
        meter=None if share is None else draw_meter(share, 1, start=0.8, end=1),
        meaning=_(
            "Of the attempts refused in the period, those whose code has words for customers in "
            "our catalogue, which say what happened and what to do. A failure that nobody foresaw "
            "(GC-015) counts as unfriendly: its words can't say what happened."
        ),
        url="",
        limit="100",
        number=percent_cell(share),
        of=total,
    )
