"""What people must do for recipients: the desk's list, with what became of each thing on it."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    actor_column,
    label,
    link_column,
    link_to_row,
    state_column,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError, ValidationFailedError
from credit.models import User
from redemption.models import DeskTask
from redemption.services.desk_tasks import CLOSING_OUTCOMES, LONGEST_NOTE, close_task

KIND_COLOURS: Final = {
    "call_back": BLUE,
    "reward_not_delivered": RED,
    "bad_number": AMBER,
    "apology": GREY,
}


class CloseForm(BaseDialogForm):  # type: ignore[misc]
    """What became of it."""

    outcome = forms.ChoiceField(
        label="What became of it",
        choices=[(one.value, one.label) for one in CLOSING_OUTCOMES],
        widget=UnfoldAdminSelectWidget,
    )
    note = forms.CharField(
        required=False,
        max_length=LONGEST_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept with your name, readable, also by the client. Leave the code itself out.",
    )


class OpenFilter(admin.SimpleListFilter):
    """To do (the usual question), overdue, or closed; all only when asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: Any, _model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "To do"), ("due", "Overdue"), ("closed", "Closed")]

    def queryset(self, request: Any, queryset: QuerySet[DeskTask]) -> Any:
        if self.value() == "due":
            return queryset.filter(done_at=None, due_at__lte=timezone.now())
        if self.value() in ("open", "closed"):
            return queryset.filter(done_at__isnull=self.value() == "open")
        return queryset


@admin.register(DeskTask)
class DeskTaskAdmin(ReadOnlyAdmin):
    """What is to be done, oldest due first; opened and settled by services, closed by a person."""

    actions_detail = ("close_one",)
    list_display = (
        "kind_label",
        "state_label",
        "due",
        "recipient_name",
        "phone",
        "note",
        "redemption_link",
        "client",
    )
    list_filter = (OpenFilter, "kind", "client")
    list_select_related = ("recipient", "redemption", "client")
    ordering = ("due_at", "created_at")
    lookups = ("pk", "phone", "redemption", "recipient")
    search_help_text = "A phone number, or the id of a redemption or recipient"
    fieldsets = (
        (None, {"fields": ("kind_label", "state_label", "due_at", "note")}),
        ("Whom it is about", {"fields": ("recipient_name", "phone", "redemption_link", "client")}),
        ("Who asked for it", {"fields": ("created_at", "asked_by")}),
        ("What became of it", {"fields": ("done_at", "done_by", "done_note")}),
    )
    due = time_column("due_at")
    kind_label = state_column("kind", KIND_COLOURS, title="to do")
    redemption_link = link_column("redemption")
    asked_by = actor_column("created_by", title="asked for by")

    @admin.display(description="state")
    def state_label(self, row: DeskTask) -> SafeString:
        if row.done_at is not None:
            return label(row.get_outcome_display(), GREEN)
        return label("Overdue", RED) if row.due_at <= timezone.now() else label("To do", AMBER)

    @admin.display(description="recipient")
    def recipient_name(self, row: DeskTask) -> SafeString | str:
        person = row.recipient
        if person is None:
            return NOTHING
        name = f"{person.first_name} {person.last_name}".strip()
        return link_to_row(type(person), person.pk, name or f"…{person.code_last4}")

    def has_close_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            object_id is not None
            and self.admin_site.has_permission(request)
            and DeskTask.objects.filter(pk=object_id, done_at=None).exists()
        )

    @action(  # type: ignore[untyped-decorator]
        description="Close",
        icon="task_alt",
        permissions=["close"],
        dialog={
            "title": "Close this task",
            "description": "It goes off the desk's list and never opens again.",
            "form_submit_text": "Close it",
            "form_class": CloseForm,
        },
    )
    def close_one(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        assert isinstance(request.user, User)  # noqa: S101  the site lets nobody else in
        try:
            close_task(
                task_id=DeskTask.objects.values_list("pk", flat=True).get(pk=object_id),
                user=request.user,
                outcome=form.cleaned_data["outcome"],
                note=form.cleaned_data["note"],
                now=timezone.now(),
            )
        except ValidationFailedError as error:
            messages.error(request, " ".join(map(" ".join, error.errors.values())))
        except ServiceError as error:
            messages.warning(request, f"Nothing was changed: {error.code.operator}")
        else:
            messages.success(request, "Closed.")
        return leave_for(request, reverse("admin:redemption_desktask_change", args=[object_id]))
