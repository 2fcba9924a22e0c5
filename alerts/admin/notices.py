"""Notices: what was told to whom, and what did not arrive."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    GREEN,
    NOTHING,
    RED,
    SEVERITY_COLOURS,
    link_to_row,
    moment,
    state_column,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.models import Alert, Notice, NoticeRoute
from alerts.selectors.notices import list_failing_places
from alerts.services.routes import send_again

NOTICE_COLOURS: Final = {"queued": AMBER, "sent": GREEN, "failed": RED}


class TellsOfFailures:
    """Mixin: above the list stands which places notices do not reach."""

    list_before_template = "admin/parts/failing_places.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        failing = list_failing_places(now=timezone.now())
        context = {**(extra_context or {}), "failing_places": failing}
        response: HttpResponse = super().changelist_view(request, context)  # type: ignore[misc]
        return response


@admin.register(Notice)
class NoticeAdmin(TellsOfFailures, ReadOnlyAdmin):
    """Notices come by services and are sent by a job; a person has one tried again."""

    actions = ("again",)
    actions_detail = ("again_one",)
    list_display = (
        "subject", "event_label", "channel", "place", "state_label", "tries", "problem", "created",
    )  # fmt: skip
    list_filter = ("state", "channel", "event", "severity", "created_at")
    list_select_related = ("route", "alert")
    lookups = ("pk", "delivery_id", "alert", "target")
    search_help_text = "A notice's id, its alert's, what the receiver knows it by, or an address"
    fieldsets = (
        (None, {"fields": ("subject", "text", "severity_label", "about")}),
        ("Where it goes", {"fields": ("channel", "place", "delivery_id")}),
        (
            "What became of it",
            {"fields": ("state_label", "tries", "problem", "next_attempt", "give_up_at")},
        ),
        ("When", {"fields": ("created_at", "sent_at")}),
    )
    created = time_column("created_at")
    event_label = state_column("event", {"resolved": GREEN, "escalated": RED, "reminder": AMBER})
    severity_label = state_column("severity", SEVERITY_COLOURS)
    state_label = state_column("state", NOTICE_COLOURS)

    @admin.display(description="place")
    def place(self, notice: Notice) -> SafeString | str:
        return place_of(notice)

    @admin.display(description="last problem")
    def problem(self, notice: Notice) -> str:
        return notice.last_error or NOTHING

    @admin.display(description="about")
    def about(self, notice: Notice) -> SafeString | str:
        if notice.alert is None:
            return notice.reference
        return link_to_row(Alert, notice.alert.pk, "Its alert")

    @admin.display(description="next try")
    def next_attempt(self, notice: Notice) -> SafeString | str:
        if notice.leased_until is not None and notice.leased_until > timezone.now():
            return "A worker has it in hand"
        return moment(notice.next_attempt_at)

    @admin.action(description="Send again: try it now")
    def again(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        for notice in queryset.order_by("pk"):
            _again(notice, request)

    @action(  # type: ignore[untyped-decorator]
        description="Send again",
        icon="send",
        dialog={
            "title": "Try it now",
            "description": "It goes out with the same id, so that a receiver who has it after all "
            "can tell. What was sent already is not sent twice.",
            "form_submit_text": "Send again",
        },
    )
    def again_one(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        notice = self.get_object(request, object_id)
        if notice is not None:
            _again(notice, request)
        return leave_for(request, reverse("admin:alerts_notice_change", args=[object_id]))


def place_of(notice: Notice) -> SafeString | str:
    """Return where a notice goes, with a link where it is a route."""
    if notice.route is not None:
        return link_to_row(NoticeRoute, notice.route.pk, notice.route.name)
    return "The settings" if notice.target == "settings" else notice.target


def _again(notice: Notice, request: HttpRequest) -> None:
    if send_again(notice_id=notice.pk, now=timezone.now()):
        messages.success(request, f"“{notice.subject}” is tried now.")
    elif notice.state == Notice.State.SENT:
        messages.info(request, f"“{notice.subject}” was sent already.")
    else:
        messages.info(request, f"A worker has “{notice.subject}” in hand just now.")
