"""What one table holds of a person, for all apps that keep something of people."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one table holds of a person, and what an erasure does to it.

    :param left_out: columns that are never handed out: secrets, and digests that say nothing.
    """

    key: str
    title: str
    rows: QuerySet[Any]
    fate: str
    left_out: frozenset[str] = frozenset()


def count_rows(sections: Iterable[Section]) -> dict[str, int]:
    """Return how many rows there are, by the section's key."""
    return {section.key: section.rows.count() for section in sections}
