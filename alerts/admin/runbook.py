"""The way from a page that shows a problem to the chapter that says what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse

from alerts.runbook import Chapter, chapter_url


class WithRunbook:
    """Mixin: links to chapters above a table's list and above a row's page, where they are due."""

    # Those that are always due, on the list and on each row's page.
    chapters: tuple[Chapter, ...] = ()
    list_before_template = "admin/parts/runbook_links.html"
    change_form_outer_before_template = "admin/parts/runbook_links.html"

    def list_chapters(self, request: HttpRequest) -> Iterable[Chapter]:
        """Return the chapters about what the list shows now."""
        return self.chapters

    def row_chapters(self, row: Any) -> Iterable[Chapter]:
        """Return the chapters about what is wrong with a row."""
        return self.chapters

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list with its links."""
        links = runbook_links(self.list_chapters(request))
        page: HttpResponse = super().changelist_view(  # type: ignore[misc]
            request, {**(extra_context or {}), "runbook_links": links}
        )
        return page

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show a row's page with its links."""
        row = kwargs.get("obj")
        links = runbook_links(self.row_chapters(row)) if row is not None else []
        page: HttpResponse = super().render_change_form(  # type: ignore[misc]
            request, {**context, "runbook_links": links}, *args, **kwargs
        )
        return page


def runbook_links(chapters: Iterable[Chapter]) -> list[tuple[str, str]]:
    """Return links to chapters, each with its words."""
    return [(chapter_url(one), one.replace("-", " ").capitalize()) for one in chapters]
