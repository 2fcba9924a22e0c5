"""Redemptions of a span as a file: one line for each part, door, campaign and code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from alerts.csvfiles import safe_cell
from credit.money import format_amount
from redemption.dashboard.report_files import Cells, percent_cell, write_cells
from redemption.selectors.daily import Issued
from redemption.selectors.flow import Flow, FlowSums
from redemption.selectors.message_days import MessageSums

_COLUMNS: Final = (
    "section",
    "name",
    "id",
    "asked",
    "given",
    "success_percent",
    "handed_over",
    "median_seconds",
    "p95_seconds",
    "refusals",
    "amount",
    "currency",
)


def write_flow(
    flow: Flow,
    *,
    start: datetime,
    part: timedelta,
    parts: int,
    section: str,
    campaign_names: Mapping[UUID, str],
    more: Iterable[Cells] = (),
) -> bytes:
    """Return the file; ``section`` is what a part is called: ``minute``, ``hour``."""
    return write_cells(
        _COLUMNS,
        [
            _line("all", "", "", flow.everything),
            *more,
            *_parts(flow, start, part, parts, section),
            *(_line("door", door, "", sums) for door, sums in sorted(flow.by_door.items())),
            *(
                _line("campaign", safe_cell(campaign_names.get(key, "")), str(key), sums)
                for key, sums in flow.by_campaign.items()
            ),
            *(
                {"section": "code", "name": one.code, "asked": one.rewards}
                | {"refusals": one.refusals}
                for one in flow.codes
            ),
        ],
    )


def money_lines(issued: Iterable[Issued]) -> list[Cells]:
    """Return what was charged, a line for each currency."""
    return [
        {
            "section": "charged",
            "given": one.rewards,
            "amount": format_amount(one.charged_minor, one.currency),
            "currency": one.currency,
        }
        for one in issued
    ]


def message_lines(messages: MessageSums) -> list[Cells]:
    """Return how many texts were tried and how many of them have arrived."""
    return [
        {
            "section": "texts",
            "asked": messages.tried,
            "given": messages.delivered,
            "success_percent": percent_cell(messages.delivery_rate),
        }
    ]


def _parts(
    flow: Flow, start: datetime, part: timedelta, parts: int, section: str
) -> Iterator[Cells]:
    for number in range(parts):
        sums = flow.by_part.get(number)
        name = (start + number * part).strftime("%Y-%m-%dT%H:%MZ")
        yield (
            _line(section, name, "", sums)
            if sums
            else {"section": section, "name": name}
            | {
                "asked": 0,
                "given": 0,
            }
        )


def _line(section: str, name: str, key: str, sums: FlowSums) -> Cells:
    return {
        "section": section,
        "name": name,
        "id": key,
        "asked": sums.asked,
        "given": sums.given,
        "success_percent": percent_cell(sums.success),
        "handed_over": sums.handed_over,
        "median_seconds": _seconds(sums.median_seconds),
        "p95_seconds": _seconds(sums.p95_seconds),
    }


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"
