"""The way out of a dialog of the admin."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def leave_for(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser to a page, also out of a dialog.

    A dialog is sent by htmx, which would follow a redirect and put the whole page into the dialog.
    """
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)
