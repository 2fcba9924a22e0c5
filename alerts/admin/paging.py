"""Pages of lists that may have a million rows."""

from __future__ import annotations

import re
from typing import Any, Final, cast

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

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
