"""Pages of lists that may have a million rows."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final, cast

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.functional import cached_property

_NEWEST_FIRST: Final = "-created_at"
_LOOK_BACK_DAYS: Final = (1, 7, 30)
_COUNTED_UP_TO: Final = 10_000
_ESTIMATE: Final = re.compile(r"rows=(\d+)")


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts up to 10,000 rows and believes the planner about more.

    ``COUNT(*)`` reads every row, on each page again, to say "of 1,048,211". Nobody turns so many
    pages: beyond 10,000 rows the list is narrowed down instead, and the number is only told.
    """

    template_name = "admin/parts/pagination.html"

    @cached_property
    def count(self) -> int:
        """Number of rows: exact up to 10,000, else estimated."""
        rows = cast("QuerySet[Any]", self.object_list).order_by()
        counted: int = rows[: _COUNTED_UP_TO + 1].count()
        if counted <= _COUNTED_UP_TO:
            return counted
        estimate = _ESTIMATE.search(rows.explain())
        return max(counted, int(estimate[1]) if estimate else 0)

    def page(self, number: int | str) -> Page[Any]:
        """Return a page.

        A list that shows the newest first looks only as far back as it must: what a day, a week
        or a month has enough rows for needs no sorting of a whole table, nor an index for it that
        every redemption would have to keep up.
        """
        number = self.validate_number(number)
        rows = cast("QuerySet[Any]", self.object_list)
        if rows.query.order_by[:1] == (_NEWEST_FIRST,):
            now, end = timezone.now(), number * self.per_page
            for days in _LOOK_BACK_DAYS:
                recent = rows.filter(created_at__gte=now - timedelta(days=days))
                found = list(recent[end - self.per_page : end])
                if len(found) == self.per_page:
                    return Page(found, number, self)
        return super().page(number)

    @cached_property
    def num_pages(self) -> int:
        """Number of pages that can be turned to."""
        reachable = min(self.count, _COUNTED_UP_TO)
        return max(1, -(-reachable // self.per_page))

    @property
    def count_in_words(self) -> str:
        """The number of rows as it is told: ``"12"`` or ``"about 1,000,000"``."""
        if self.count <= _COUNTED_UP_TO:
            return f"{self.count:,}"
        digits = len(str(self.count)) - 2
        return f"about {round(self.count, -digits):,}"
