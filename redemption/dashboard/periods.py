"""Which days a statement is about: this month, the last, or from one day to another, in UTC."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta

from django.http import QueryDict
from django.utils.translation import gettext as _

from redemption.selectors.spans import FIRST_DAY, LAST_DAY


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The days from ``start`` to ``end``, both included.

    :param name: ``this``, ``last`` or ``custom``.
    :param typed_from: the form's text, kept when it can't be read.
    """

    name: str
    start: date
    end: date
    typed_from: str
    typed_to: str
    errors: dict[str, list[str]]

    @property
    def query(self) -> dict[str, str]:
        """The fields of an address that ask for this period again."""
        if self.name == "custom":
            return {"from": self.start.isoformat(), "to": self.end.isoformat()}
        return {"period": self.name}


def read_period(fields: QueryDict, *, now: datetime) -> Period:
    """Return the period that an address asks for; this month where it makes no sense."""
    today = now.astimezone(UTC).date()
    this_month = today.replace(day=1)
    if not (fields.get("from") or fields.get("to")):
        if fields.get("period") == "last":
            end = this_month - timedelta(days=1)
            return _period("last", end.replace(day=1), end)
        return _period("this", this_month, today)
    errors: dict[str, list[str]] = {}
    start = _read_day(fields.get("from", ""), "from", errors)
    end_day = _read_day(fields.get("to", "") or today.isoformat(), "to", errors)
    if start and end_day and start > end_day:
        errors["to"] = [_("The last day can't come before the first.")]
    if errors or start is None or end_day is None:
        return dataclasses.replace(
            _period("this", this_month, today),
            name="custom",
            typed_from=fields.get("from", "")[:32],
            typed_to=fields.get("to", "")[:32],
            errors=errors,
        )
    return _period("custom", start, end_day)


def _period(name: str, start: date, end: date) -> Period:
    return Period(
        name=name,
        start=start,
        end=end,
        typed_from=start.isoformat(),
        typed_to=end.isoformat(),
        errors={},
    )


def _read_day(text: str, field: str, errors: dict[str, list[str]]) -> date | None:
    try:
        # Python reads "20260301" and "2026-W10-1" too; the form and the API mean one spelling.
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        day = None
    if day is None or not FIRST_DAY <= day <= LAST_DAY:
        errors[field] = [_("Give a day such as 2026-03-01.")]
        return None
    return day
