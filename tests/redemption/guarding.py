"""Trying codes from many addresses, with the limits as they ship."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import override_settings

from alerts import throttling
from redemption.models import AttemptLog
from redemption.services.attempts import guarded
from redemption.services.redeem import UnknownCodeError
from redemption.throttling import Source, stranger
from tests.world import NOW

# As they ship, whatever the rest of the tests is given.
SHIPPED: dict[str, Any] = {
    "RATE_LIMIT_ADDRESS": (5, 300.0),
    "RATE_LIMIT_CODE": (10, 3600.0),
    "RATE_LIMIT_BLOCK_AFTER": (20, 86400.0),
    "RATE_LIMIT_BLOCK_FOR": 86400.0,
    "RATE_LIMIT_API_KEY": (600, 60.0),
    "RATE_LIMIT_API_KEY_FAILURES": (300, 3600.0),
    "RATE_LIMIT_AGENT": (60, 60.0),
    "RATE_LIMIT_LINK": (30, 60.0),
    "SLOW_FORM_AFTER": (50, 300.0),
    "SLOW_FORM_SHARE": 60,
    "SLOW_FORM_FOR": 600.0,
}


@pytest.fixture
def shipped_limits() -> Iterator[None]:
    with override_settings(**SHIPPED):
        yield


@pytest.fixture
def no_redis() -> Iterator[None]:
    """Point the counters at a port where nobody listens."""
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        yield


@pytest.fixture(autouse=True)
def empty_counters() -> None:
    """Let no test find what another has counted."""
    forget_all_counts()


def forget_all_counts() -> None:
    """Empty Redis's counters, as after a restart."""
    throttling._silent_until.clear()
    client = throttling._client(settings.REDIS_URL)
    for key in client.scan_iter("giftline:rate:*", count=1000):
        client.delete(key)


def attempt(
    *,
    source: Source | None = None,
    address: str = "203.0.113.7",
    code: str | None = None,
    at: float = 0.0,
    error: Exception | None = None,
    action: AttemptLog.Action = AttemptLog.Action.FORM,
    **further: Any,
) -> None:
    """Try a code, another one each time unless given, ``at`` seconds after NOW.

    :param error: what the door finds wrong with it.
    """
    with guarded(
        action=action,
        source=source or stranger(address=address),
        code=code or uuid4().hex,
        now=moment(at),
        **further,
    ):
        if error is not None:
            raise error


def fail(**further: Any) -> None:
    """Try a code that nobody has."""
    with pytest.raises(UnknownCodeError):
        attempt(error=UnknownCodeError(), **further)


def moment(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def results() -> list[str]:
    """Return what became of all attempts, oldest first."""
    return list(AttemptLog.objects.order_by("id").values_list("result", flat=True))
