"""Approving recipients and turning them down: one on their page, or many from the list."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alerts.errors import ValidationFailedError
from redemption.admin.changing import viewer_of
from redemption.models import Recipient
from redemption.services.approvals import decide_recipients

# Each is a transaction of its own, and somebody waits for the page.
_MOST: Final = 2000


class Approving:
    """Mixin: the panel above a recipient's page, and two actions of the list."""

    change_form_outer_before_template = "admin/parts/approval_panel.html"
    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        guarded = self.admin_site.admin_view(require_POST(never_cache(self.decide)))
        return [
            path("decide/", guarded, name="redemption_recipient_decide"),
            *super().get_urls(),  # type: ignore[misc]  # of the ModelAdmin beside
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "person": _find(object_id)}
        response: HttpResponse = super().changeform_view(  # type: ignore[misc]
            request, object_id, form_url, context
        )
        return response

    @admin.action(description="Approve the selected recipients")
    def approve(self, request: HttpRequest, chosen: QuerySet[Recipient]) -> HttpResponse | None:
        return self._ask(request, chosen, is_approved=True)

    @admin.action(description="Turn down the selected recipients")
    def reject(self, request: HttpRequest, chosen: QuerySet[Recipient]) -> HttpResponse | None:
        return self._ask(request, chosen, is_approved=False)

    def _ask(
        self, request: HttpRequest, chosen: QuerySet[Recipient], *, is_approved: bool
    ) -> HttpResponse | None:
        """Say what will happen and ask why."""
        ids = list(chosen.order_by("pk").values_list("pk", flat=True)[: _MOST + 1])
        if len(ids) > _MOST:
            messages.error(request, f"{_MOST:,} at most at once: narrow the list down.")
            return None
        return self._ask_page(request, ids, is_approved=is_approved)

    def _ask_page(
        self, request: HttpRequest, ids: list[UUID], *, is_approved: bool, problem: str = ""
    ) -> HttpResponse:
        count = f"{len(ids):,} recipient{'' if len(ids) == 1 else 's'}"
        context = {
            **self.admin_site.each_context(request),
            "title": f"Approve {count}" if is_approved else f"Turn down {count}",
            "opts": self.opts,
            "ids": ids,
            "is_approved": is_approved,
            "problem": problem,
            "decide_url": reverse("admin:redemption_recipient_decide"),
            "back_url": reverse("admin:redemption_recipient_changelist"),
        }
        return TemplateResponse(request, "admin/decide_recipients.html", context)

    def decide(self, request: HttpRequest) -> HttpResponse:
        """Do what was asked for, and say what came of it."""
        ids = _read_ids(request.POST.getlist("id"))
        is_approved = request.POST.get("decision") == "approve"
        try:
            result = decide_recipients(
                viewer=viewer_of(request),
                recipient_ids=ids,
                is_approved=is_approved,
                reason=request.POST.get("reason", ""),
                now=timezone.now(),
            )
        except ValidationFailedError as error:
            (problem,) = error.errors["reason"]
            return self._ask_page(request, ids, is_approved=is_approved, problem=problem)
        done = "approved" if is_approved else "turned down"
        words = [f"{result.decided:,} {done}."]
        if result.unchanged:
            words.append(f"{result.unchanged:,} were so before.")
        if result.have_reward:
            words.append(
                f"{result.have_reward:,} have their reward already: cancel it instead, if it is "
                "to be taken back."
            )
        messages.success(request, " ".join(words))
        if len(ids) == 1:
            return redirect(reverse("admin:redemption_recipient_change", args=ids))
        return redirect(reverse("admin:redemption_recipient_changelist"))


def _read_ids(texts: list[str]) -> list[UUID]:
    try:
        ids = [UUID(text) for text in texts]
    except ValueError:
        raise Http404 from None
    if not 0 < len(ids) <= _MOST:
        raise Http404
    return ids


def _find(object_id: str | None) -> Recipient | None:
    try:
        return Recipient.objects.filter(pk=UUID(object_id or "")).order_by("pk").first()
    except ValueError:
        return None
