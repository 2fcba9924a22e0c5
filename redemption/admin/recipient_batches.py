"""Uploads of people: what came of them, the refused rows and the codes as files, a way back."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import GREEN, GREY, RED, actor_column, state_column, time_column
from alerts.admin.dialogs import leave_for
from alerts.admin.rejects import RejectedRows
from credit.models import User
from credit.selectors.staff import may_export_codes
from redemption.admin.code_files import answer_with_codes
from redemption.admin.recipient_uploads import page_of_upload
from redemption.models import RecipientBatch
from redemption.services.codes import ExportNotPermittedError, export_codes
from redemption.services.recipient_uploads import (
    UNDO_WITHIN,
    PeopleNotUndoableError,
    undo_recipients,
)

# They take a few seconds; of a million somebody's browser would give up.
_UNDONE_ON_A_PAGE: Final = 50_000
_COLOURS = {"imported": GREEN, "refused": RED, "undone": GREY}


@admin.register(RecipientBatch)
class RecipientBatchAdmin(RejectedRows, ReadOnlyAdmin):
    """Uploads of people, with what was refused and why."""

    change_form_outer_before_template = "admin/parts/recipient_batch_panel.html"
    actions_detail = ("download_rejects", "undo")
    list_display = (
        "file_name",
        "campaign",
        "state_label",
        "rows",
        "accepted",
        "rejected",
        "who",
        "created",
    )
    list_filter = ("state", "campaign", "created_at")
    list_select_related = ("campaign",)
    date_hierarchy = "created_at"
    search_help_text = "An upload's id"
    fieldsets = (
        (None, {"fields": ("file_name", "campaign", "state_label", "who", "created_at")}),
        ("Rows", {"fields": ("rows", "accepted", "rejected", "rejects_table")}),
    )
    created = time_column("created_at")
    who = actor_column()
    state_label = state_column("state", _COLOURS, title="state")

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(require_POST(self.export))
        return [
            path("<uuid:batch_id>/export/", export, name="redemption_recipientbatch_export"),
            *super().get_urls(),
        ]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id:
            batch: RecipientBatch = self.find(object_id)
            context["batch"] = batch if batch.state == batch.State.IMPORTED else None
            context["may_export"] = may_export_codes(_user(request))
        response: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return response

    def export(self, request: HttpRequest, batch_id: UUID) -> Any:
        """Send the unused codes of an upload's people as a CSV file."""
        batch: RecipientBatch = self.find(str(batch_id))
        try:
            rows = export_codes(
                campaign_id=batch.campaign_id,
                batch_id=batch.pk,
                user=_user(request),
                now=timezone.now(),
            )
        except ExportNotPermittedError:
            messages.error(request, "Exporting codes needs a right of its own.")
            return leave_for(request, page_of_upload(batch.pk))
        return answer_with_codes(rows, of=batch.pk)

    def has_undo_permission(self, request: HttpRequest, object_id: str) -> bool:
        """Tell whether there is something to undo, and time for it."""
        if not self.admin_site.has_permission(request):
            return False
        batch: RecipientBatch = self.find(object_id)
        is_recent = timezone.now() - batch.created_at <= UNDO_WITHIN
        return batch.state == batch.State.IMPORTED and batch.accepted > 0 and is_recent

    @action(  # type: ignore[untyped-decorator]
        description="Undo this upload",
        icon="undo",
        permissions=["undo"],
        dialog={
            "title": "Undo this upload",
            "description": "All its people are removed, if nobody of them has redeemed or called."
            " Their codes lead nowhere then, also those that are printed already. Afterwards the"
            " same file can be uploaded again.",
            "form_submit_text": "Undo it",
        },
    )
    def undo(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        batch: RecipientBatch = self.find(object_id)
        if batch.accepted > _UNDONE_ON_A_PAGE:
            words = "So many people are removed by the command: undo_recipients with this id,"
            messages.error(request, f"{words} {batch.pk}.")
            return leave_for(request, page_of_upload(batch.pk))
        try:
            count = undo_recipients(
                batch_id=batch.pk, actor=f"user:{request.user.pk}", now=timezone.now()
            )
        except PeopleNotUndoableError as error:
            messages.error(request, error.reason)
        else:
            messages.success(request, f"Undone: {count:,} people were removed again.")
        return leave_for(request, page_of_upload(batch.pk))


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise Http404
    return request.user
