"""Who has guessed too often: django-axes watches every log-in, and we say what it counts.

Note [Counting failures]
~~~~~~~~~~~~~~~~~~~~~~~~
A wrong password and a wrong code of the second factor are counted alike, in one row for a user
name and an address (of IPv6 the /64). Three limits are drawn from these rows, SIGN_IN_LIMITS: a
name from one address; a name from anywhere, since an attacker has many addresses; an address
with any name. Whoever is locked out is not counted any further, so that a lock ends in time
whatever is tried meanwhile. Signing in forgets the failures of that name from that address and
no others: with an account of their own somebody could otherwise wipe out what they did to others.

A name nobody has is kept as a digest: it may be a password that was typed into the wrong field.
It is counted and locked like a real one, so that a lock doesn't tell which names exist.

The rows are in PostgreSQL, written by one statement each, so that a Redis that is down opens no
door. What was typed is never stored.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import structlog
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.http import HttpRequest

from alerts.addresses import client_address, network_of
from alerts.keyring import digest
from credit.models import User

log = structlog.get_logger()

UNKNOWN_NAME: Final = "unknown:"
_MEMO: Final = "giftline.counted_name"
_COUNT: Final = """
    INSERT INTO axes_accessattempt
        (username, ip_address, user_agent, http_accept, path_info, get_data, post_data,
         failures_since_start, attempt_time)
    VALUES (%(name)s, %(address)s, '', '', %(path)s, '', '', 1, %(now)s)
    ON CONFLICT (username, ip_address, user_agent) DO UPDATE SET
        failures_since_start = axes_accessattempt.failures_since_start + 1,
        path_info = EXCLUDED.path_info,
        attempt_time = EXCLUDED.attempt_time
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Why somebody is locked out (a key of SIGN_IN_LIMITS), and until when."""

    reason: str
    until: datetime


class LockoutHandler(AxesDatabaseHandler):  # type: ignore[misc]
    """What django-axes asks and tells: Note [Counting failures]."""

    def is_locked(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        return (
            find_lock(
                name=counted_name(request, credentials),
                address=request.axes_ip_address,
                now=request.axes_attempt_time,
            )
            is not None
        )

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        if request is None:
            return
        request.axes_credentials = credentials
        if request.axes_locked_out:
            return
        name = counted_name(request, credentials)
        # What is too old to count is not to be counted on.
        expired = request.axes_attempt_time - settings.AXES_COOLOFF_TIME
        AccessAttempt.objects.filter(attempt_time__lte=expired).delete()
        _count_failure(
            name=name,
            address=request.axes_ip_address,
            path=request.axes_path_info,
            now=request.axes_attempt_time,
        )
        request.axes_locked_out = self.is_locked(request, credentials)
        log.warning(
            "sign-in failed",
            name=name,
            address=request.axes_ip_address,
            is_locked=request.axes_locked_out,
        )

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        AccessAttempt.objects.filter(
            username=user.get_username(), ip_address=request.axes_ip_address
        ).delete()

    def user_logged_out(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Nothing is counted here."""


def find_lock(*, name: str, address: str, now: datetime) -> Lock | None:
    """Return what locks a user name at an address out, the longest of several."""
    rows = list(
        AccessAttempt.objects.filter(
            Q(username=name) | Q(ip_address=address),
            attempt_time__gt=now - settings.AXES_COOLOFF_TIME,
        )
        .order_by("attempt_time")
        .values_list("username", "ip_address", "failures_since_start", "attempt_time")
    )
    of_name = [row for row in rows if row[0] == name]
    of_address = [row for row in rows if row[1] == address]
    ends = {
        "name_and_address": [row for row in of_name if row[1] == address],
        "name": of_name,
        "address": of_address,
    }
    locks = [
        Lock(reason=reason, until=until)
        for reason, counted in ends.items()
        if (until := _end_of_lock([(row[2], row[3]) for row in counted], reason)) is not None
    ]
    return max(locks, key=lambda lock: lock.until, default=None)


def count_failure(request: HttpRequest, *, name: str) -> None:
    """Count a wrong code of the second factor, which Django's own log-in knows nothing of."""
    AxesProxyHandler.user_login_failed("credit", {"username": name}, request)


def may_try(request: HttpRequest, *, name: str) -> bool:
    """Tell whether somebody may try a code; if not, they are shown until when they are locked."""
    is_allowed = bool(AxesProxyHandler.is_allowed(request, {"username": name}))
    if not is_allowed:
        marked: Any = request
        marked.axes_locked_out, marked.axes_credentials = True, {"username": name}
    return is_allowed


def lift_locks(*, names: Collection[str] = (), addresses: Collection[str] = ()) -> None:
    """Forget all failures of these user names and at these addresses."""
    AccessAttempt.objects.filter(Q(username__in=names) | Q(ip_address__in=addresses)).delete()


def counted_address(request: HttpRequest) -> str:
    """Return the address that failures are counted for."""
    hops: int = settings.TRUSTED_PROXY_HOPS
    return network_of(client_address(request.META, trusted_hops=hops))


def counted_name(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """Return the user name that failures are counted for; of an unknown one its digest."""
    given = (credentials or {}).get("username") or request.POST.get("username") or ""
    name = unicodedata.normalize("NFKC", str(given))
    memo = request.META.get(_MEMO)
    if memo and memo[0] == name:
        return str(memo[1])
    if User.objects.filter(username=name).exists():
        counted = name
    else:
        counted = UNKNOWN_NAME + digest(name, purpose="unknown_user_name").hex()[:24]
    request.META[_MEMO] = (name, counted)
    return counted


def _count_failure(*, name: str, address: str, path: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"name": name, "address": address, "path": path, "now": now})


def _end_of_lock(counted: list[tuple[int, datetime]], reason: str) -> datetime | None:
    """Return when enough failures will be too old for a lock; None when there is no lock.

    :param counted: failures and the time of the last of them, oldest first.
    """
    limit = settings.SIGN_IN_LIMITS[reason]
    total = sum(failures for failures, _ in counted)
    end = None
    for failures, at in counted:
        if total < limit:
            break
        end = at + settings.AXES_COOLOFF_TIME
        total -= failures
    return end
