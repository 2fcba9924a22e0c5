"""What a campaign may still spend, from which accounts, and for how many rewards it will do."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Sequence
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from credit.models import Account
from credit.selectors.balances import kept_balance
from credit.selectors.viewers import SYSTEM, Viewer
from giftcards.models import GiftCard
from redemption.models import Campaign, Condition
from redemption.selectors.charges import ConditionCharge, list_charges


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """An account that a campaign is paid from, and what it holds (in minor units)."""

    account_id: UUID
    level: str
    currency: str
    balance_minor: int
    is_active: bool

    @property
    def spendable_minor(self) -> int:
        """What can be taken from it now: nothing, while it is paused or closed."""
        return self.balance_minor if self.is_active else 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CampaignBudget:
    """A campaign's budget; amounts in minor units of ``currency``.

    :param own: its own account, where it has one: it pays first where it covers a whole charge,
        and alone while the budget is isolated.
    :param shared: the client's account (the agency's where the agency pays), which pays while
        the budget is shared; None while isolated, and where the viewer may not see it.
    :param is_known: whether the viewer may see every account that pays.
    :param charges: what its active rewards cost, in the currency of its accounts.
    :param has_bought_cards: whether a card that the client has paid for already is left for one
        of its rewards; asked only where the accounts are short.
    """

    campaign_id: UUID
    name: str
    status: str
    mode: str
    billing_entity: str
    paying_account_id: UUID | None
    currency: str
    own: Purse | None
    shared: Purse | None
    is_known: bool
    charges: tuple[int, ...]
    has_bought_cards: bool = False

    @property
    def purses(self) -> tuple[Purse, ...]:
        """The accounts that pay, in the order in which they are tried."""
        return tuple(purse for purse in (self.own, self.shared) if purse is not None)

    @property
    def own_rest_minor(self) -> int:
        """What its own account holds."""
        return self.own.balance_minor if self.own else 0

    @property
    def remaining_minor(self) -> int | None:
        """What its accounts can still pay, together; None when that is not for the viewer."""
        return sum(purse.spendable_minor for purse in self.purses) if self.is_known else None

    @property
    def cheapest_minor(self) -> int | None:
        """What its cheapest reward costs; None when there is none to give."""
        return min(self.charges, default=None)

    @property
    def estimated_redemptions(self) -> int | None:
        """For how many rewards of its average charge the accounts will do.

        Each account for itself, since a charge is never put together from two.
        """
        if not self.is_known or not self.charges:
            return None
        total, count = sum(self.charges), len(self.charges)
        return sum(purse.spendable_minor * count // total for purse in self.purses)

    @property
    def is_short(self) -> bool:
        """Whether no account covers the cheapest reward, though there is one to give.

        Never while a card is left for which nothing more is to be paid.
        """
        cheapest = self.cheapest_minor
        return (
            self.is_known
            and not self.has_bought_cards
            and cheapest is not None
            and all(purse.spendable_minor < cheapest for purse in self.purses)
        )


def list_budgets(*, viewer: Viewer, client_id: UUID) -> list[CampaignBudget]:
    """Return the budgets of a client's campaigns by name; none to whom may not see the client."""
    campaigns = Campaign.objects.filter(viewer.client_filter(), client_id=client_id)
    return read_budgets(viewer=viewer, campaigns=campaigns)


def read_budgets(*, campaigns: QuerySet[Campaign], viewer: Viewer = SYSTEM) -> list[CampaignBudget]:
    """Return the budgets of campaigns by name, in four queries at most, however many there are.

    :param viewer: the accounts that may be seen are theirs; the campaigns are narrowed already.
    """
    rows = list(campaigns.order_by("name", "pk"))
    paying_ids = {row.account_id for row in rows} | {row.own_account_id for row in rows}
    purses = _read_purses(viewer, {pk for pk in paying_ids if pk is not None})
    charges: dict[UUID, list[ConditionCharge]] = defaultdict(list)
    for charge in list_charges(campaign_ids=[row.pk for row in rows]):
        charges[charge.campaign_id].append(charge)
    budgets = [_budget_of(row, purses, charges[row.pk]) for row in rows]
    supplied = _with_bought_cards({budget.campaign_id for budget in budgets if budget.is_short})
    return [
        dataclasses.replace(budget, has_bought_cards=budget.campaign_id in supplied)
        for budget in budgets
    ]


def _with_bought_cards(campaign_ids: Collection[UUID]) -> set[UUID]:
    """Return the campaigns with a reward for which a bought card of their client is left."""
    if not campaign_ids:
        return set()
    cards = GiftCard.objects.filter(
        sale__isnull=False,
        status=GiftCard.Status.AVAILABLE,
        client_id=OuterRef("campaign__client_id"),
        brand_id=OuterRef("brand_id"),
        value_minor=OuterRef("card_value_minor"),
        currency=OuterRef("currency"),
        pool_id=Coalesce(OuterRef("pool_id"), F("pool_id")),
        pool__archived_at=None,
    )
    return set(
        Condition.objects.filter(Exists(cards), campaign_id__in=campaign_ids, is_active=True)
        .order_by()
        .values_list("campaign_id", flat=True)
    )


def _budget_of(
    campaign: Campaign, purses: dict[UUID, Purse], charges: Sequence[ConditionCharge]
) -> CampaignBudget:
    is_isolated = campaign.budget_mode == Campaign.BudgetMode.ISOLATED
    paying = purses.get(campaign.account_id) if campaign.account_id else None
    beside = purses.get(campaign.own_account_id) if campaign.own_account_id else None
    currency = paying.currency if paying else charges[0].currency if charges else ""
    return CampaignBudget(
        campaign_id=campaign.pk,
        name=campaign.name,
        status=campaign.status,
        mode=campaign.budget_mode,
        billing_entity=campaign.billing_entity,
        paying_account_id=campaign.account_id,
        currency=currency,
        own=paying if is_isolated else beside,
        shared=None if is_isolated else paying,
        is_known=paying is not None,
        charges=tuple(c.amount_minor for c in charges if c.currency == currency),
    )


def _read_purses(viewer: Viewer, account_ids: Collection[UUID]) -> dict[UUID, Purse]:
    accounts = list(
        Account.objects.filter(viewer.account_filter(), pk__in=account_ids).annotate(
            kept_minor=kept_balance()
        )
    )
    return {
        account.pk: Purse(
            account_id=account.pk,
            level=account.level,
            currency=account.currency,
            balance_minor=account.kept_minor or 0,
            is_active=account.status == Account.Status.ACTIVE,
        )
        for account in accounts
    }
