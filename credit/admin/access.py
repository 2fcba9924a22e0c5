"""Idempotency records and audit events: written by services, to be looked at only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    NOTHING,
    actor_column,
    error_column,
    link_to_named,
    table,
    time_column,
)
from credit.models import AuditEvent, IdempotencyRecord


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    """What callers' Idempotency-Keys stand for."""

    list_display = ("key", "owner", "status", "error", "state", "created")
    list_filter = ("status", "created_at")
    ordering = ("-created_at",)
    search_help_text = "A record's number"
    fields = ("owner", "key", "status", "error", "object_id", "state", "details", "created_at")
    created = time_column("created_at")
    error = error_column("error_code", title="error")


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who changed what is agreed, who may do what, or where money goes."""

    list_display = ("happened", "action", "who", "what", "agency", "client")
    list_filter = ("action", "agency", "client")
    list_select_related = ("agency", "client")
    ordering = ("-at",)
    lookups = ("pk", "object_id")
    search_help_text = "The id of what was changed, or the event's own"
    fields = ("happened", "action", "who", "what", "agency", "client", "changes", "request_id")
    happened = time_column("at", title="when")
    who = actor_column()

    @admin.display(description="what")
    def what(self, event: AuditEvent) -> SafeString | str:
        kind = event.object_kind.replace("_", " ")
        return (
            link_to_named(f"{event.object_kind}:{event.object_id}") or f"{kind} {event.object_id}"
        )

    @admin.display(description="changes")
    def changes(self, event: AuditEvent) -> SafeString | str:
        before, after = event.details.get("before", {}), event.details.get("after", {})
        rows = [
            (name.replace("_", " "), _value(before.get(name)), _value(after.get(name)))
            for name in {**before, **after}
        ]
        if event.details.get("reason"):
            rows.append(("reason", "", event.details["reason"]))
        return table(("Field", "Before", "After"), rows) if rows else NOTHING


def _value(value: object) -> str:
    return "–" if value is None else ", ".join(value) if isinstance(value, list) else str(value)
