"""The same pages inside a client's own web site: framed by the sites that it names, and no other.

Note [Embedded]
~~~~~~~~~~~~~~~
An embedded form is its client's alone: it knows the codes of that client, and what it remembers is
apart from what the form on our own site does. Its addresses stand under /embed/<client>/, so that
the policy of who may frame a page is one of the address. Browsers keep cookies of a framed site
apart from its own, or not at all: where none comes back, a link opens the form on its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, cast
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from credit.services.looks import find_embed_origins
from redemption.views.whose import whose_client

CLIENT: Final = "giftline.embed_client"
ORIGINS: Final = "giftline.embed_origins"
View = Callable[..., HttpResponse]


def embedded_client(request: HttpRequest) -> UUID | None:
    """Return whose embedded form this is, None on our own site."""
    return cast("UUID | None", request.META.get(CLIENT))


def address_in(request: HttpRequest, name: str) -> str:
    """Return the address of a page of the form: embedded where the form is."""
    client_id = embedded_client(request)
    return reverse(name) if client_id is None else reverse(f"embed-{name}", args=[client_id])


def embedded(view: View) -> View:
    """Let the web sites that a client names frame a page of the form."""

    @csrf_exempt
    @functools.wraps(view)
    def framed(request: HttpRequest, client_id: UUID, **kwargs: Any) -> HttpResponse:
        origins = find_embed_origins(client_id)
        if origins is None:
            raise Http404
        request.META[CLIENT] = client_id
        request.META[ORIGINS] = origins
        if request.method == "POST" and settings.CSRF_COOKIE_NAME not in request.COOKIES:
            # The browser has kept none of our cookies. Nothing was looked up.
            whose = whose_client(client_id)
            answer = render(request, "redeem/no_cookies.html", whose, status=403)
        else:
            answer = csrf_protect(view)(request, **kwargs)
        return _framable(answer, origins)

    return framed


def _framable(response: HttpResponse, origins: list[str]) -> HttpResponse:
    if origins:
        # The libraries' own ways to change the policy of one answer.
        response.xframe_options_exempt = True
        response._csp_replace = {"frame-ancestors": origins}  # type: ignore[attr-defined]  # noqa: SLF001
    return response
