"""What every request gets: an id, and a content security policy."""

import re
import uuid
from collections.abc import Callable
from http.cookies import Morsel
from typing import Any

import structlog
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from alerts.scope import NOTHING, seeing
from redemption.views.embedding import CLIENT

_STATUS = "/status/"
_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestIdMiddleware:
    """Give the request an id, or keep the caller's, and return it as ``X-Request-ID``."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # META, since `request.headers` reads every header there is into a new dictionary.
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex
        request.META["giftline.request_id"] = request_id
        structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            response = self.get_response(request)
        finally:
            structlog.contextvars.clear_contextvars()
        response["X-Request-ID"] = request_id
        return response


class ScopeMiddleware:
    """See nothing until the request has told who is looking: Note [Scope]."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with seeing(NOTHING):
            return self.get_response(request)


class StrangersMiddleware:
    """Know nobody on the status page: sessions are in the database, which may be what is down."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == _STATUS:
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        return self.get_response(request)


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """The strict policy everywhere; a looser one where a theme of others can't do without."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.get("Content-Type", "").endswith("json"):
            response["Content-Security-Policy"] = _NOTHING
            return response
        for prefix, looser in _LOOSER.items():
            if request.path_info.startswith(prefix):
                # The library's own way to change the policy of one answer.
                response._csp_update = looser  # type: ignore[attr-defined]  # noqa: SLF001
        return super().process_response(request, response)


class EmbeddedCookiesMiddleware:
    """Let an embedded form keep its cookies, apart from those of our own site: Note [Embedded].

    Browsers hand a framed site only cookies that say so, and keep those apart for each site that
    frames it. Over ``http`` there are none such, and the ordinary ones do on one's own machine.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if CLIENT in request.META and settings.SESSION_COOKIE_SECURE:
            for name, cookie in response.cookies.items():
                # Not `cookies[name] = …`, which would make a plain one of it.
                dict.__setitem__(response.cookies, name, _partitioned(cookie))
        return response


class _PartitionedCookie(Morsel):  # type: ignore[type-arg]
    """A cookie for one framing site: Python's own knows the word from 3.14 on."""

    def OutputString(self, attrs: Any = None) -> str:  # noqa: N802  the library's name
        return super().OutputString(attrs) + "; Partitioned"


def _partitioned(cookie: Any) -> _PartitionedCookie:
    other = _PartitionedCookie()
    other.set(cookie.key, cookie.value, cookie.coded_value)
    other.update(dict(cookie))
    other["samesite"], other["secure"] = "None", True
    return other


# What is no page needs nothing, whoever talks a browser into showing it as one.
_NOTHING = "default-src 'none'; frame-ancestors 'none'"

_LOOSER = {
    # Unfold's Alpine builds functions from attributes and sets styles.
    "/admin/": {"script-src": ["'unsafe-eval'"], "style-src": ["'unsafe-inline'"]},
    # Swagger's page starts with a script of its own.
    "/api/docs/": {"script-src": ["'unsafe-inline'"], "style-src": ["'unsafe-inline'"]},
}
