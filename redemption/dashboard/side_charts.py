"""Bars that lie side by side: some things, each with the same few counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 720
_LABELS: Final = 170
_NUMBERS: Final = 60
_BAR: Final = 10
_BETWEEN: Final = 2
_APART: Final = 14
_LONGEST: Final = 26


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SideBar:
    """One bar; ``kind`` is which of the counts it is, from 0."""

    kind: int
    y: float
    width: float
    words: str
    words_x: float
    words_y: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SideGroup:
    """The bars of one thing."""

    label: str
    short: str
    y: float
    bars: tuple[SideBar, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SideChart:
    """Groups of bars on one scale."""

    width: int
    height: int
    left: int
    bar: int
    groups: tuple[SideGroup, ...]


def draw_sides(rows: Sequence[tuple[str, tuple[int, ...]]]) -> SideChart:
    """Place bars for each (label, counts), all on one scale."""
    largest = max((count for _, counts in rows for count in counts), default=0) or 1
    room = WIDTH - _LABELS - _NUMBERS
    groups, y = [], 0.0
    for label, counts in rows:
        bars = []
        top = y
        for kind, count in enumerate(counts):
            width = round(room * count / largest, 1)
            bars.append(
                SideBar(
                    kind=kind,
                    y=y,
                    width=max(width, 1.0) if count else 0.0,
                    words=f"{count:,}",
                    words_x=_LABELS + width + 5,
                    words_y=y + _BAR - 1.5,
                )
            )
            y += _BAR + _BETWEEN
        short = label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1].rstrip()}…"
        groups.append(SideGroup(label=label, short=short, y=(top + y) / 2 + 2, bars=tuple(bars)))
        y += _APART
    return SideChart(
        width=WIDTH,
        height=max(1, round(y - _APART)),
        left=_LABELS,
        bar=_BAR,
        groups=tuple(groups),
    )
