"""Campaigns and their conditions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from alerts.admin.base import EditableInline, PlatformAdmin, ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    link_to_row,
    state_column,
    time_column,
)
from credit.admin.amounts import money, money_column
from credit.models import Account
from credit.selectors.balances import balance_on
from giftcards.models import Pool
from redemption.admin.campaign_steps import CampaignSteps
from redemption.admin.forms import (
    AccountChoiceField,
    CampaignForm,
    ConditionForm,
    ConditionFormSet,
    PoolChoiceField,
)
from redemption.admin.recipient_uploads import CampaignUploads
from redemption.models import Campaign, Condition
from redemption.services.budgets import assign_payer

STATUS_COLOURS = {"draft": GREY, "active": GREEN, "paused": AMBER, "depleted": RED, "ended": GREY}
BUDGET_COLOURS = {"shared": GREY, "isolated": BLUE}
# Decided when the campaign is made; later a switch, which loses sight of no money.
_PAYER_FIELDS = ("budget_mode", "billing_entity", "account")


class ConditionInline(EditableInline):
    """A campaign's conditions; switched off rather than deleted."""

    model = Condition
    form = ConditionForm
    formset = ConditionFormSet
    fields = (
        "number",
        "name",
        "brand",
        "card_value_minor",
        "currency",
        "pool",
        "crm_event_name",
        "is_active",
    )

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "pool":
            kwargs["form_class"] = PoolChoiceField
            kwargs["queryset"] = (
                Pool.objects.filter(archived_at=None)
                .select_related("brand", "denomination", "client")
                .order_by("name")
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Campaign)
class CampaignAdmin(CampaignUploads, CampaignSteps, PlatformAdmin):
    """Campaigns; ended rather than deleted, and never moved to another client.

    Its status is not edited: it follows from the steps of the panel.
    """

    form = CampaignForm
    inlines = (ConditionInline,)
    list_display = (
        "name",
        "status_label",
        "client",
        "budget_label",
        "left_money",
        "starts",
        "ends",
    )
    list_filter = ("status", "budget_mode", "client")
    list_select_related = ("client", "account")
    search_fields = ("name", "client__name")
    autocomplete_fields = ("client",)
    readonly_fields: tuple[str, ...] = ("own_account_link", "status")
    fieldsets = (
        (None, {"fields": ("name", "client", "status", "locale")}),
        (
            "When",
            {
                "fields": ("starts_at", "ends_at", "claim_expires_at", "claim_reminder_days"),
                "description": "Codes can be redeemed until their claim expiry, also after the "
                "campaign has ended. A card that nobody has opened by then goes back to stock, and "
                "its credit to who paid; a card that somebody may have seen is theirs.",
            },
        ),
        (
            "Budget",
            {
                "fields": ("budget_mode", "billing_entity", "account", "own_account_link"),
                "description": "Left empty, the account is that of who is billed, or a new one "
                "where the campaign has a budget of its own. Once there is an account, the budget "
                "is switched on the client's pages, which tell what stays where.",
            },
        ),
        ("Rules", {"fields": ("opt_in_required", "approval_required", "queue_when_empty")}),
        ("Caps", {"fields": ("cap_per_day", "cap_per_recipient")}),
        ("Codes", {"fields": ("code_policy", "second_factor")}),
    )
    starts = time_column("starts_at")
    ends = time_column("ends_at")
    status_label = state_column("status", STATUS_COLOURS, title="status")
    budget_label = state_column("budget_mode", BUDGET_COLOURS, title="budget")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Campaign | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return self.readonly_fields
        decided = _PAYER_FIELDS if obj.account_id else ()
        return (*self.readonly_fields, "client", *decided)

    def get_form(self, request: Any, obj: Campaign | None = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        if obj is not None and "account" in form.base_fields:
            own = Q(client_id=obj.client_id) | Q(client=None, agency_id=obj.client.agency_id)
            form.base_fields["account"].queryset = _payers(own)
        return form

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "account":
            kwargs["form_class"] = AccountChoiceField
            kwargs["queryset"] = _payers(Q())
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_related(self, request: Any, form: Any, formsets: Any, change: Any) -> None:
        super().save_related(request, form, formsets, change)
        campaign: Campaign = form.instance
        if campaign.account_id is None:
            assign_payer(campaign=campaign, mode=campaign.budget_mode)

    @admin.display(description="own account")
    def own_account_link(self, campaign: Campaign) -> SafeString | str:
        own = campaign.own_account
        return link_to_row(Account, own.pk, own.name) if own else NOTHING

    @admin.display(description="left")
    def left_money(self, campaign: Campaign) -> SafeString | str:
        account = campaign.account
        return money(balance_on(account), account.currency) if account else money(None, "")


@admin.register(Condition)
class ConditionAdmin(ReadOnlyAdmin):
    """All conditions of all campaigns; edited on their campaign's page."""

    list_display = ("name", "number", "campaign", "brand", "value_money", "pool", "is_active")
    list_filter = ("is_active", "campaign", "brand")
    list_select_related = ("campaign", "brand", "pool")
    search_help_text = "A condition's id"
    fields = (
        "campaign",
        "number",
        "name",
        "brand",
        "value_money",
        "pool",
        "crm_event_name",
        "checklist",
        "is_active",
    )
    value_money = money_column("card_value_minor", title="value")


def _payers(narrowed: Q) -> Any:
    below_platform = Account.objects.exclude(level=Account.Level.PLATFORM)
    return below_platform.filter(narrowed).order_by("name")
