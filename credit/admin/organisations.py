"""Agencies and their clients."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin

from alerts.admin.base import PlatformAdmin
from alerts.admin.cells import NOTHING, time_column
from alerts.admin.forms import WordedForm
from credit.admin.looks import LOOK_FIELDS, LookForm, embedding_lines, look_preview
from credit.models import Account, Agency, Client
from credit.services.accounts import open_agency_account, open_client_account


class AgencyForm(WordedForm):
    """An agency's name, whether it works, and what its account is kept in."""

    currency = forms.RegexField(
        r"^[A-Z]{3}$",
        initial="USD",
        help_text="Three letters (ISO 4217). Its account and those of its clients are kept in it, "
        "for good.",
        error_messages={"invalid": "Give the currency by its three letters: USD, EUR, GBP."},
        required=False,
    )

    constraint_words: ClassVar = {
        "credit_agency_slug_unique": ("slug", "Another agency has this slug."),
    }


class ClientForm(LookForm):
    """A client, its agency, what its customers are told to call, and how their pages look."""

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
    created = time_column("created_at")

    def get_fields(self, request: object, obj: Agency | None = None) -> tuple[str, ...]:
        return ("name", "slug", "is_active") + (() if obj else ("currency",))

    def save_model(self, request: Any, obj: Agency, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            open_agency_account(agency=obj, currency=form.cleaned_data.get("currency") or "USD")


@admin.register(Client)
class ClientAdmin(PlatformAdmin):
    """Clients; switched off rather than deleted, and never moved to another agency."""

    form = ClientForm
    list_display = ("name", "agency", "is_active", "support_phone", "created")
    list_filter = ("is_active", "agency")
    list_select_related = ("agency",)
    search_fields = ("name", "slug")
    autocomplete_fields = ("agency",)
    fieldsets = (
        (
            None,
            {"fields": ("name", "slug", "agency", "is_active", "support_phone", "support_email")},
        ),
        ("The pages for its customers", {"fields": LOOK_FIELDS}),
    )
    created = time_column("created_at")

    def get_readonly_fields(self, request: object, obj: Client | None = None) -> tuple[str, ...]:
        return ("shown_as", "embedding") + (() if obj is None else ("agency",))

    def save_model(self, request: Any, obj: Client, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        account = Account.objects.filter(level=Account.Level.AGENCY, agency=obj.agency).first()
        if not change and account is not None:
            open_client_account(client=obj, currency=account.currency)
        form.save_look(obj, user=request.user)

    @admin.display(description="as it is shown")
    def shown_as(self, client: Client) -> str:
        return NOTHING if client._state.adding else look_preview(client.pk)  # noqa: SLF001

    @admin.display(description="to put into its web site")
    def embedding(self, client: Client) -> str:
        return NOTHING if client._state.adding else embedding_lines(client.pk)  # noqa: SLF001

    def get_prepopulated_fields(
        self, request: object, obj: Client | None = None
    ) -> dict[str, tuple[str, ...]]:
        return {"slug": ("name",)} if obj is None else {}
