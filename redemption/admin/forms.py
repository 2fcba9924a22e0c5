"""Forms of a campaign and its conditions, with the checks that an operator can act on."""

from __future__ import annotations

from typing import Any, ClassVar, Final

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
from redemption.strength import ENOUGH_ENTROPY_BITS


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


_WEAK_CODES: Final = (
    "This campaign has codes that can be guessed ({bits} bits of chance), which stay good: with "
    "enough tries somebody finds one. So it has to ask for something that only its owner knows."
)


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
        "redemption_campaign_caps_positive": (None, "Give more than zero, or leave a cap empty."),
    }

    class Meta:
        help_texts: ClassVar = {
            "claim_reminder_days": "So many days before, people who have not opened their card "
            "are reminded, once. 0 for not at all.",
            "cap_per_day": "How many rewards may be claimed on one day, from midnight to midnight "
            "UTC; what waits for stock or an approval counts on the day it was asked for. Empty "
            "for no cap.",
            "cap_per_recipient": "How many of the campaign's conditions one person may have a "
            "reward for. Empty for no cap.",
            "code_policy": "Changes by itself when codes of another system are imported.",
            "second_factor": "What is asked besides the code, at the form and by the partner API. "
            "Codes under 50 bits of chance demand it: somebody with many addresses would find one "
            "of them by trying. People without that datum on file have to call.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._check_codes(cleaned)
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

    def _check_codes(self, cleaned: dict[str, Any]) -> None:
        # Their constraints look at a field that is not in the form, so Django leaves them out.
        bits = self.instance.imported_code_bits
        if bits is None:
            return
        if bits < ENOUGH_ENTROPY_BITS and not cleaned.get("second_factor"):
            self.add_error("second_factor", _WEAK_CODES.format(bits=bits))
        if cleaned.get("code_policy") != Campaign.CodePolicy.IMPORTED:
            self.add_error("code_policy", "Codes of another system were imported, and stay good.")


class ConditionFormSet(PaginationInlineFormSet):  # type: ignore[misc]
    """A campaign's conditions, which look at its client, also while both are new."""

    def clean(self) -> None:
        """Refuse two conditions that the same event of the CRM would fulfil."""
        super().clean()
        seen: set[str] = set()
        for form in self.forms:
            values = getattr(form, "cleaned_data", {})
            event = values.get("crm_event_name", "").strip().casefold()
            if not event or not values.get("is_active") or values.get("DELETE"):
                continue
            if event in seen:
                form.add_error(
                    "crm_event_name", "Another condition has this event: which one would it be?"
                )
            seen.add(event)

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
