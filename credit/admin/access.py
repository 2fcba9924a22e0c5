"""API keys and idempotency records: made by services, never by a form."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    error_column,
    label,
    state_column,
    time_column,
)
from credit.models import ApiKey, IdempotencyRecord

OWNER_COLOURS = {"platform": GREY, "agency": BLUE, "client": GREEN}


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Partners' keys, by their first characters: the key itself is shown once and not kept."""

    list_display = (
        "name",
        "prefix",
        "owner_label",
        "agency",
        "client",
        "validity",
        "scopes",
        "last_used",
    )
    list_filter = ("owner_kind", "client", "agency")
    list_select_related = ("agency", "client")
    lookups = ("pk", "prefix")
    search_help_text = "A key's id or its first characters (glk_…)"
    fieldsets = (
        (None, {"fields": ("name", "prefix", "owner_label", "agency", "client", "scopes")}),
        ("When", {"fields": ("created_at", "expires_at", "revoked_at", "last_used_at")}),
    )
    last_used = time_column("last_used_at")
    owner_label = state_column("owner_kind", OWNER_COLOURS, title="owner")

    @admin.display(description="validity")
    def validity(self, key: ApiKey) -> SafeString:
        if key.revoked_at is not None:
            return label("Revoked", RED)
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return label("Expired", AMBER)
        return label("Valid", GREEN)


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
