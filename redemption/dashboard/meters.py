"""Small pictures for the rows of a table: a value beside its target, and how something went."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

_SPARK_WIDTH: Final = 120
_SPARK_HEIGHT: Final = 32
_LEAST_POINTS: Final = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """A value on a scale with its target, in hundredths of the width."""

    value: float
    target: float


def draw_meter(value: float, target: float, *, start: float, end: float) -> Meter:
    """Place a value and its target between the ends of a scale; what lies outside, at its end."""

    def place(number: float) -> float:
        return round(min(max((number - start) / (end - start), 0), 1) * 100, 1)

    return Meter(value=place(value), target=place(target))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A line without axes, for a row of a table; ``points`` as SVG has them."""

    width: int
    height: int
    points: str


def draw_spark(values: Sequence[int]) -> Spark | None:
    """Draw how values went, from nothing to the largest; None where one value makes no line."""
    if len(values) < _LEAST_POINTS:
        return None
    largest = max(*values, 1)
    step = (_SPARK_WIDTH - 2) / (len(values) - 1)
    points = " ".join(
        f"{1 + step * number:.1f},{_SPARK_HEIGHT - 2 - (_SPARK_HEIGHT - 4) * value / largest:.1f}"
        for number, value in enumerate(values)
    )
    return Spark(width=_SPARK_WIDTH, height=_SPARK_HEIGHT, points=points)
