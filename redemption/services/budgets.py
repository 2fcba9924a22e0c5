"""Whose account pays for a campaign, and what follows when it no longer can.

Note [Depletion]
A campaign that no account of its can pay the cheapest reward of is depleted: nobody is sent to
the till of an empty purse, one alert goes out, and the campaign goes on by itself once there is
credit. Whoever has moved money looks after his commit, under the lock of the campaign's row and
in a statement after it: so of two that look, the later one sees what both have moved, and the
last word is never an old one. A process that dies before it has looked leaves the campaign as
it was; ``review_budgets`` comes by every few minutes.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import Q

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.models import Account
from credit.selectors.viewers import Viewer, viewing
from credit.services.accounts import (
    open_agency_account,
    open_campaign_account,
    open_client_account,
)
from credit.services.audit import record_event
from credit.services.warnings import watch_balance, watch_balances
from redemption.models import Campaign
from redemption.selectors.budgets import CampaignBudget, read_budgets
from redemption.selectors.thresholds import thresholds_of_campaign
from redemption.services.budget_alerts import alerted_campaign_ids, settle_depletion_alert
from redemption.services.webhook_causes import tell_depletion
from sms.queue import ring_bell

log = structlog.get_logger()

_REVIEWED: Final = (Campaign.Status.ACTIVE, Campaign.Status.DEPLETED)
_DEFAULT_CURRENCY: Final = "USD"


@dataclasses.dataclass(eq=False, kw_only=True)
class CampaignNotFoundError(ServiceError):
    """There is no such campaign, or not within what the viewer may see."""

    code: ClassVar = ErrorCode.NOT_FOUND

    campaign_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSwitch:
    """A campaign's budget as it was and as it is now; no money has moved.

    What ``after.own`` holds stays with the campaign, in both modes; ``after.shared``, where the
    viewer may see it, is what it can spend besides. ``after.status`` is ``depleted`` where it
    has become too poor for any reward.

    :param opened_account: whether the campaign got its own account, an empty one, just now.
    """

    before: CampaignBudget
    after: CampaignBudget
    opened_account: bool

    @property
    def is_changed(self) -> bool:
        """Whether the mode was another one before."""
        return self.before.mode != self.after.mode


@durable
def switch_budget(*, viewer: Viewer, campaign_id: UUID, mode: str, now: datetime) -> BudgetSwitch:
    """Let a campaign pay from its own account alone (isolated) or from the shared one.

    Isolated, it has what its own account holds, which is opened when it is missing; shared, what
    is left there is spent first. Money moves by allocation only, never by this. A redemption
    that has begun pays as it was when it began. A repeat changes nothing.

    :raises CampaignNotFoundError: GC-111, out of the viewer's sight, or not theirs to manage.
    :raises ValidationFailedError: there is no such mode.
    """
    if mode not in Campaign.BudgetMode.values:
        raise ValidationFailedError(errors={"mode": ["Choose shared or isolated."]})
    manager = viewer.as_manager()
    campaigns = Campaign.objects.filter(manager.client_filter(), pk=campaign_id)
    with transaction():
        with viewing(manager):
            campaign = campaigns.select_for_update(no_key=True, of=("self",)).first()
            if campaign is None:
                raise CampaignNotFoundError(campaign_id=campaign_id)
            (before,) = read_budgets(campaigns=campaigns, viewer=manager)
        with seeing(EVERYTHING):
            opened_account = assign_payer(campaign=campaign, mode=mode)
            if before.mode != mode:
                _record(
                    campaign,
                    "budget.switched",
                    viewer,
                    before={"mode": before.mode},
                    after={"mode": mode, "own_rest_minor": before.own_rest_minor},
                    now=now,
                )
    review_campaign(campaign_id=campaign_id, now=now)
    with viewing(manager):
        (after,) = read_budgets(campaigns=campaigns, viewer=manager)
    log.info("[BUDGET] Switched", campaign_id=str(campaign_id), mode=mode, actor=viewer.actor)
    return BudgetSwitch(before=before, after=after, opened_account=opened_account)


@durable
def set_billing_entity(
    *, viewer: Viewer, campaign_id: UUID, billing_entity: str, now: datetime
) -> None:
    """Let the client or its agency pay for a campaign while its budget is shared.

    For those who manage the agency, since it is the agency's money. What the campaign's own
    account holds stays there. A repeat changes nothing.

    :raises CampaignNotFoundError: GC-111, of no agency that the viewer manages.
    :raises ValidationFailedError: there is no such entity.
    """
    if billing_entity not in Campaign.BillingEntity.values:
        raise ValidationFailedError(errors={"billing_entity": ["Choose client or agency."]})
    manager = viewer.as_manager()
    agencies = Q() if manager.sees_platform else Q(client__agency_id__in=manager.agency_ids)
    with transaction():
        with viewing(manager):
            campaigns = Campaign.objects.select_for_update(no_key=True, of=("self",))
            campaign = campaigns.filter(agencies, pk=campaign_id).first()
        if campaign is None:
            raise CampaignNotFoundError(campaign_id=campaign_id)
        with seeing(EVERYTHING):
            before, campaign.billing_entity = campaign.billing_entity, billing_entity
            assign_payer(campaign=campaign, mode=campaign.budget_mode)
            if before != billing_entity:
                _record(
                    campaign,
                    "budget.billed",
                    viewer,
                    before={"billing_entity": before},
                    after={"billing_entity": billing_entity},
                    now=now,
                )
    log.info(
        "[BUDGET] Billed",
        campaign_id=str(campaign_id),
        billing_entity=billing_entity,
        actor=viewer.actor,
    )
    review_campaign(campaign_id=campaign_id, now=now)


@transaction_required
def assign_payer(*, campaign: Campaign, mode: str) -> bool:
    """Write a campaign's budget mode, who is billed, and the accounts that fit.

    Accounts that are missing are opened; money does not move.

    :return: whether the campaign got an account of its own.
    """
    was_isolated = campaign.budget_mode == Campaign.BudgetMode.ISOLATED
    own = campaign.account if was_isolated else campaign.own_account
    shared = _open_shared_account(campaign)
    opened_account = own is None and mode == Campaign.BudgetMode.ISOLATED
    if opened_account:
        own = open_campaign_account(
            client=campaign.client, name=campaign.name, currency=shared.currency
        )
    campaign.budget_mode = mode
    campaign.own_account = own
    campaign.account = own if mode == Campaign.BudgetMode.ISOLATED else shared
    campaign.save(update_fields=["budget_mode", "billing_entity", "own_account", "account"])
    return opened_account


@transaction_required
def _open_shared_account(campaign: Campaign) -> Account:
    """Return the account of who pays for the campaign, opened where it is missing."""
    client = campaign.client
    first = campaign.conditions.order_by("number").first()
    currency = first.currency if first else _DEFAULT_CURRENCY
    if campaign.billing_entity == Campaign.BillingEntity.AGENCY:
        return open_agency_account(agency=client.agency, currency=currency)
    return open_client_account(client=client, currency=currency)


@durable
def review_campaign(*, campaign_id: UUID, now: datetime) -> bool:
    """Deplete an active campaign that can pay for no reward, or let a depleted one go on.

    Campaigns that somebody has paused or ended, and drafts, stay as they are. Doing it again, or
    twice at once, changes nothing more.

    :return: whether the campaign's status changed.
    """
    is_changed = False
    with seeing(EVERYTHING):
        while _review_once(campaign_id=campaign_id, now=now):
            is_changed = not is_changed
            # Whoever moved money meanwhile has seen the status of before, and left it at that.
            (budget,) = read_budgets(campaigns=Campaign.objects.filter(pk=campaign_id))
            if not _is_due(budget):
                break
    return is_changed


def _review_once(*, campaign_id: UUID, now: datetime) -> bool:
    with transaction():
        campaign = Campaign.objects.filter(pk=campaign_id)
        if campaign.select_for_update(no_key=True).order_by().values("pk").first() is None:
            return False
        # Read after the lock, not with it: see Note [Depletion].
        (budget,) = read_budgets(campaigns=campaign)
        before, after = (
            (Campaign.Status.ACTIVE, Campaign.Status.DEPLETED)
            if budget.is_short
            else (Campaign.Status.DEPLETED, Campaign.Status.ACTIVE)
        )
        is_changed = bool(campaign.filter(status=before).update(status=after))
        status = after if is_changed else budget.status
        settle_depletion_alert(budget=budget, status=status, now=now)
        if is_changed and after == Campaign.Status.DEPLETED:
            tell_depletion(budget=budget, now=now)
    if is_changed:
        log.info("[BUDGET] Reviewed", campaign_id=str(campaign_id), status=str(after))
    if is_changed and after == Campaign.Status.ACTIVE:
        ring_bell("redemption.tasks.serve_waiting")
    return is_changed


@durable
def review_account(*, account_id: UUID, now: datetime) -> None:
    """Review the campaigns that an account pays for, and its own low-balance warning.

    Called after whatever moves money; see Note [Depletion].
    """
    with seeing(EVERYTHING):
        watch_balance(account_id=account_id, now=now)
        paid = Campaign.objects.filter(
            Q(account_id=account_id) | Q(own_account_id=account_id), status__in=_REVIEWED
        )
        for budget in read_budgets(campaigns=paid):
            if _is_due(budget):
                review_campaign(campaign_id=budget.campaign_id, now=now)


@durable
def review_budgets(*, now: datetime) -> None:
    """Review every campaign, every alert of one and every low balance."""
    with seeing(EVERYTHING):
        budgets = read_budgets(campaigns=Campaign.objects.filter(status__in=_REVIEWED))
        due = {budget.campaign_id for budget in budgets if _is_due(budget)}
        depleted = {b.campaign_id for b in budgets if b.status == Campaign.Status.DEPLETED}
        for campaign_id in sorted(due | (depleted ^ alerted_campaign_ids())):
            review_campaign(campaign_id=campaign_id, now=now)
        watch_balances(now=now)


def follow_charge(
    *, campaign_id: UUID, charged_minor: int, balance_minor: int, now: datetime
) -> None:
    """Draw the conclusions from a charge: nothing at all for most, and never a failure.

    The reward is given; what goes wrong here is for the periodic review to mend.

    :param balance_minor: what the charge has left; of a split account without what others take at
        the same time, so that a crossing may be left to the periodic review.
    """
    try:
        # Who can pay the same again is not depleted.
        if balance_minor < charged_minor:
            review_campaign(campaign_id=campaign_id, now=now)
        if any(
            balance_minor < threshold <= balance_minor + charged_minor
            for threshold in thresholds_of_campaign(campaign_id=campaign_id)
        ):
            _watch_payers(campaign_id=campaign_id, now=now)
    except DatabaseError:
        log.exception("[BUDGET] Not reviewed", campaign_id=str(campaign_id))


def follow_refusal(*, account_id: UUID, now: datetime) -> None:
    """Review the campaigns of an account that could not pay; never fails."""
    try:
        review_account(account_id=account_id, now=now)
    except DatabaseError:
        log.exception("[BUDGET] Not reviewed", account_id=str(account_id))


def _watch_payers(*, campaign_id: UUID, now: datetime) -> None:
    with seeing(EVERYTHING):
        campaign = Campaign.objects.get(pk=campaign_id)
    for account_id in {campaign.account_id, campaign.own_account_id}:
        if account_id is not None:
            watch_balance(account_id=account_id, now=now)


def _record(
    campaign: Campaign,
    action: str,
    viewer: Viewer,
    *,
    before: dict[str, str],
    after: dict[str, str | int],
    now: datetime,
) -> None:
    record_event(
        actor=viewer.actor,
        action=action,
        object_kind="campaign",
        object_id=campaign.pk,
        before=before,
        after=after,
        owner=campaign.client,
        now=now,
    )


def _is_due(budget: CampaignBudget) -> bool:
    return budget.is_short == (budget.status == Campaign.Status.ACTIVE)
