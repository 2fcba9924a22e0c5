"""Telling one browser from another: a random cookie, of which only the digest is kept."""

import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from alerts.keyring import digest

COOKIE: Final = "giftline_browser"
_LIFETIME: Final = timedelta(days=365)
_LENGTHS: Final = range(16, 65)


def browser_of(request: HttpRequest) -> str:
    """Return the browser's secret, a new one when it has none."""
    given = request.COOKIES.get(COOKIE, "")
    return given if len(given) in _LENGTHS else secrets.token_urlsafe(24)


def digest_of_browser(secret: str) -> bytes:
    """Return the 32 bytes by which a browser is remembered."""
    return digest(secret, purpose="browser")


def remember_browser(response: HttpResponse, secret: str) -> HttpResponse:
    """Give the browser its secret, where no script can read it."""
    response.set_cookie(
        COOKIE,
        secret,
        max_age=_LIFETIME,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return response
