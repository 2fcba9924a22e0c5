"""Choosing the language of the customers' pages; a cookie remembers it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from redemption.views.embedding import address_in

_LIFETIME: Final = timedelta(days=365)


@never_cache
@require_safe
def choose_language(request: HttpRequest, language: str) -> HttpResponse:
    """Remember a language and go back to the page that was open."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    answer = redirect(_back(request))
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=_LIFETIME,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
    return answer


def _back(request: HttpRequest) -> str:
    # Not in the address of the link: that of a reward's page opens it.
    given = request.META.get("HTTP_REFERER", "")
    if url_has_allowed_host_and_scheme(given, allowed_hosts={request.get_host()}):
        path: str = urlsplit(given).path
        # "//elsewhere/" would be another site.
        if path.startswith("/") and not path.startswith("//"):
            return path
    return address_in(request, "redeem")
