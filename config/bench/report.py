"""The figures as text: a table for the terminal and for docs/performance.md."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from config.bench.course import Course
from config.bench.measure import Comparison, Side
from config.bench.profile import Profile

BEGIN: Final = "<!-- written by `make bench`: begin -->"
END: Final = "<!-- written by `make bench`: end -->"
_LEAST_SHARE_US: Final = 1
_MOST_KINDS: Final = 3
_VERDICTS: Final = {True: "met", False: "**missed**", None: "—"}


def render(
    comparisons: Sequence[Comparison],
    profile: Profile,
    *,
    machine: Mapping[str, str],
    course: Course,
    at: datetime,
) -> str:
    """Return the report as Markdown."""
    lines = [
        (
            f"Measured on {at:%d %B %Y}: medians of {course.rounds} rounds of {course.seconds:g} s"
            f" a side, in turns, each after {course.warm_up_seconds:g} s of warm-up;"
            f" {course.accounts} accounts where there are many."
        ),
        "",
        *(f"- {name}: {value}" for name, value in machine.items()),
    ]
    return "\n".join([*lines, *_comparisons(comparisons), *_profile(profile)])


def _comparisons(comparisons: Sequence[Comparison]) -> Iterable[str]:
    if not comparisons:
        return
    yield from (
        "",
        *_table(
            ("What ÷ its anchor", "at once", "per second", "anchor's", "ratio (least–most)",
             "target", ""),
            (_summary(each) for each in comparisons),
        ),
        "",
        "How long one took, in milliseconds, and what processor time it cost, in microseconds:",
        "",
        *_table(
            ("", "at once", "per second", "p50", "p95", "p99", "processor time", "errors"),
            (row for each in comparisons for row in _details(each)),
        ),
    )  # fmt: skip


def _profile(profile: Profile) -> Iterable[str]:
    if profile.functions:
        yield from (
            "",
            (
                "Where the function's time goes, one client, microseconds a redemption"
                " (`pg_stat_user_functions`; triggers are functions too, and count as part of"
                " what fired them, but for those at commit):"
            ),
            "",
            *_table(
                ("function", "calls", "in itself", "in all"),
                (
                    (f"`{each.name}`", f"{each.calls:.0f}", f"{each.self_us:.0f}",
                     f"{each.total_us:.0f}")
                    for each in profile.functions
                    if each.self_us >= _LEAST_SHARE_US
                ),
            ),
        )  # fmt: skip
    for what, shares in profile.python.items():
        everything = sum(each.self_us for each in shares)
        yield from (
            "",
            (
                f"{what}: Python's processor time by package (cProfile, which favours large"
                " functions: read the shares):"
            ),
            "",
            *_table(
                ("package", "calls a redemption", "share"),
                (
                    (each.name, f"{each.calls:.0f}", f"{each.self_us / everything:.0%}")
                    for each in shares
                    if each.self_us >= everything / 100
                ),
            ),
        )


def write(path: Path, report: str) -> None:
    """Put the report between the markers of a document; the words around it stay.

    :raises ValueError: the document has no such place.
    """
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _former, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no place for the figures: {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{report}\n{END}{after}", encoding="utf-8")


def _summary(each: Comparison) -> tuple[str, ...]:
    targets = []
    if each.least_ratio is not None:
        targets.append(f"≥ {each.least_ratio:.2f}")
    if each.most_p99_ms is not None:
        targets.append(f"p99 < {each.most_p99_ms:.0f} ms, no error")
    return (
        each.name,
        str(each.clients),
        f"{each.side.rate:,.0f}",
        f"{each.anchor.rate:,.0f}",
        f"**{each.ratio:.2f}** ({min(each.ratios):.2f}–{max(each.ratios):.2f})",
        ", ".join(targets) or "—",
        _VERDICTS[each.is_met],
    )


def _details(each: Comparison) -> Iterable[tuple[str, ...]]:
    for side in (each.anchor, each.side):
        yield (
            f"{each.name.partition(' ÷')[0]}: {side.name}",
            str(each.clients),
            _rates(side),
            *(_milliseconds(value) for value in (side.p50_ms, side.p95_ms, side.p99_ms)),
            ", ".join(f"{who} {spent:,.0f}" for who, spent in side.cpu_us.items() if spent) or "—",
            _errors(side),
        )


def _errors(side: Side) -> str:
    ordered = sorted(side.errors.items(), key=lambda item: -item[1])
    shown = [f"{count} × {kind}" for kind, count in ordered[:_MOST_KINDS]]
    more = [f"{len(ordered) - _MOST_KINDS} other kinds"] if ordered[_MOST_KINDS:] else []
    return "; ".join([*shown, *more]) or "none"


def _rates(side: Side) -> str:
    rates = [each.rate for each in side.samples]
    return f"{side.rate:,.0f} ({min(rates):,.0f}–{max(rates):,.0f})"


def _milliseconds(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.1f}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterable[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(' --- ' for _ in heads)}|"
    for row in rows:
        # What a server says may hold anything, also what ends a cell.
        yield f"| {' | '.join(cell.replace('|', '¦').replace(chr(10), ' ') for cell in row)} |"
