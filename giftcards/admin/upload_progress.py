"""A large upload on its page: how far it is, what it would do, and the buttons for that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from alerts.admin.dialogs import leave_for
from alerts.admin.upload_preview import MODES
from giftcards.selectors.uploads import UploadProgress, find_upload
from giftcards.services.large_uploads import confirm_upload, stop_upload

_TOO_LATE: Final = "It has moved on in the meantime: here is how it stands."


class UploadProgressPages:
    """Mixin: the addresses behind the panel of a large upload."""

    change_form_outer_before_template = "admin/parts/upload_panel.html"
    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            guarded: Callable[..., HttpResponse] = self.admin_site.admin_view(view)
            return path(f"<uuid:batch_id>/{route}/", guarded, name=f"giftcards_cardbatch_{name}")

        return [
            page("progress", require_GET(never_cache(self.show_progress)), "progress"),
            page("confirm", require_POST(self.confirm), "confirm"),
            page("stop", require_POST(self.stop), "stop"),
            *super().get_urls(),  # type: ignore[misc]  # of the ModelAdmin beside
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), "upload": _find(object_id)}
        response: HttpResponse = super().changeform_view(  # type: ignore[misc]
            request, object_id, form_url, context
        )
        return response

    def show_progress(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Print the panel anew; once nothing changes by itself, have the whole page loaded anew."""
        upload = find_upload(batch_id)
        if upload is None:
            raise Http404
        response = TemplateResponse(request, "admin/parts/upload_panel.html", {"upload": upload})
        if not upload.is_busy:
            response["HX-Refresh"] = "true"
        return response

    def confirm(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Have what was looked at imported."""
        mode = MODES.get(request.POST.get("step", ""))
        if mode is None:
            raise Http404
        actor = f"user:{request.user.pk}"
        if not confirm_upload(batch_id=batch_id, mode=mode, actor=actor, now=timezone.now()):
            messages.warning(request, _TOO_LATE)
        return _back(request, batch_id)

    def stop(self, request: HttpRequest, batch_id: UUID) -> HttpResponse:
        """Stop what goes on, or throw away what was not confirmed."""
        if not stop_upload(batch_id=batch_id, now=timezone.now()):
            messages.warning(request, _TOO_LATE)
        return _back(request, batch_id)


def _find(object_id: str | None) -> UploadProgress | None:
    try:
        return find_upload(UUID(object_id or ""))
    except ValueError:
        return None


def _back(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    return leave_for(request, reverse("admin:giftcards_cardbatch_change", args=[batch_id]))
