"""Charts drawn on the server: numbers in, the places of bars in an SVG out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 200
_LEFT: Final = 40
_TOP: Final = 12
_BOTTOM: Final = 24
_RIGHT: Final = 16
_GAP: Final = 0.25


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar with its place in the picture's own units."""

    x: float
    y: float
    width: float
    height: float
    value: int
    middle: float
    label: str
    tick: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One horizontal line with what it stands for."""

    y: float
    label: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """A chart of bars; ``total`` is the sum of all."""

    width: int
    height: int
    left: int
    axis_y: float
    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    total: int


def draw_bars(points: Sequence[tuple[str, int]], *, tick_every: int) -> BarChart:
    """Place a bar for each (label, count), its scale rounded up to whole steps.

    :param tick_every: which labels stand under the axis, counted from the last bar backwards.
    """
    room = HEIGHT - _TOP - _BOTTOM
    axis_y = float(HEIGHT - _BOTTOM)
    step = _nice_step(max((count for _, count in points), default=0))
    steps = max(1, math.ceil(max((count for _, count in points), default=0) / step))
    slot = (WIDTH - _LEFT - _RIGHT) / max(len(points), 1)
    bars = []
    for number, (label, count) in enumerate(points):
        height = round(room * count / (step * steps), 1)
        is_ticked = (len(points) - 1 - number) % tick_every == 0
        bars.append(
            Bar(
                x=round(_LEFT + slot * (number + _GAP / 2), 1),
                y=round(axis_y - height, 1),
                width=round(slot * (1 - _GAP), 1),
                height=height,
                value=count,
                middle=round(_LEFT + slot * (number + 0.5), 1),
                label=label,
                tick=label if is_ticked else "",
            )
        )
    lines = tuple(
        Line(y=round(axis_y - room * number / steps, 1), label=f"{step * number:,}")
        for number in range(steps + 1)
    )
    return BarChart(
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        axis_y=axis_y,
        bars=tuple(bars),
        lines=lines,
        total=sum(count for _, count in points),
    )


def _nice_step(largest: int) -> int:
    """Return 1, 2 or 5 times a power of ten, so that two to five steps reach ``largest``."""
    for exponent in range(19):
        for factor in (1, 2, 5):
            step: int = factor * 10**exponent
            if largest <= 4 * step:
                return step
    return largest
