"""Forms of a campaign and its conditions, with the checks that an operator can act on."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.db.models import Q
from unfold.forms import PaginationInlineFormSet

from alerts.admin.forms import WordedForm
from credit.admin.amounts import AmountsForm
from credit.models import Account
from credit.money import display_amount
from credit.selectors.balances import balance_on
from giftcards.models import Denomination, Pool
from redemption.models import Campaign


class AccountChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of an account with what is left on it."""

    def label_from_instance(self, account: Account) -> str:
        left = display_amount(balance_on(account) or 0, account.currency)
        return f"{account.name} ({account.get_level_display()}, {left})"


class PoolChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of a pool with what its cards are worth and whose they are."""

    def label_from_instance(self, pool: Pool) -> str:
        value = display_amount(pool.denomination.value_minor, pool.denomination.currency)
        owner = pool.client.name if pool.client else "all clients"
        return f"{pool.name} ({pool.brand.name} {value}, {owner})"


class CampaignForm(WordedForm):
    """A campaign and the account that pays for it."""

    constraint_words: ClassVar = {
        "redemption_campaign_name_unique": (
            "name",
            "This client has another campaign of this name.",
        ),
        "redemption_campaign_ends_after_it_starts": (
            "ends_at",
            "A campaign ends after it starts.",
        ),
    }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        account = cleaned.get("account")
        client = cleaned.get("client") or (self.instance.client_id and self.instance.client)
        if account is None or not client:
            return cleaned
        is_agencys = account.level == Account.Level.AGENCY
        if account.agency_id != client.agency_id or not (
            is_agencys or account.client_id == client.pk
        ):
            self.add_error("account", f"This account does not belong to {client.name}.")
            return cleaned
        is_own = account.level == Account.Level.CAMPAIGN
        is_shared = cleaned.get("budget_mode") == Campaign.BudgetMode.SHARED
        billed = cleaned.get("billing_entity")
        if is_shared and is_own:
            self.add_error(
                "account",
                "This is a single campaign's account. A shared budget is paid from the "
                f"{billed}'s.",
            )
        elif is_shared and account.level != billed:
            self.add_error("account", f"The {billed} is billed, and this is another account.")
        if not is_shared and not is_own:
            self.add_error(
                "account",
                "This is no campaign's account. A budget of its own needs one: leave this empty to "
                "open it.",
            )
        # The constraint names a field that is not in the form, so Django leaves it to the database.
        others = Campaign.objects.exclude(pk=self.instance.pk)
        if is_own and others.filter(Q(account=account) | Q(own_account=account)).exists():
            self.add_error("account", "Another campaign has this account.")
        return cleaned


class ConditionFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    """A campaign's conditions, which look at its client, also while both are new."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "campaign": self.instance}


class ConditionForm(AmountsForm):
    """A condition; the card it promises has to exist, and its pool has to hold such cards."""

    amounts = ("card_value_minor",)
    constraint_words: ClassVar = {
        "redemption_condition_numbered": (
            "number",
            "The campaign has another condition of this number.",
        ),
        "redemption_condition_value_positive": ("card_value_minor", "Give more than zero."),
    }

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Its client is filled in by the campaign's own form, which is checked before this one.
        self.campaign = campaign

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        brand, value_minor = cleaned.get("brand"), cleaned.get("card_value_minor")
        currency = cleaned.get("currency", "")
        if brand is not None and isinstance(value_minor, int):
            self._check_value(brand, value_minor, currency)
        pool = cleaned.get("pool")
        if pool is not None:
            self._check_pool(pool, brand, value_minor, currency)
        return cleaned

    def _check_value(self, brand: Any, value_minor: int, currency: str) -> None:
        offered = Denomination.objects.filter(
            brand=brand, value_minor=value_minor, currency=currency, is_enabled=True
        )
        if not offered.exists():
            words = display_amount(value_minor, currency)
            self.add_error("card_value_minor", f"{brand.name} has no cards of {words}.")

    def _check_pool(self, pool: Pool, brand: Any, value_minor: Any, currency: str) -> None:
        held = pool.denomination
        if brand is not None and pool.brand_id != brand.pk:
            self.add_error("pool", f"This pool holds cards of {pool.brand.name}.")
        elif (held.value_minor, held.currency) != (value_minor, currency):
            words = display_amount(held.value_minor, held.currency)
            self.add_error("pool", f"This pool holds cards of {words}.")
        if pool.client is not None and pool.client_id != self.campaign.client_id:
            self.add_error("pool", f"This pool belongs to {pool.client.name}.")
        if pool.archived_at is not None:
            self.add_error("pool", "This pool is archived.")
