"""How a report prints its figures: shares, waits, days left."""

from __future__ import annotations

import dataclasses
import math
from datetime import date
from typing import Literal

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from giftcards.models import Pool
from redemption.selectors.forecast_methods import HORIZON_DAYS
from redemption.selectors.stock_forecasts import RunOut

# A pool that a provider is asked for has no stock to run out of.
Level = Literal["empty", "red", "amber", "green", "on_demand"]


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """Something in words with what is said beneath; ``tone`` only repeats them."""

    text: str
    more: str = ""
    tone: str = ""


def share_words(share: float | None) -> str:
    """Print a share: ``"97.3 %"``, rounded down, so that 100 % is all of them."""
    return "–" if share is None else f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"


def wait_words(seconds: float | None) -> str:
    """Print a time that somebody waited: ``"4.2 s"``, ``"12 min"``, ``"3.5 h"``."""
    if seconds is None:
        return "–"
    for unit, words in ((86_400, _("days")), (3_600, _("h")), (60, _("min"))):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.3g}\N{NO-BREAK SPACE}{words}"
    return f"{seconds:.3g}\N{NO-BREAK SPACE}{_('s')}"


def level_words(level: Level) -> Words:
    """Say how a pool stands, with a sign, so that nobody depends on the colour."""
    return {
        "empty": Words("✕ " + _("Empty"), tone="bad"),
        "red": Words("! " + _("Low"), tone="bad"),
        "amber": Words("~ " + _("Getting low"), tone="warn"),
        "green": Words("✓ " + _("Enough"), tone="good"),
        "on_demand": Words("✓ " + _("Bought on the spot"), tone="good"),
    }[level]


def run_out_words(run_out: RunOut | None, available: int) -> Words:
    """Say for how long a stock lasts, and between what and what that may lie."""
    if not available:
        return Words(_("Empty"), tone="bad")
    if run_out is None:
        return Words(_("Can't be told"), _("too little was given out yet"))
    left = run_out.left
    tone = "bad" if left.expected is not None and left.expected < 7 else ""
    return Words(_days(left.expected), _range(run_out), tone)


def pool_kind_words(pool: Pool) -> str:
    """Say whose a pool is."""
    if pool.client is not None:
        return pool.client.name
    return _("Bought ahead") if pool.kind == Pool.Kind.BUFFER else _("The platform")


def short_day_words(day: date) -> str:
    """Print a day without its year, in the order that the language has."""
    return date_format(day, _("M j"))


def month_words(day: date) -> str:
    """Print the month of a day."""
    return date_format(day, "YEAR_MONTH_FORMAT")


def average_minor(total_minor: int, count: int) -> int | None:
    """Return the average in whole minor units, rounded half up; None of nothing."""
    return (2 * total_minor + count) // (2 * count) if count else None


def _days(days: int | None) -> str:
    if days is None:
        return _("more than %(count)d days") % {"count": HORIZON_DAYS}
    if not days:
        return _("less than a day")
    return ngettext("%(count)d day", "%(count)d days", days) % {"count": days}


def _range(run_out: RunOut) -> str:
    soonest, latest = run_out.left.soonest, run_out.left.latest
    if soonest is None:
        return ""
    if latest is None:
        return _("%(soonest)d or more") % {"soonest": soonest}
    if soonest == latest:
        return ""
    return _("%(soonest)d to %(latest)d") % {"soonest": soonest, "latest": latest}
