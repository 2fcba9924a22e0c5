"""The admin's front door, and its pages that belong to no model."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from alerts.codes import ErrorCode
from alerts.scope import EVERYTHING, see_from_here
from alerts.views.documents import show_document
from credit.selectors.staff import is_platform_admin

_MEMO = "giftline.is_platform_admin"


class PlatformAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    """The admin, for platform admins only; see Note [Who may see the admin]."""

    index_title = "Today"
    site_title = "Giftline"

    def has_permission(self, request: HttpRequest) -> bool:
        """Tell whether the request comes from an active member of staff of the platform."""
        if not super().has_permission(request):
            return False
        # Asked some fifty times for one page, once for every table.
        if _MEMO not in request.META:
            request.META[_MEMO] = is_platform_admin(request.user)
            if request.META[_MEMO]:
                see_from_here(EVERYTHING)
        return bool(request.META[_MEMO])

    def admin_view(
        self,
        view: Callable[..., HttpResponse],
        cacheable: bool = False,  # noqa: FBT001, FBT002  Django's signature
    ) -> Callable[..., HttpResponse]:
        """Guard a page: strangers are sent to the log-in; to who is signed in it is not there."""
        guarded = super().admin_view(view, cacheable)

        @functools.wraps(guarded)
        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise Http404
            response: HttpResponse = guarded(request, *args, **kwargs)
            return response

        return page

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send strangers to the one log-in there is, with its lockout and second factor.

        :raises Http404: they are signed in, but the admin is not for them.
        """
        goal = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(goal)
        if not self.has_permission(request):
            raise Http404
        return redirect("admin:index")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send to the one page for it, which ends all other sessions."""
        return redirect("change-password")

    def extra_urls(self) -> list[URLPattern]:
        """Return the addresses of the pages without a model."""
        # It asks other apps' admin for its colours, which can't be loaded before this site.
        from config.health_page import show_health
        from config.job_pages import job_urls
        from config.loyalty_pages import loyalty_urls

        catalogue = self.admin_view(self.error_catalogue)
        # The rooms called admin register with the site, which has to be there before them.
        from alerts.admin.monitors import show_monitors
        from alerts.admin.verification import show_verifications

        verify = self.admin_view(never_cache(functools.partial(show_verifications, self)))
        monitors = self.admin_view(never_cache(functools.partial(show_monitors, self)))
        health = self.admin_view(never_cache(functools.partial(show_health, self)))
        runbook = self.admin_view(functools.partial(show_document, self))
        return [
            path("error-codes/", catalogue, name="error_catalogue"),
            path("verify/", verify, name="verify"),
            path("monitors/", monitors, name="monitors"),
            path("health/", health, name="health"),
            *job_urls(self),
            *loyalty_urls(self),
            path("runbook/", runbook, {"name": "runbook"}, name="runbook"),
            path("runbook/<slug:name>/", runbook, name="document"),
        ]

    def error_catalogue(self, request: HttpRequest) -> HttpResponse:
        """Show every error code with its words for customers and operators."""
        context = {
            **self.each_context(request),
            "title": "Error codes",
            "codes": [_words_of(code) for code in ErrorCode],
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/error_catalogue.html", context)


def _words_of(code: ErrorCode) -> dict[str, str | int]:
    return {
        "code": code.code,
        "status": code.status,
        "title": code.title,
        "customer": code.customer_words(),
        "operator": code.operator,
        "action": code.action,
    }
