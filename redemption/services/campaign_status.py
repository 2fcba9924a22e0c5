"""Activating, pausing and ending a campaign, and its test mode: each a step with its words."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

import structlog

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction, transaction_required
from credit.selectors.viewers import Viewer
from credit.services.audit import record_event
from redemption.models import Campaign, Redemption
from redemption.selectors.readiness import check_readiness, what_stops
from redemption.services.budgets import review_campaign
from redemption.services.ending import LockedReward, end_reward, with_locked_reward
from sms.queue import ring_bell

log = structlog.get_logger()

Status = Campaign.Status

# From which states each step leads.
STEPS: Final = {
    Status.ACTIVE: frozenset({Status.DRAFT, Status.PAUSED, Status.ENDED}),
    Status.PAUSED: frozenset({Status.ACTIVE, Status.DEPLETED}),
    Status.ENDED: frozenset({Status.ACTIVE, Status.DEPLETED, Status.PAUSED}),
}
# What counts for no test and for no reward any more.
_OVER: Final = (Redemption.State.FAILED, Redemption.State.CANCELLED)
_ACTIONS: Final = {
    Status.ACTIVE: "campaign.activated",
    Status.PAUSED: "campaign.paused",
    Status.ENDED: "campaign.ended",
}


@dataclasses.dataclass(eq=False, kw_only=True)
class CampaignNotFoundError(ServiceError):
    """There is no such campaign, or not for this viewer."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(eq=False, kw_only=True)
class CampaignStepError(ServiceError):
    """The campaign is in a state from which this step does not lead."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    status: str


@seeing(EVERYTHING)
@durable
def change_status(*, viewer: Viewer, campaign_id: UUID, to: str, now: datetime) -> str:
    """Activate, pause or end a campaign; return the status it has then.

    Activating asks first whether anything stands in the way; a campaign whose budget pays for no
    reward is out of credit right away. Who waits is served from then on. A repeat is refused.

    :raises CampaignNotFoundError: GC-111.
    :raises CampaignStepError: from its state the step does not lead (GC-115).
    :raises ValidationFailedError: what stands in the way of activating, in sentences (GC-012).
    """
    with transaction():
        campaign = _lock(viewer, campaign_id)
        if campaign.status not in STEPS[Status(to)]:
            raise CampaignStepError(status=campaign.status)
        if to == Status.ACTIVE:
            problems = what_stops(check_readiness(campaign, now=now))
            if problems:
                raise ValidationFailedError(errors={"campaign": problems})
        Campaign.objects.filter(pk=campaign.pk).update(status=to)
        _record(
            viewer, campaign, _ACTIONS[Status(to)], {"status": campaign.status}, {"status": to}, now
        )
    log.info("[CAMPAIGN] Status changed", campaign_id=str(campaign_id), status=to)
    if to == Status.ACTIVE:
        review_campaign(campaign_id=campaign_id, now=now)
        ring_bell("redemption.tasks.serve_waiting")
    return str(Campaign.objects.values_list("status", flat=True).get(pk=campaign_id))


@seeing(EVERYTHING)
@durable
def begin_test_mode(*, viewer: Viewer, campaign_id: UUID, now: datetime) -> None:
    """Let every code of a campaign walk as a test, before anybody has claimed in earnest.

    :raises CampaignNotFoundError: GC-111.
    :raises CampaignStepError: somebody has claimed in earnest, or it is on already (GC-115).
    """
    with transaction():
        campaign = _lock(viewer, campaign_id)
        if campaign.test_mode or _in_earnest(campaign):
            raise CampaignStepError(status=campaign.status)
        Campaign.objects.filter(pk=campaign.pk).update(test_mode=True)
        _record(
            viewer, campaign, "campaign.test_begun", {"test_mode": False}, {"test_mode": True}, now
        )


@seeing(EVERYTHING)
@durable
def end_test_mode(*, viewer: Viewer, campaign_id: UUID, now: datetime) -> int:
    """Let codes count from now on; return how many were freed of what they were tried with.

    The rewards of real people that were tests fail, so that their codes are good as new. Safe to
    repeat: broken off in the middle it is still on.

    :raises CampaignNotFoundError: GC-111.
    :raises CampaignStepError: it is not on (GC-115).
    """
    with transaction():
        campaign = _lock(viewer, campaign_id)
        if not campaign.test_mode:
            raise CampaignStepError(status=campaign.status)
    freed = 0
    for redemption_id in list(_tests(campaign).values_list("pk", flat=True)):
        freed += with_locked_reward(
            redemption_id=redemption_id, work=lambda reward: _free(reward, viewer, now=now)
        )
    with transaction():
        campaign = _lock(viewer, campaign_id)
        if _tests(campaign).exists():
            # Somebody has tried another code meanwhile.
            raise CampaignStepError(status=campaign.status)
        Campaign.objects.filter(pk=campaign.pk).update(test_mode=False)
        _record(
            viewer,
            campaign,
            "campaign.test_ended",
            {"test_mode": True},
            {"test_mode": False, "codes_freed": freed},
            now,
        )
    return freed


def _free(reward: LockedReward, viewer: Viewer, *, now: datetime) -> bool:
    if reward.redemption.state in _OVER:
        return False
    end_reward(
        reward, state="failed", actor=viewer.actor, reason="The campaign's tests are over", now=now
    )
    return True


def _in_earnest(campaign: Campaign) -> bool:
    rewards = Redemption.objects.filter(campaign=campaign, is_test=False)
    return rewards.exclude(state__in=_OVER).exists()


def _tests(campaign: Campaign) -> Any:
    """Return the tests that use up a real person's code, but those taken back for good."""
    return Redemption.objects.filter(
        campaign=campaign, is_test=True, recipient__is_test=False
    ).exclude(state__in=_OVER)


@transaction_required
def _lock(viewer: Viewer, campaign_id: UUID) -> Campaign:
    managed = viewer.as_manager().client_filter()
    try:
        return (
            Campaign.objects.select_for_update(no_key=True, of=("self",))
            .select_related("client__agency", "account")
            .get(managed, pk=campaign_id)
        )
    except Campaign.DoesNotExist:
        raise CampaignNotFoundError from None


@transaction_required
def _record(
    viewer: Viewer,
    campaign: Campaign,
    action: str,
    before: dict[str, Any],
    after: dict[str, Any],
    now: datetime,
) -> None:
    record_event(
        actor=viewer.actor,
        action=action,
        object_kind="campaign",
        object_id=campaign.pk,
        now=now,
        before=before,
        after=after,
        owner=campaign.client,
    )
