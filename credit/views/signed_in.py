"""What a session carries of the log-in that began it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import django_otp
from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest
from django.utils import timezone

from alerts.addresses import client_address
from credit.models import Authenticator, User
from credit.services.sessions import SEEN_AT, end_sessions, record_session

SIGNED_IN_AT: Final = "signed_in_at"
# Why the log-in page is shown again: "idle", "limit" or "slow".
ENDED: Final = "sign_in_ended"
_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"


def begin_session(request: HttpRequest, user: User, *, app: Authenticator | None) -> None:
    """Sign somebody in who has proved who they are; the session gets a new key.

    :param app: what the second factor was checked with, when there is one.
    """
    # django-otp reads it when it hears of the log-in.
    user.otp_device = app  # type: ignore[attr-defined]
    auth.login(request, user, backend=_BACKEND)
    request.session[SIGNED_IN_AT] = timezone.now().timestamp()
    touch_session(request, user)


def touch_session(request: HttpRequest, user: User) -> None:
    """Note that somebody was seen; a session from elsewhere begins to count now."""
    now = timezone.now()
    session = request.session
    session[SEEN_AT] = now.timestamp()
    started = session.setdefault(SIGNED_IN_AT, now.timestamp())
    if session.session_key is None:
        session.save()  # the row beside it refers to it
    record_session(
        user_id=user.pk,
        session_key=str(session.session_key),
        user_agent=request.META.get("HTTP_USER_AGENT", ""),
        address=client_address(request.META, trusted_hops=settings.TRUSTED_PROXY_HOPS),
        signed_in_at=datetime.fromtimestamp(started, UTC),
        now=now,
    )


def keep_only_this_session(
    request: HttpRequest, user: User, *, app: Authenticator | None = None
) -> int:
    """Give this session a new key and end all others, after a change of how somebody signs in.

    :param app: the second factor that was just proved, which this session then carries.
    """
    auth.update_session_auth_hash(request, user)
    if app is not None:
        django_otp.login(request, app)
    touch_session(request, user)
    return end_sessions(user_id=user.pk, keep_key=request.session.session_key)
