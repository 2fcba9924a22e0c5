"""What a measurement is: rounds of a side and its anchor, and what is read from them."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence

# When it ended (seconds of the side's own clock) and how long it took (seconds).
Event = tuple[float, float]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """One round of one side.

    :param rate: how many were done a second.
    :param errors: how often each kind of failure was seen.
    :param cpu_us: processor time that one took, in microseconds, by who spent it.
    """

    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: Mapping[str, int]
    cpu_us: Mapping[str, float]


def sample(
    events: Sequence[Event],
    *,
    began: float,
    warm_up_seconds: float,
    seconds: float,
    errors: Mapping[str, int],
    cpu_seconds: Mapping[str, float],
) -> Sample:
    """Make a sample of what ended within the measured seconds, after the warm-up.

    :param began: when the warm-up began, on the clock of the events.
    :param cpu_seconds: spent over the whole run, warm-up included, by whom.
    """
    since = began + warm_up_seconds
    taken = sorted(took for ended, took in events if since <= ended < since + seconds)
    if not taken:
        # A machine that stood still, or a clock that was set: no figure is better than nought.
        errors = {**errors, "nothing in the measured seconds": 1}
    return Sample(
        rate=len(taken) / seconds,
        p50_ms=_percentile_ms(taken, 50),
        p95_ms=_percentile_ms(taken, 95),
        p99_ms=_percentile_ms(taken, 99),
        errors=dict(errors),
        cpu_us={
            who: spent * 1e6 / len(events) for who, spent in cpu_seconds.items() if len(events)
        },
    )


def _percentile_ms(ascending: Sequence[float], percent: int) -> float:
    if not ascending:
        return math.nan
    return ascending[math.ceil(len(ascending) * percent / 100) - 1] * 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison over its rounds; figures are medians."""

    name: str
    samples: Sequence[Sample]

    @property
    def rate(self) -> float:
        return statistics.median(each.rate for each in self.samples)

    @property
    def p50_ms(self) -> float:
        return statistics.median(each.p50_ms for each in self.samples)

    @property
    def p95_ms(self) -> float:
        return statistics.median(each.p95_ms for each in self.samples)

    @property
    def p99_ms(self) -> float:
        return statistics.median(each.p99_ms for each in self.samples)

    @property
    def errors(self) -> dict[str, int]:
        """All rounds' failures: a median would hide one."""
        total: dict[str, int] = {}
        for each in self.samples:
            for kind, count in each.errors.items():
                total[kind] = total.get(kind, 0) + count
        return total

    @property
    def cpu_us(self) -> dict[str, float]:
        return {
            who: statistics.median(each.cpu_us[who] for each in self.samples)
            for who in self.samples[0].cpu_us
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """A side beside its anchor.

    :param least_ratio: what is to be reached; None where nothing was promised.
    :param most_p99_ms: likewise.
    """

    name: str
    clients: int
    anchor: Side
    side: Side
    least_ratio: float | None = None
    most_p99_ms: float | None = None

    @property
    def ratios(self) -> list[float]:
        """The side's rate divided by the anchor's, of each round."""
        pairs = zip(self.side.samples, self.anchor.samples, strict=True)
        return [side.rate / anchor.rate if anchor.rate else math.nan for side, anchor in pairs]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def has_errors(self) -> bool:
        return bool(self.side.errors or self.anchor.errors)

    @property
    def is_met(self) -> bool | None:
        """Whether the targets are met; None where there is none."""
        if self.least_ratio is None and self.most_p99_ms is None:
            return None
        return (
            not self.has_errors
            and (self.least_ratio is None or self.ratio >= self.least_ratio)
            and (self.most_p99_ms is None or self.side.p99_ms < self.most_p99_ms)
        )


def take_turns(
    rounds: int, anchor: Callable[[], Sample], side: Callable[[], Sample]
) -> tuple[list[Sample], list[Sample]]:
    """Run both sides alternately, so that both see the machine in the same moods."""
    anchors: list[Sample] = []
    sides: list[Sample] = []
    for _ in range(rounds):
        anchors.append(anchor())
        sides.append(side())
    return anchors, sides
