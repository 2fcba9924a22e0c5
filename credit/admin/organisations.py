"""Agencies and their clients."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from alerts.admin.base import PlatformAdmin
from alerts.admin.cells import time_column
from alerts.admin.forms import WordedForm
from credit.models import Agency, Client


class AgencyForm(WordedForm):
    """An agency's name and whether it works."""

    constraint_words: ClassVar = {
        "credit_agency_slug_unique": ("slug", "Another agency has this slug."),
    }


class ClientForm(WordedForm):
    """A client, its agency and what its customers are told to call."""

    constraint_words: ClassVar = {
        "credit_client_slug_unique": ("slug", "This agency has another client with this slug."),
    }


@admin.register(Agency)
class AgencyAdmin(PlatformAdmin):
    """Agencies; switched off rather than deleted."""

    form = AgencyForm
    list_display = ("name", "slug", "is_active", "created")
    list_filter = ("is_active",)
    search_fields = ("name", "slug")
    prepopulated_fields: ClassVar = {"slug": ("name",)}
    fields = ("name", "slug", "is_active")
    created = time_column("created_at")


@admin.register(Client)
class ClientAdmin(PlatformAdmin):
    """Clients; switched off rather than deleted, and never moved to another agency."""

    form = ClientForm
    list_display = ("name", "agency", "is_active", "support_phone", "created")
    list_filter = ("is_active", "agency")
    list_select_related = ("agency",)
    search_fields = ("name", "slug")
    autocomplete_fields = ("agency",)
    fields = ("name", "slug", "agency", "is_active", "support_phone", "support_email")
    created = time_column("created_at")

    def get_readonly_fields(self, request: object, obj: Client | None = None) -> tuple[str, ...]:
        return () if obj is None else ("agency",)

    def get_prepopulated_fields(
        self, request: object, obj: Client | None = None
    ) -> dict[str, tuple[str, ...]]:
        return {"slug": ("name",)} if obj is None else {}
