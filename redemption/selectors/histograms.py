"""Percentiles of what was counted by its size."""

from __future__ import annotations

from collections.abc import Mapping


def percentile_of(counts: Mapping[int, int], percent: int) -> int | None:
    """Return the least value that ``percent`` of 100 reach at most; None of nothing.

    The same as PostgreSQL's ``percentile_disc`` over all of them.
    """
    total, until_here = sum(counts.values()), 0
    for value in sorted(counts):
        until_here += counts[value]
        if until_here * 100 >= total * percent:
            return value
    return None
