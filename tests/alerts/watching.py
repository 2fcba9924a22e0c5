"""Monitors of nothing real: what they find is put here by the test."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime

from alerts.models import Alert
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

ENTERED = threading.Event()
MAY_LEAVE = threading.Event()


@register_monitor("slow")
def watch_slowly(*, now: datetime) -> Iterable[Finding]:
    """Find nothing, and take as long as the test wants."""
    ENTERED.set()
    assert MAY_LEAVE.wait(20)
    return []


@register_monitor("writer")
def watch_and_write(*, now: datetime) -> Iterable[Finding]:
    """Do what no monitor may."""
    Alert.objects.create(kind="written", severity="info", subject="x", dedupe_key="written")
    return []
