"""Uploads of cards: what came of them, the refused rows as a file, and a way back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    BLUE,
    GREEN,
    GREY,
    RED,
    actor_column,
    state_column,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.admin.rejects import RejectedRows
from alerts.services.imports import ROWS_AT_ONCE
from giftcards.admin.upload_progress import UploadProgressPages
from giftcards.models import CardBatch
from giftcards.selectors.uploads import find_upload
from giftcards.services.large_uploads import ask_to_undo
from giftcards.services.uploads import UploadNotUndoableError, undo_upload

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


@admin.register(CardBatch)
class CardBatchAdmin(RejectedRows, UploadProgressPages, ReadOnlyAdmin):
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
        batch: CardBatch = self.find(object_id)
        upload = find_upload(batch.pk)
        return batch.state == CardBatch.State.IMPORTED and not (upload and upload.is_busy)

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
        batch: CardBatch = self.find(object_id)
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
