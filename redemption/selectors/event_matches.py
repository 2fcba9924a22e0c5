"""Whom an event is about, and what it earns them."""

from __future__ import annotations

import dataclasses
from uuid import UUID

from redemption.models import Campaign, Condition, InboundEvent, Recipient

Problem = InboundEvent.Problem


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventMatch:
    """What was found, in the order it is looked for; ``problem`` says what was not."""

    problem: str = ""
    campaign: Campaign | None = None
    condition: Condition | None = None
    recipient: Recipient | None = None


def match_event(
    *, client_id: UUID, campaign_ref: str, event_type: str, contact_id: str
) -> EventMatch:
    """Find the campaign by its id, the condition by its event name, the recipient by CRM id."""
    campaign = find_campaign(client_id=client_id, campaign_ref=campaign_ref)
    if campaign is None:
        return EventMatch(problem=Problem.UNKNOWN_CAMPAIGN)
    recipient = (
        Recipient.objects.filter(campaign=campaign, external_crm_id=contact_id)
        .order_by("pk")
        .first()
    )
    conditions = list(
        Condition.objects.filter(campaign=campaign, is_active=True, crm_event_name=event_type)
        .exclude(crm_event_name="")
        .order_by("number")[:2]
    )
    condition = conditions[0] if len(conditions) == 1 else None
    problem = ""
    if condition is None:
        problem = Problem.SEVERAL_CONDITIONS if conditions else Problem.UNKNOWN_CONDITION
    elif recipient is None:
        problem = Problem.UNKNOWN_CONTACT
    return EventMatch(problem=problem, campaign=campaign, condition=condition, recipient=recipient)


def find_campaign(*, client_id: UUID, campaign_ref: str) -> Campaign | None:
    """Return a client's campaign by its id as an event names it; None where there is none."""
    try:
        campaign_id = UUID(campaign_ref)
    except ValueError:
        return None
    return Campaign.objects.filter(pk=campaign_id, client_id=client_id).order_by("pk").first()
