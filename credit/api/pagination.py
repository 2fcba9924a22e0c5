"""Long lists page by page: ``{next, previous, results}``, with cursors that keep their place.

A cursor names the row that it stands behind or before, not how many rows came earlier, so what
is added meanwhile neither repeats nor hides a row. It is signed together with the list's
address: one that we did not hand out for this list is refused.
"""

from __future__ import annotations

import base64
import dataclasses
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Q, QuerySet
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers
from rest_framework.request import Request

from alerts.errors import ValidationFailedError
from alerts.keyring import digest
from credit.api.inputs import StrictSerializer

Row = TypeVar("Row")

PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 200
_LONGEST_CURSOR: Final = 400
_SIGNATURE_BYTES: Final = 12


class ListQuery(StrictSerializer):
    """The query parameters of every list; a list with filters adds its own."""

    cursor = serializers.CharField(
        required=False,
        max_length=_LONGEST_CURSOR,
        help_text="Where the page begins; taken from `next` or `previous`.",
    )
    page_size = serializers.IntegerField(
        required=False,
        default=PAGE_SIZE,
        min_value=1,
        max_value=MAX_PAGE_SIZE,
        help_text=f"1 to {MAX_PAGE_SIZE}; {PAGE_SIZE} when not given.",
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A stretch of a list, with the addresses of the next and the previous one."""

    rows: list[Row]
    next: str | None
    previous: str | None

    def printed(self, results: Iterable[dict[str, Any]]) -> dict[str, Any]:
        """Return the answer, with what became of the rows."""
        return {"next": self.next, "previous": self.previous, "results": list(results)}


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """Between two rows: right after (or before) the one with these values, or with it."""

    values: tuple[str, ...]
    is_backward: bool = False
    is_inclusive: bool = False


def paginate(
    request: Request,
    rows: QuerySet[Any],
    *,
    query: dict[str, Any],
    order: Sequence[str],
    read: Callable[..., list[Any]] | None = None,
) -> Page[Any]:
    """Return the page of a list that the request asks for.

    :param query: what ``read_query`` made of the parameters, ``cursor`` and ``page_size`` too.
    :param order: names of the model's columns that together are unique and never change, each
        with a minus when the greatest comes first; all in the same direction.
    :param read: a quicker way to the first of the rows than to order them all; it is given them
        with ``order`` and ``limit``.
    :raises ValidationFailedError: the cursor is none of this list's (GC-012).
    """
    names = [name.removeprefix("-") for name in order]
    columns = _columns(rows, names)
    is_descending = order[0].startswith("-")
    cursor, size = query.get("cursor"), query["page_size"]
    place = None if cursor is None else _read_cursor(cursor, request.path)
    is_backward = place is not None and place.is_backward

    if place is not None:
        rows = rows.filter(_beyond(rows, names, place, is_greater=is_descending == is_backward))
    direction = "-" if is_descending != is_backward else ""
    towards = [f"{direction}{name}" for name in names]
    if read is None:
        found = list(rows.order_by(*towards)[: size + 1])
    else:
        found = read(rows, order=towards, limit=size + 1)
    has_more = len(found) > size
    found = found[:size]
    if is_backward:
        found.reverse()

    def link(place: _Place) -> str:
        return _address(request, cursor=_write_cursor(place, request.path))

    def values_of(row: Any) -> tuple[str, ...]:
        return tuple(field.value_to_string(row) for field in columns)

    if not found:
        # All that was there is gone: lead back to the row where the cursor stood.
        back = (
            None
            if place is None
            else dataclasses.replace(place, is_backward=not is_backward, is_inclusive=True)
        )
        way_back = None if back is None else link(back)
        return Page([], way_back if is_backward else None, None if is_backward else way_back)
    first, last = values_of(found[0]), values_of(found[-1])
    return Page(
        rows=found,
        next=link(_Place(last)) if is_backward or has_more else None,
        previous=link(_Place(first, is_backward=True))
        if (has_more if is_backward else place is not None)
        else None,
    )


def page_of(item: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """Describe a page of items for the OpenAPI page."""
    return inline_serializer(
        f"{item.__name__.removesuffix('Output')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": item(many=True),
        },
    )


def _beyond(rows: QuerySet[Any], names: Sequence[str], place: _Place, *, is_greater: bool) -> Q:
    columns = _columns(rows, names)
    values = [field.to_python(text) for field, text in zip(columns, place.values, strict=True)]
    comparison = "gt" if is_greater else "lt"
    condition = Q()
    for position, name in enumerate(names):
        is_last = position == len(names) - 1
        lookup = f"{comparison}e" if is_last and place.is_inclusive else comparison
        same = dict(zip(names[:position], values[:position], strict=True))
        condition |= Q(**same, **{f"{name}__{lookup}": values[position]})
    # It follows from the rest, but only said like this does it bound the scan of an index.
    return Q(**{f"{names[0]}__{comparison}e": values[0]}) & condition


def _columns(rows: QuerySet[Any], names: Sequence[str]) -> list[Any]:
    return [rows.model._meta.get_field(name) for name in names]  # noqa: SLF001  a public name


def _write_cursor(place: _Place, path: str) -> str:
    payload = json.dumps(
        [place.values, place.is_backward, place.is_inclusive], separators=(",", ":")
    )
    signed = _sign(payload, path) + payload.encode()
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def _read_cursor(cursor: str, path: str) -> _Place:
    try:
        signed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        payload = signed[_SIGNATURE_BYTES:].decode()
    except ValueError:  # of base64 and of UTF-8
        raise _foreign_cursor() from None
    if not hmac.compare_digest(_sign(payload, path), signed[:_SIGNATURE_BYTES]):
        raise _foreign_cursor()
    values, is_backward, is_inclusive = json.loads(payload)
    place = _Place(tuple(values), is_backward, is_inclusive)
    # Base64 has bits to spare at the end: every place has one spelling.
    if _write_cursor(place, path) != cursor:
        raise _foreign_cursor()
    return place


def _foreign_cursor() -> ValidationFailedError:
    return ValidationFailedError(
        errors={"cursor": ["Take the cursor from next or previous of this list."]}
    )


def _sign(payload: str, path: str) -> bytes:
    return digest(f"{path}\n{payload}", purpose="cursor")[:_SIGNATURE_BYTES]


def _address(request: Request, *, cursor: str) -> str:
    parameters = {**request.query_params.dict(), "cursor": cursor}
    return f"{settings.PUBLIC_BASE_URL}{request.path}?{urlencode(parameters)}"
