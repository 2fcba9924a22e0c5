"""Calls at the desk and what agents have vouched for in them: to be read, never changed."""

from __future__ import annotations

from typing import Final

from django.contrib import admin
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    label,
    link_column,
    table,
    time_column,
)
from redemption.models import CallSession, ConditionMet

_OUTCOME_COLOURS: Final = {
    "rewarded": GREEN,
    "helped": GREEN,
    "call_back": BLUE,
    "not_entitled": GREY,
    "not_found": AMBER,
    "cut_off": AMBER,
}


@admin.register(CallSession)
class CallSessionAdmin(ReadOnlyAdmin):
    """Who was on the phone with whom, for how long, and what came of it; newest first."""

    list_display = ("started", "agent", "outcome_label", "took", "recipient_link", "client")
    list_filter = ("outcome", "client")
    list_select_related = ("agent", "client", "recipient")
    ordering = ("-started_at",)
    lookups = ("pk", "caller", "recipient", "redemption")
    search_help_text = "A caller's number, or the id of a recipient or redemption"
    fieldsets = (
        (None, {"fields": ("agent", "outcome_label", "started_at", "ended_at", "took")}),
        (
            "Whom it was about",
            {"fields": ("caller", "recipient_link", "redemption_link", "client")},
        ),
        ("Notes", {"fields": ("notes",)}),
    )
    started = time_column("started_at")
    recipient_link = link_column("recipient")
    redemption_link = link_column("redemption")

    @admin.display(description="outcome")
    def outcome_label(self, call: CallSession) -> SafeString:
        if call.ended_at is None:
            return label("Open", BLUE)
        return label(call.get_outcome_display(), _OUTCOME_COLOURS.get(call.outcome, GREY))

    @admin.display(description="took")
    def took(self, call: CallSession) -> str:
        if call.ended_at is None:
            return "–"
        minutes, seconds = divmod(round((call.ended_at - call.started_at).total_seconds()), 60)
        return f"{minutes}:{seconds:02}"


@admin.register(ConditionMet)
class ConditionMetAdmin(ReadOnlyAdmin):
    """What was checked with whom before a reward was given, by which agent; newest first."""

    list_display = ("when", "agent", "condition", "recipient_link", "redemption_link", "client")
    list_filter = ("client",)
    list_select_related = ("agent", "client", "recipient", "condition", "redemption")
    ordering = ("-at",)
    lookups = ("pk", "recipient", "redemption", "call")
    search_help_text = "The id of a recipient, redemption or call"
    fieldsets = (
        (None, {"fields": ("condition", "agent", "at", "points")}),
        ("Of what", {"fields": ("recipient_link", "redemption_link", "call_link", "client")}),
    )
    when = time_column("at", title="when")
    recipient_link = link_column("recipient")
    redemption_link = link_column("redemption")
    call_link = link_column("call")

    @admin.display(description="checked")
    def points(self, met: ConditionMet) -> SafeString | str:
        rows = [(one["point"], "✓" if one["ticked"] else "–") for one in met.checklist]
        return table(("Point", "Checked"), rows)
