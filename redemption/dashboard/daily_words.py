"""What the daily report says, on its page and in its mail."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _

from credit.money import display_amount
from redemption.dashboard.agency import Figure
from redemption.dashboard.flow_words import (
    describe_campaigns,
    describe_codes,
    describe_doors,
    flow_meanings,
    show_flow_figures,
)
from redemption.dashboard.message_words import tone_of_rate
from redemption.dashboard.report_words import share_words
from redemption.selectors.daily import DailyReport

_MOST_CAMPAIGNS: Final = 25


def describe_daily(report: DailyReport) -> dict[str, Any]:
    """Return the report in words: figures, doors, campaigns and codes."""
    campaigns = describe_campaigns(report.flow, report.campaign_names)
    return {
        "date": report.day,
        "figures": _figures(report),
        "doors": describe_doors(report.flow),
        "campaigns": campaigns[:_MOST_CAMPAIGNS],
        "more_campaigns": max(0, len(campaigns) - _MOST_CAMPAIGNS),
        "codes": describe_codes(report.flow.codes),
        "is_quiet": not report.flow.everything.asked,
    }


def daily_meanings(*, sees_refusals: bool) -> list[tuple[str, str]]:
    """Return the definition of each figure of the daily report."""
    return [
        *flow_meanings(sees_refusals=sees_refusals),
        (
            _("A week before"),
            _("Redemptions that were asked for on the same day of the week before."),
        ),
        (
            _("Texts that arrived"),
            _(
                "The share of the texts promised on this day and tried whose arrival a provider "
                "has confirmed; accepted is not delivered. The same figure is in the report about "
                "messages."
            ),
        ),
        (
            _("Charged"),
            _(
                "What the budgets were charged for the rewards issued on this day that stand: the "
                "same as in the report about cards. They may have been asked for before."
            ),
        ),
    ]


def _figures(report: DailyReport) -> list[Figure]:
    asked, before = report.flow.everything.asked, report.asked_week_before
    rate = report.messages.delivery_rate
    return [
        *show_flow_figures(
            report.flow,
            report.waiting,
            span=_("%(count)s a week before") % {"count": f"{before:,}"}
            if before or asked
            else _("as a week before"),
        ),
        Figure(
            label=_("Texts that arrived"),
            value=share_words(rate),
            words=_("%(count)s of %(tried)s")
            % {"count": f"{report.messages.delivered:,}", "tried": f"{report.messages.tried:,}"},
            tone=tone_of_rate(rate),
        ),
        *(
            Figure(
                label=_("Charged in %(currency)s") % {"currency": one.currency},
                value=display_amount(one.charged_minor, one.currency),
                words=_("for %(count)s rewards") % {"count": f"{one.rewards:,}"},
            )
            for one in report.issued
        ),
    ]
