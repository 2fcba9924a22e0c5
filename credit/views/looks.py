"""A client's stylesheet and logo, from our own origin and so within the pages' strict policy.

Their addresses name their content, so a browser keeps them for good; a new look has new ones.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from credit.services.looks import digest_of_sheet, find_logo, find_sheet

_FOR_GOOD: Final = "public, max-age=31536000, immutable"


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
    # Where a client embeds its form, its own web site may show its own logo.
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
