"""A client's stylesheet and logo, from our own origin and so within the pages' strict policy.

Their addresses name their content, so a browser keeps them for good; a new look has new ones.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from credit.services.looks import digest_of_sheet, find_logo, find_look, find_sheet

_FOR_GOOD: Final = "public, max-age=31536000, immutable"


def look_of(client_id: UUID) -> dict[str, Any]:
    """Return what templates/base_plain.html takes of a client's look, where it has one."""
    look = find_look(client_id)
    context: dict[str, Any] = {}
    if look.sheet_digest:
        context["theme_url"] = reverse("look-sheet", args=[client_id, look.sheet_digest])
    if look.logo_digest:
        context["logo_url"] = reverse("look-logo", args=[client_id, look.logo_digest])
        # Kept at twice the points it is shown in.
        context["logo_width"] = max(1, look.logo_width // 2)
        context["logo_height"] = max(1, look.logo_height // 2)
    return context


@require_safe
def look_sheet(request: HttpRequest, client_id: UUID, digest: str) -> HttpResponse:
    """Print the stylesheet that holds a client's colour."""
    sheet = find_sheet(client_id)
    if not sheet or digest_of_sheet(sheet) != digest:
        raise Http404
    return _keep(HttpResponse(sheet, content_type="text/css"))


@require_safe
def look_logo(request: HttpRequest, client_id: UUID, digest: str) -> HttpResponse:
    """Print a client's logo."""
    logo = find_logo(client_id, digest)
    if logo is None:
        raise Http404
    return _keep(HttpResponse(logo, content_type="image/png"))


def _keep(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = _FOR_GOOD
    return response
