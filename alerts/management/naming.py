"""How things are named on the command line: by their id, or by a name that only one has."""

from __future__ import annotations

from typing import TypeVar
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)


def find_named(rows: QuerySet[Row], text: str) -> Row:
    """Return the row with this id, or the one with this name.

    :raises CommandError: there is none, or several have the name.
    """
    what = rows.model._meta.verbose_name  # noqa: SLF001  Django's documented name for it
    try:
        found = list(rows.filter(pk=UUID(text)))
    except ValueError:
        found = list(rows.filter(name=text).order_by("pk"))
    if not found:
        raise CommandError(f"There is no {what} with the id or name {text!r}.")
    if len(found) > 1:
        ids = "\n".join(f"  {row.pk}" for row in found)
        raise CommandError(f"{len(found)} have the name {text!r}; name one by its id:\n{ids}")
    return found[0]
