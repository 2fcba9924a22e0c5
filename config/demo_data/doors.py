"""What has come in at the demo's doors today: a call at the desk, and an event of a stranger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from config.demo_data.plan import DEMO_CAMPAIGN, DEMO_CLIENT
from credit.models import User
from credit.selectors.viewers import viewer_of_user
from redemption.models import CallSession, Campaign, EventSource, InboundEvent, Redemption
from redemption.services.calls import begin_call, choose_recipient, end_call, save_notes
from redemption.services.inbound_events import receive_event

_CALLED: Final = timedelta(minutes=24)
_FOUND: Final = timedelta(seconds=35)
_ENDED: Final = timedelta(minutes=3, seconds=20)
_EVENT_CAME: Final = timedelta(minutes=50)


def seed_doors(*, now: datetime) -> None:
    """Let the agent take a call and the CRM report somebody unknown, each once."""
    if not CallSession.objects.exclude(ended_at=None).exists():
        _take_call(begins_at=now - _CALLED)
    source = EventSource.objects.get(name=f"{DEMO_CLIENT}-crm")
    if not InboundEvent.objects.filter(source=source).exists():
        _report_stranger(source, now=now - _EVENT_CAME)


def _take_call(*, begins_at: datetime) -> None:
    agent = User.objects.get(username="agent")
    reward = Redemption.objects.filter(campaign__name=DEMO_CAMPAIGN, state="confirmed")
    caller = reward.select_related("recipient").latest("created_at", "pk").recipient
    call_id = begin_call(agent_id=agent.pk, caller=caller.phone, now=begins_at)
    choose_recipient(
        viewer=viewer_of_user(agent.pk),
        agent_id=agent.pk,
        recipient_id=caller.pk,
        now=begins_at + _FOUND,
    )
    ends_at = begins_at + _ENDED
    save_notes(
        agent_id=agent.pk,
        call_id=call_id,
        notes="Asked how long the card is good for.",
        now=ends_at,
    )
    end_call(agent_id=agent.pk, call_id=call_id, outcome=CallSession.Outcome.HELPED, now=ends_at)


def _report_stranger(source: EventSource, *, now: datetime) -> None:
    campaign = Campaign.objects.get(client=source.client_id, name=DEMO_CAMPAIGN)
    receive_event(
        source=source,
        signature=InboundEvent.Signature.CURRENT,
        event_id=f"demo-{uuid4().hex}",
        body={
            "event_type": "home_visit_done",
            "contact_id": "P-0999",
            "campaign_id": str(campaign.pk),
            "occurred_at": now.isoformat(),
        },
        request_id="demo-event",
        now=now,
    )
