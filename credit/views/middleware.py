"""What holds for every request of somebody who is signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from django.conf import settings
from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from credit.models import User
from credit.selectors.viewers import MANAGERS, viewer_of_user
from credit.services.second_factor import find_authenticator
from credit.services.sessions import SEEN_AT
from credit.views.signed_in import ENDED, SIGNED_IN_AT, touch_session

# People are told to the minute when they were seen, and so a request seldom writes.
_NOTED_EVERY_SECONDS: Final = 60
# What somebody who still has to set up a second factor may open.
_OPEN_PAGES: Final = frozenset({"second-factor", "logout"})


class SignedInMiddleware:
    """End sessions that are idle or old, note the others, and insist on the second factor."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _has_signed_in(request):
            self._check(request)
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not settings.OTP_REQUIRED or not _has_signed_in(request):
            return None
        user = cast(Any, request.user)
        match = request.resolver_match
        if user.is_verified() or (match and match.url_name in _OPEN_PAGES):
            return None
        if not _moves_money(user):
            return None
        if find_authenticator(user=user):
            # Signed in before the second factor was set up: once more, with it.
            auth.logout(request)
            return redirect("login")
        return redirect("second-factor")

    def _check(self, request: HttpRequest) -> None:
        user = request.user
        if not user.is_authenticated:
            # Deactivated: were they made active again, this session would go on.
            request.session.flush()
            return
        now = timezone.now().timestamp()
        seen, started = (request.session.get(name, now) for name in (SEEN_AT, SIGNED_IN_AT))
        reason = (
            "idle"
            if now - seen > settings.SESSION_IDLE
            else "limit"
            if now - started > settings.SESSION_LIMIT
            else ""
        )
        if reason:
            auth.logout(request)
            request.session[ENDED] = reason
        elif SEEN_AT not in request.session or now - seen >= _NOTED_EVERY_SECONDS:
            touch_session(request, user)


def _has_signed_in(request: HttpRequest) -> bool:
    # Customers and partners have no session: their answers should not depend on the cookie.
    return settings.SESSION_COOKIE_NAME in request.COOKIES and auth.SESSION_KEY in request.session


def _moves_money(user: User) -> bool:
    return any(grant.role in MANAGERS for grant in viewer_of_user(user.pk).grants)
