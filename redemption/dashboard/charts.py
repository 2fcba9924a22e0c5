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
RIGHT: Final = 16
_GAP: Final = 0.25
_LEAST_LEFT: Final = 40
# How wide a character of the scale is, and its distance from the lines.
_CHARACTER: Final = 7
_SPACE: Final = 12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar with its place in the picture's own units; ``words`` is its value, to read.

    :param is_ahead: it is expected, and has not come yet.
    """

    x: float
    y: float
    width: float
    height: float
    value: int
    words: str
    middle: float
    label: str
    tick: str
    is_ahead: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One horizontal line with what it stands for."""

    y: float
    label: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What a chart's values are read by; ``left`` is where the picture begins beside it."""

    left: int
    top: int
    lines: tuple[Line, ...]
    axis_y: float = float(HEIGHT - _BOTTOM)

    def y_of(self, value: float) -> float:
        """Return where a value stands."""
        return self.axis_y - (HEIGHT - _TOP - _BOTTOM) * value / self.top


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """A chart of bars; ``total`` is the sum of all that have come."""

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
    ahead: int = 0,
) -> BarChart:
    """Place a bar for each (label, value), its scale rounded up to whole steps.

    A value below zero (more came back than went out) is told but has no height.

    :param tick_every: which labels stand under the axis, counted from the last bar backwards.
    :param words: prints a value, such as an amount of money.
    :param scale_words: prints the scale's values, when they can be shorter.
    :param ahead: how many of the last bars are expected and have not come yet.
    """
    largest = max((0, *(value for _, value in points)))
    scale = draw_scale(largest, words=scale_words or words)
    left = scale.left
    slot = (WIDTH - left - RIGHT) / max(len(points), 1)
    bars = []
    for number, (label, value) in enumerate(points):
        height = round(scale.axis_y - scale.y_of(max(value, 0)), 1)
        is_ticked = (len(points) - 1 - number) % tick_every == 0
        bars.append(
            Bar(
                x=round(left + slot * (number + _GAP / 2), 1),
                y=round(scale.axis_y - height, 1),
                width=round(slot * (1 - _GAP), 1),
                height=height,
                value=value,
                words=words(value),
                middle=round(left + slot * (number + 0.5), 1),
                label=label,
                tick=label if is_ticked else "",
                is_ahead=number >= len(points) - ahead,
            )
        )
    total = sum(value for _, value in points[: len(points) - ahead])
    return BarChart(
        width=WIDTH,
        height=HEIGHT,
        left=left,
        axis_y=scale.axis_y,
        bars=tuple(bars),
        lines=scale.lines,
        total=total,
        total_words=words(total),
    )


def draw_scale(largest: int, *, words: Callable[[int], str] = count_words) -> Scale:
    """Return the lines that a chart's values are read by, from 0 to ``largest`` or a bit more."""
    step = _nice_step(largest)
    steps = max(1, math.ceil(largest / step))
    labels = [words(step * number) for number in range(steps + 1)]
    scale = Scale(
        left=max(_LEAST_LEFT, _SPACE + _CHARACTER * max(map(len, labels))),
        top=step * steps,
        lines=(),
    )
    lines = (
        Line(y=round(scale.y_of(step * number), 1), label=label)
        for number, label in enumerate(labels)
    )
    return dataclasses.replace(scale, lines=tuple(lines))


def _nice_step(largest: int) -> int:
    """Return 1, 2 or 5 times a power of ten, so that two to five steps reach ``largest``."""
    for exponent in range(19):
        for factor in (1, 2, 5):
            step: int = factor * 10**exponent
            if largest <= 4 * step:
                return step
    return largest
