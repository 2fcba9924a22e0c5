"""Celery with jobs that a test commands through Redis: ``celery -A tests.config.job_app …``."""

from __future__ import annotations

import time

import redis
from celery import shared_task
from django.conf import settings

from config.celery import app

__all__ = ["app"]

TICK = "tests.tick"
NAP = "tests.nap"


def told() -> redis.Redis:
    """Return the way to what tests and jobs tell each other."""
    return redis.Redis.from_url(settings.REDIS_URL)


@shared_task(name=TICK)
def tick() -> int:
    """Count that it ran."""
    with told() as connection:
        connection.incr("test:ticks")
    return 1


@shared_task(name=NAP)
def nap() -> int:
    """Take as long as the test has said when it begins."""
    with told() as connection:
        seconds = float(connection.get("test:nap") or 0)
        connection.incr("test:naps_begun")
        time.sleep(seconds)
        connection.incr("test:naps_ended")
    return 1
