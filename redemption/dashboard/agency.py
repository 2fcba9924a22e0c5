"""The pages of an agency: its credit, its clients, and what they have used."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from credit.dashboard.access import page_for
from credit.selectors.viewers import Viewer
from redemption.dashboard.frame import AGENCY_ROLES


@require_safe
@page_for(*AGENCY_ROLES)
def agencies(request: HttpRequest, viewer: Viewer) -> HttpResponse:
    return render(request, "home.html", {})
