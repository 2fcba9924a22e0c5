"""Uploads of cards: what came of them, the refused rows as a file, and a way back."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    BLUE,
    GREEN,
    GREY,
    RED,
    actor_column,
    state_column,
    table,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.csvfiles import safe_cell
from giftcards.admin.upload_progress import UploadProgressPages
from giftcards.models import CardBatch
from giftcards.selectors.uploads import find_upload
from giftcards.services.large_uploads import ask_to_undo
from giftcards.services.uploads import ROWS_AT_ONCE, UploadNotUndoableError, undo_upload

BATCH_COLOURS = {
    "receiving": BLUE,
    "checking": BLUE,
    "previewed": BLUE,
    "importing": BLUE,
    "imported": GREEN,
    "refused": RED,
    "failed": RED,
    "stopped": GREY,
    "undone": GREY,
}
_ROWS_SHOWN = 100


@admin.register(CardBatch)
class CardBatchAdmin(UploadProgressPages, ReadOnlyAdmin):
    """Uploads of cards, with what was refused and why."""

    actions_detail = ("download_rejects", "undo")
    list_display = (
        "file_name",
        "pool",
        "state_label",
        "rows",
        "accepted",
        "rejected",
        "who",
        "created",
    )
    list_filter = ("state", "pool", "created_at")
    list_select_related = ("pool",)
    date_hierarchy = "created_at"
    search_help_text = "An upload's id"
    fieldsets = (
        (None, {"fields": ("file_name", "pool", "state_label", "who", "created_at")}),
        ("Rows", {"fields": ("rows", "accepted", "rejected", "rejects_table")}),
    )
    created = time_column("created_at")
    who = actor_column()
    state_label = state_column("state", BATCH_COLOURS, title="state")

    def has_undo_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Tell whether there is something to undo."""
        if not self.admin_site.has_permission(request):
            return False
        batch = _find(object_id)
        upload = find_upload(batch.pk)
        return batch.state == CardBatch.State.IMPORTED and not (upload and upload.is_busy)

    def has_rejects_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Tell whether something was refused."""
        return bool(self.admin_site.has_permission(request) and _find(object_id).rejects)

    @admin.display(description="refused rows")
    def rejects_table(self, batch: CardBatch) -> SafeString | str:
        return table(
            ("Line", "Field", "Why"),
            [
                (reject.get("line", ""), reject.get("field", ""), reject.get("message", ""))
                for reject in batch.rejects[:_ROWS_SHOWN]
            ],
        )

    @action(  # type: ignore[untyped-decorator]
        description="Download refused rows", icon="download", permissions=["rejects"]
    )
    def download_rejects(self, _request: HttpRequest, object_id: str) -> HttpResponse:
        batch = _find(object_id)
        name = f"refused-{batch.created_at:%Y-%m-%d}-{str(batch.pk)[-8:]}.csv"
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": content_disposition_header(True, name) or "attachment",  # noqa: FBT003
        }
        response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
        writer = csv.writer(response)
        writer.writerow(("line", "field", "message"))
        writer.writerows(
            (reject["line"], reject["field"], safe_cell(reject["message"]))
            for reject in batch.rejects
        )
        return response

    @action(  # type: ignore[untyped-decorator]
        description="Undo this upload",
        icon="undo",
        permissions=["undo"],
        dialog={
            "title": "Undo this upload",
            "description": "All its cards are taken out of stock again, if nobody has had one of"
            " them. Then the same file can be uploaded again.",
            "form_submit_text": "Undo it",
        },
    )
    def undo(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        batch = _find(object_id)
        asked: dict[str, Any] = {
            "batch_id": batch.pk,
            "actor": f"user:{request.user.pk}",
            "now": timezone.now(),
        }
        try:
            if batch.accepted > ROWS_AT_ONCE:
                ask_to_undo(**asked)
                return leave_for(request, _page_of(batch))
            count = undo_upload(**asked)
        except UploadNotUndoableError as error:
            if error.used:
                words = f"{error.used:,} of its cards are in use or sold, so nothing was undone."
            else:
                words = "It was undone before."
            messages.error(request, words)
        else:
            messages.success(request, f"Undone: {count:,} cards were taken out of stock again.")
        return leave_for(request, _page_of(batch))


def _page_of(batch: CardBatch) -> str:
    return reverse("admin:giftcards_cardbatch_change", args=[batch.pk])


def _find(object_id: str) -> CardBatch:
    try:
        return get_object_or_404(CardBatch, pk=object_id)
    except (ValidationError, ValueError):
        raise Http404 from None
