"""The report about messages as CSV, in the manner of the other reports' files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from alerts.csvfiles import safe_cell
from redemption.dashboard.periods import Period
from redemption.dashboard.report_files import Cells, percent_cell, write_cells
from redemption.selectors.message_days import ErrorSums, MessageGroup, MessageSums
from sms.selectors.meanings import ErrorWords

_COUNTS: Final = (
    "messages", "attempts", "accepted", "tried", "delivered", "undelivered", "failed",
    "suppressed", "by_hand", "in_doubt", "under_way", "cancelled", "segments",
)  # fmt: skip
_LAST: Final = ("delivery_percent", "median_seconds", "p95_seconds", "price", "priced_attempts")
_ERRORS: Final = (
    "error_code", "meaning", "what_to_do", "attempts", "messages_ended", "from", "to"
)  # fmt: skip


def write_message_report(
    rows: Mapping[str, MessageSums],
    *,
    group: MessageGroup,
    names: Mapping[UUID, str],
    period: Period,
) -> bytes:
    """Return the report, a line for each day, campaign or channel."""
    own = (group, "campaign_id") if group == "campaign" else (group,)
    columns = (*own, "from", "to", *_COUNTS, *_LAST)

    def cells(key: str, sums: MessageSums) -> Cells:
        name = safe_cell(names.get(UUID(key), "")) if group == "campaign" and key else key
        return {
            **({"campaign": name, "campaign_id": key} if group == "campaign" else {group: key}),
            "from": period.start.isoformat(),
            "to": period.end.isoformat(),
            **{column: getattr(sums, column) for column in _COUNTS},
            "delivery_percent": percent_cell(sums.delivery_rate),
            "median_seconds": "" if sums.median_wait is None else sums.median_wait,
            "p95_seconds": "" if sums.p95_wait is None else sums.p95_wait,
            "price": f"{sums.price:f}" if sums.priced else "",
            "priced_attempts": sums.priced,
        }

    return write_cells(columns, [cells(key, sums) for key, sums in rows.items()])


def write_message_errors(
    errors: Iterable[ErrorSums], *, words: Mapping[str, ErrorWords], period: Period
) -> bytes:
    """Return the error codes, a line for each."""
    return write_cells(
        _ERRORS,
        [
            {
                "error_code": safe_cell(one.code),
                "meaning": safe_cell(words[one.code].meaning),
                "what_to_do": words[one.code].advice,
                "attempts": one.attempts,
                "messages_ended": one.ends,
                "from": period.start.isoformat(),
                "to": period.end.isoformat(),
            }
            for one in errors
        ],
    )
