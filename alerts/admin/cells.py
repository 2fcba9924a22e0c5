"""How one value is shown in the admin: states as coloured labels, ids as links, sums aligned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from alerts.codes import ErrorCode

GREEN: Final = "success"
AMBER: Final = "warning"
RED: Final = "danger"
BLUE: Final = "info"
GREY: Final = "default"
NOTHING: Final = "–"
# Of alerts and what tells of them.
SEVERITY_COLOURS: Final = {"critical": RED, "warning": AMBER, "info": BLUE}

Column = Callable[[Any, Any], Any]


def label(text: str, colour: str = GREY) -> SafeString:
    """Return a word on a coloured ground."""
    return SafeString(
        render_to_string("unfold/helpers/label.html", {"text": text, "type": colour}).strip()
    )


def state_column(field: str, colours: Mapping[str, str], *, title: str = "") -> Column:
    """Return a column that shows a field with choices as a label of its value's colour."""

    @admin.display(description=title or field.replace("_", " "))
    def column(_admin: Any, row: Any) -> SafeString | str:
        value = getattr(row, field)
        words = getattr(row, f"get_{field}_display")()
        return label(str(words), colours.get(value, GREY)) if value else NOTHING

    return column


def time_column(field: str, *, title: str = "") -> Column:
    """Return a column that shows a moment, short enough not to wrap."""

    @admin.display(description=title or field.removesuffix("_at").replace("_", " "))
    def column(_admin: Any, row: Any) -> SafeString | str:
        return moment(getattr(row, field))

    return column


def moment(at: datetime | None) -> SafeString | str:
    """Return a moment to the minute in UTC, with its seconds on pointing at it."""
    if at is None:
        return NOTHING
    return format_html(
        '<time class="whole" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        f"{at:%Y-%m-%d %H:%M}",
    )


def link_column(field: str, *, title: str = "") -> Column:
    """Return a column that shows a foreign key as a link to its page, by its last characters."""

    @admin.display(description=title or field.replace("_", " "))
    def column(_admin: Any, row: Any) -> SafeString | str:
        key = getattr(row, f"{field}_id")
        if key is None:
            return NOTHING
        model = row._meta.get_field(field).related_model  # noqa: SLF001  Django's public door
        return link_to_row(model, key)

    return column


def link_to_row(model: type[Model], key: Any, words: str = "") -> SafeString:
    """Return a link to a row's page; unless told, its words are the end of its id."""
    meta = model._meta  # noqa: SLF001  Django's public door
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[quote(key)])
    return link(url, words or short_id(key))


def link_to_thing(kind: str | None, key: UUID | int | None) -> SafeString | str:
    """Return a link to what a lower app knows by kind and plain id only (``ADMIN_PAGES``)."""
    if not kind or key is None:
        return NOTHING
    page = settings.ADMIN_PAGES.get(kind)
    if page is None:
        return f"{kind} {short_id(key)}"
    return link(reverse(page, args=[key]), f"{kind} {short_id(key)}")


def link_to_named(thing: str) -> SafeString | str:
    """Return a link to what is named by kind and id (``user:<id>``); empty when it has no page."""
    kind, _, rest = thing.partition(":")
    try:
        return link_to_thing(kind, int(rest) if rest.isdecimal() else UUID(rest))
    except ValueError:
        return ""


def actor_column(field: str = "actor", *, title: str = "who") -> Column:
    """Return a column of those who did it: people and keys as links, the system by its name."""

    @admin.display(description=title)
    def column(_admin: Any, row: Any) -> SafeString | str:
        actor: str = getattr(row, field)
        return link_to_named(actor) or actor or NOTHING

    return column


def link(url: str, words: str) -> SafeString:
    """Return a link that looks like one."""
    return format_html('<a class="text-link whole" href="{}">{}</a>', url, words)


def error_code(code: str) -> SafeString | str:
    """Return an error code with its title, linked to its place in the catalogue."""
    if not code:
        return NOTHING
    try:
        title = ErrorCode.from_code(code).title
    except ValueError:
        return code
    return format_html(
        '<a class="text-link whole" href="{}#{}" title="{}">{}</a>',
        reverse("admin:error_catalogue"),
        code,
        title,
        code,
    )


def error_column(field: str, *, title: str = "") -> Column:
    """Return a column that shows a code of our catalogue with a link to what it means."""

    @admin.display(description=title or field.replace("_", " "))
    def column(_admin: Any, row: Any) -> SafeString | str:
        return error_code(getattr(row, field))

    return column


def short_id(key: Any) -> str:
    """Return the end of an id, enough to tell two apart on one page."""
    text = str(key)
    return f"…{text[-8:]}" if len(text) > 12 else text


@admin.display(description="id")
def id_column(_admin: Any, row: Any) -> SafeString:
    """Show the end of the row's id."""
    return whole(short_id(row.pk))


def whole(words: str) -> SafeString:
    """Return words that are never broken into two lines."""
    return format_html('<span class="whole">{}</span>', words)


def table(headers: Iterable[str], rows: Iterable[Iterable[Any]]) -> SafeString | str:
    """Return a small table for a detail page, or a dash when there are no rows.

    On a phone each row is a block, whose cells say what they are.
    """
    names = list(headers)
    body = [
        format_html(
            "<tr>{}</tr>",
            format_html_join("", '<td data-words="{}">{}</td>', zip(names, row, strict=True)),
        )
        for row in rows
    ]
    if not body:
        return NOTHING
    head = format_html_join("", "<th>{}</th>", ((name,) for name in names))
    return format_html(
        '<table class="small-table stacked"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>',
        head,
        SafeString("".join(body)),
    )
