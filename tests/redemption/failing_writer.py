"""A writer of the daily report that fails for some readers."""

from __future__ import annotations

from typing import Final

from credit.selectors.viewers import Viewer
from redemption.dashboard.daily_letter import write_daily_letter
from redemption.selectors.daily import DailyReport
from redemption.services.daily_mails import Letter, Links

# Whose report can't be written, as the records name them.
UNLUCKY: Final[set[str]] = set()


def write_or_fail(report: DailyReport, viewer: Viewer, links: Links) -> Letter:
    if viewer.actor in UNLUCKY:
        raise ZeroDivisionError("a mistake of ours")
    return write_daily_letter(report, viewer, links)


def die(report: DailyReport, viewer: Viewer, links: Links) -> Letter:
    """End the worker over its work."""
    raise SystemExit
