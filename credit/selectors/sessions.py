"""Where somebody is signed in, in words."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from credit.models import UserSession

# The first that matches: Edge and Opera say Chrome too, Chrome says Safari, Android says Linux.
_BROWSERS: Final = (
    ("Edge", r"Edg(?:e|A|iOS)?/"),
    ("Opera", r"OPR/|Opera"),
    ("Samsung Internet", r"SamsungBrowser/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrome/|CriOS/|Chromium/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS: Final = (
    ("Windows", r"Windows"),
    ("Android", r"Android"),
    ("iPhone", r"iPhone"),
    ("iPad", r"iPad"),
    ("ChromeOS", r"CrOS"),
    ("Mac", r"Macintosh|Mac OS X"),
    ("Linux", r"Linux"),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SignedInPlace:
    """One browser in which somebody is signed in."""

    id: UUID
    device: str
    address: str
    signed_in_at: datetime
    last_seen_at: datetime
    is_current: bool


def list_sessions(*, user_id: UUID, current_key: str | None, now: datetime) -> list[SignedInPlace]:
    """Return where somebody is signed in: this browser first, then by when it was seen."""
    places = [
        SignedInPlace(
            id=session.pk,
            device=describe_device(session.user_agent),
            address=session.address or "",
            signed_in_at=session.signed_in_at,
            last_seen_at=session.last_seen_at,
            is_current=session.session_id == current_key,
        )
        for session in live_sessions(now=now).filter(user_id=user_id)
    ]
    return sorted(places, key=lambda place: not place.is_current)


def live_sessions(*, now: datetime) -> QuerySet[UserSession]:
    """Return the sessions that a next click would not find too old."""
    return UserSession.objects.filter(
        last_seen_at__gt=now - timedelta(seconds=settings.SESSION_IDLE),
        signed_in_at__gt=now - timedelta(seconds=settings.SESSION_LIMIT),
    ).order_by("-last_seen_at")


def describe_device(user_agent: str) -> str:
    """Return what a browser says of itself, in words: "Firefox on Windows"."""
    browser = _first(_BROWSERS, user_agent)
    system = _first(_SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown device")


def _first(patterns: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for name, pattern in patterns if re.search(pattern, text)), "")
