"""Monitors of nothing real: what they find is put here by the test."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from alerts.services.monitors import Finding, register_monitor

WEATHER: list[Finding | Exception] = []


@register_monitor("weather")
def watch_weather(*, now: datetime) -> Iterable[Finding]:
    for finding in WEATHER:
        if isinstance(finding, Exception):
            raise finding
        yield finding


@register_monitor("weather")
def watch_sky(*, now: datetime) -> Iterable[Finding]:
    return WEATHER_NOT_LOOKED_AT


@register_monitor("tides")
def watch_tides(*, now: datetime) -> Iterable[Finding]:
    return TIDES


TIDES: list[Finding] = []
WEATHER_NOT_LOOKED_AT: list[Finding] = []
