"""A campaign's panel: what it still lacks, its steps, its codes; each button calls a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alerts.errors import ServiceError, ValidationFailedError
from credit.models import User
from credit.selectors.staff import may_export_codes
from redemption.admin.changing import viewer_of
from redemption.admin.code_files import answer_with_codes
from redemption.models import Campaign
from redemption.selectors.caps import claims_on
from redemption.selectors.code_strength import strength_of, unused_recipients
from redemption.selectors.readiness import check_readiness, what_stops
from redemption.services.campaign_status import (
    STEPS,
    begin_test_mode,
    change_status,
    end_test_mode,
)
from redemption.services.codes import MOST_CODES, export_codes, make_codes, make_test_code

Status = Campaign.Status

_DONE: Final = {
    Status.ACTIVE: "The campaign is active: its codes can be redeemed.",
    Status.PAUSED: "The campaign is paused: nobody can redeem until it is activated again.",
    Status.ENDED: "The campaign has ended.",
}
_SHORT: Final = "It is out of credit, though: allocate credit, and it goes on by itself."


class CampaignSteps:
    """Mixin: the panel above a campaign's form and the addresses behind its buttons."""

    change_form_outer_before_template = "admin/parts/campaign_panel.html"
    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., Any]) -> URLPattern:
            guarded: Callable[..., Any] = self.admin_site.admin_view(
                require_POST(never_cache(view))
            )
            name = f"redemption_campaign_{route.replace('-', '_')}"
            return path(f"<uuid:campaign_id>/{route}/", guarded, name=name)

        return [
            page("status", self.change_status),
            page("test-mode", self.switch_test_mode),
            page("test-code", self.make_test_code),
            page("codes", self.make_codes),
            page("export", self.export),
            *super().get_urls(),  # type: ignore[misc]  # of the ModelAdmin beside
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "panel": _panel(object_id, request)}
        response: HttpResponse = super().changeform_view(  # type: ignore[misc]
            request, object_id, form_url, context
        )
        return response

    def change_status(self, request: HttpRequest, campaign_id: UUID) -> HttpResponse:
        """Activate, pause or end it."""
        to = request.POST.get("to", "")
        if to not in STEPS:
            raise Http404

        def work() -> str:
            status = change_status(
                viewer=viewer_of(request), campaign_id=campaign_id, to=to, now=timezone.now()
            )
            return f"{_DONE[Status(to)]}{f' {_SHORT}' if status == Status.DEPLETED else ''}"

        return _do(request, campaign_id, work)

    def switch_test_mode(self, request: HttpRequest, campaign_id: UUID) -> HttpResponse:
        """Begin the tests of all codes, or end them."""

        def work() -> str:
            viewer, now = viewer_of(request), timezone.now()
            if request.POST.get("to") == "on":
                begin_test_mode(viewer=viewer, campaign_id=campaign_id, now=now)
                return "Test mode is on: every code walks the whole way, for no card and no money."
            freed = end_test_mode(viewer=viewer, campaign_id=campaign_id, now=now)
            return f"Test mode is off. {freed} codes that it was tried with are as good as new."

        return _do(request, campaign_id, work)

    def make_test_code(self, request: HttpRequest, campaign_id: UUID) -> HttpResponse:
        """Show a new test code, once."""
        campaign = _find(campaign_id)
        made = make_test_code(campaign_id=campaign.pk, user=_user(request), now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "title": "A test code",
            "opts": self.opts,
            "campaign": campaign,
            "code": made.code,
            "asked": campaign.get_second_factor_display() if campaign.second_factor else "",
            "answer": made.answer,
            "back_url": _url(campaign_id),
        }
        return TemplateResponse(request, "admin/campaign_test_code.html", context)

    def make_codes(self, request: HttpRequest, campaign_id: UUID) -> HttpResponse:
        """Add people without a name, for the codes they get."""
        text = request.POST.get("count", "")
        count = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0

        def work() -> str:
            made = make_codes(
                campaign_id=campaign_id, count=count, user=_user(request), now=timezone.now()
            )
            return f"{made:,} codes were made. Export them for the mail house."

        return _do(request, campaign_id, work)

    def export(self, request: HttpRequest, campaign_id: UUID) -> Any:
        """Send the unused codes as a CSV file."""
        _find(campaign_id)
        try:
            rows = export_codes(campaign_id=campaign_id, user=_user(request), now=timezone.now())
        except ServiceError as error:
            return _refuse(request, campaign_id, error)
        return answer_with_codes(rows, of=campaign_id)


def _panel(object_id: str | None, request: HttpRequest) -> dict[str, Any] | None:
    """Return what the panel shows; None for a campaign that is not saved yet."""
    try:
        campaign = _find(UUID(object_id)) if object_id else None
    except (ValueError, Http404):
        return None
    if campaign is None:
        return None
    now = timezone.now()
    checks = check_readiness(campaign, now=now)
    routes = ("status", "test_mode", "test_code", "codes", "export")
    return {
        "campaign": campaign,
        "checks": checks,
        "stops": len(what_stops(checks)),
        "steps": [to for to, froms in STEPS.items() if campaign.status in froms],
        "strength": strength_of(campaign),
        "unused": unused_recipients(campaign).count(),
        "claims_today": claims_on(campaign, now=now),
        "may_export": may_export_codes(request.user),
        "most_codes": MOST_CODES,
        "urls": {
            name: reverse(f"admin:redemption_campaign_{name}", args=[campaign.pk])
            for name in routes
        },
    }


def _do(request: HttpRequest, campaign_id: UUID, work: Callable[[], str]) -> HttpResponse:
    """Do it, say what came of it in words, and go back to the campaign."""
    _find(campaign_id)
    try:
        messages.success(request, work())
    except ServiceError as error:
        return _refuse(request, campaign_id, error)
    return redirect(_url(campaign_id))


def _refuse(request: HttpRequest, campaign_id: UUID, error: ServiceError) -> HttpResponse:
    if isinstance(error, ValidationFailedError):
        for words in error.errors.values():
            for sentence in words:
                messages.error(request, sentence)
    else:
        messages.error(request, f"{error.code.operator} {error.code.action}")
    return redirect(_url(campaign_id))


def _find(campaign_id: UUID) -> Campaign:
    try:
        return Campaign.objects.select_related("client__agency", "account").get(pk=campaign_id)
    except Campaign.DoesNotExist:
        raise Http404 from None


def _url(campaign_id: UUID) -> str:
    return reverse("admin:redemption_campaign_change", args=[campaign_id])


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  the site lets nobody else in
    return request.user
