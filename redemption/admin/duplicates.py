"""The page of codes that two people hold, with the one thing to do about each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from alerts.admin.base import read_key
from alerts.errors import ServiceError
from credit.models import User
from credit.selectors.staff import may_replace_cards
from redemption.admin.changing import viewer_of
from redemption.selectors.duplicates import list_duplicates
from redemption.services.duplicates import settle_duplicate
from redemption.services.redeem import OutOfStockError

_WHY = {
    "code": "both cards have the same code",
    "reference": "the provider gave both under one reference",
}


class Duplicates:
    """Mixin: the page, at ``duplicates/`` beside the redemptions."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(never_cache(self.duplicates))
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("duplicates/", page, name="duplicate_claims"), *urls]

    def duplicates(self, request: HttpRequest) -> HttpResponse:
        """List duplicate claims with who was first; give the second one another card."""
        may_settle = isinstance(request.user, User) and may_replace_cards(request.user)
        if request.method == "POST" and may_settle:
            _settle(request)
            return redirect("admin:duplicate_claims")
        context = {
            **self.admin_site.each_context(request),
            "title": "Duplicate claims",
            "opts": self.opts,
            "claims": [{"claim": one, "why": _WHY[one.why]} for one in list_duplicates()],
            "may_settle": may_settle,
            "tasks_url": reverse("admin:redemption_desktask_changelist"),
        }
        return TemplateResponse(request, "admin/duplicates.html", context)


def _settle(request: HttpRequest) -> None:
    card_id = read_key("UUIDField", request.POST.get("card", ""))
    if not isinstance(card_id, UUID):
        messages.error(request, "Choose one of the buttons.")
        return
    try:
        done = settle_duplicate(
            viewer=viewer_of(request),
            card_id=card_id,
            now=timezone.now(),
        )
    except OutOfStockError:
        messages.error(
            request, "There is no other card of this brand and value; nothing was changed."
        )
    except ServiceError as error:
        messages.error(request, f"{error.code.operator} {error.code.action}")
    else:
        if done.was_settled:
            messages.info(request, "Somebody has done that before: they have another card.")
        else:
            messages.success(
                request,
                "Done: their old card is void, another one and an apology are on their way, and "
                "the desk has it on its list.",
            )
