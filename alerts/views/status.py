"""The public status page."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_safe

from alerts.runbook import Component
from alerts.selectors.status import KEPT, KEPT_SECONDS, Health

_PARTS: Final = {
    Component.FORM: gettext_noop("The form for codes"),
    Component.DESK: gettext_noop("The phone desk"),
    Component.API: gettext_noop("The partners' connection"),
    Component.TEXTS: gettext_noop("Text messages"),
    Component.STOCK: gettext_noop("Gift cards in stock"),
    Component.PROVIDERS: gettext_noop("Gift card providers"),
}
_HEALTH: Final = {
    Health.OPERATIONAL: gettext_noop("Working"),
    Health.DEGRADED: gettext_noop("Some trouble"),
    Health.DOWN: gettext_noop("Not working"),
}
_OVERALL: Final = {
    Health.OPERATIONAL: gettext_noop("Everything is working."),
    Health.DEGRADED: gettext_noop("Some things are slower than usual. We are on it."),
    Health.DOWN: gettext_noop("Something is not working. We are on it."),
}


@require_safe
def status_page(request: HttpRequest) -> HttpResponse:
    """Say how every part is: to anybody, and also while the database is away (then with 503)."""
    status = KEPT.look(now=timezone.now())
    answer = render(
        request,
        "status.html",
        {
            "knows": status.knows,
            "overall": _(_OVERALL[status.worst]),
            "worst": str(status.worst),
            "parts": [
                {"name": _(words), "health": str(health), "words": _(_HEALTH[health])}
                for part, words in _PARTS.items()
                if (health := status.parts.get(part))
            ],
            "news": status.news,
            "at": status.at,
        },
        status=200 if status.knows else 503,
    )
    # Its language may be that of a choice, which is kept in a cookie.
    patch_vary_headers(answer, ["Cookie"])
    answer["Cache-Control"] = f"public, max-age={KEPT_SECONDS:g}" if status.knows else "no-store"
    return answer
