"""Sources of events: the CRMs that report what people did."""

from __future__ import annotations

from django.contrib import admin

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import time_column
from redemption.models import EventSource


@admin.register(EventSource)
class EventSourceAdmin(ReadOnlyAdmin):
    """Sources by name; the secret that signs their events is shown once, when it is made."""

    list_display = ("name", "client", "is_active", "created")
    list_filter = ("is_active", "client")
    list_select_related = ("client",)
    ordering = ("name",)
    lookups = ("pk", "name")
    search_help_text = "A source's name or id"
    created = time_column("created_at")
    fields = ("name", "client", "is_active", "created_at")
