"""Charts drawn on the server: numbers in, the places of bars in an SVG out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 200
_TOP: Final = 12
_BOTTOM: Final = 24
_RIGHT: Final = 16
_GAP: Final = 0.25
_LEAST_LEFT: Final = 40
# How wide a character of the scale is, and its distance from the lines.
_CHARACTER: Final = 7
_SPACE: Final = 12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar with its place in the picture's own units; ``words`` is its value, to read."""

    x: float
    y: float
    width: float
    height: float
    value: int
    words: str
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
    total_words: str


def count_words(value: int) -> str:
    """Print a count: ``"1,250"``."""
    return f"{value:,}"


def draw_bars(
    points: Sequence[tuple[str, int]],
    *,
    tick_every: int,
    words: Callable[[int], str] = count_words,
    scale_words: Callable[[int], str] | None = None,
) -> BarChart:
    """Place a bar for each (label, value), its scale rounded up to whole steps.

    A value below zero (more came back than went out) is told but has no height.

    :param tick_every: which labels stand under the axis, counted from the last bar backwards.
    :param words: prints a value, such as an amount of money.
    :param scale_words: prints the scale's values, when they can be shorter.
    """
    room = HEIGHT - _TOP - _BOTTOM
    axis_y = float(HEIGHT - _BOTTOM)
    largest = max((0, *(value for _, value in points)))
    step = _nice_step(largest)
    steps = max(1, math.ceil(largest / step))
    lines = tuple(
        Line(
            y=round(axis_y - room * number / steps, 1),
            label=(scale_words or words)(step * number),
        )
        for number in range(steps + 1)
    )
    left = max(_LEAST_LEFT, _SPACE + _CHARACTER * max(len(line.label) for line in lines))
    slot = (WIDTH - left - _RIGHT) / max(len(points), 1)
    bars = []
    for number, (label, value) in enumerate(points):
        height = round(room * max(value, 0) / (step * steps), 1)
        is_ticked = (len(points) - 1 - number) % tick_every == 0
        bars.append(
            Bar(
                x=round(left + slot * (number + _GAP / 2), 1),
                y=round(axis_y - height, 1),
                width=round(slot * (1 - _GAP), 1),
                height=height,
                value=value,
                words=words(value),
                middle=round(left + slot * (number + 0.5), 1),
                label=label,
                tick=label if is_ticked else "",
            )
        )
    total = sum(value for _, value in points)
    return BarChart(
        width=WIDTH,
        height=HEIGHT,
        left=left,
        axis_y=axis_y,
        bars=tuple(bars),
        lines=lines,
        total=total,
        total_words=words(total),
    )


def _nice_step(largest: int) -> int:
    """Return 1, 2 or 5 times a power of ten, so that two to five steps reach ``largest``."""
    for exponent in range(19):
        for factor in (1, 2, 5):
            step: int = factor * 10**exponent
            if largest <= 4 * step:
                return step
    return largest
