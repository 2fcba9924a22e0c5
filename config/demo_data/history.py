"""The demo's past, lived through with the services of the present."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from alerts.transactions import transaction
from config.demo_data.organisations import allocate_once
from config.demo_data.plan import CLIENTS, CURRENCY, DEMO_CLIENT, HISTORY_DAYS, Calendar
from config.demo_data.texts import Postman
from config.demo_data.timeline import PastRedemption, tell_past
from credit.models import ApiKey, Client, User
from credit.services.accounts import open_client_account
from redemption.models import Recipient, Redemption
from redemption.services.disclosure import disclose_redemption
from redemption.services.redeem import Caller, Contact, redeem

_HALF_WAY: Final = timedelta(days=HISTORY_DAYS // 2)
_SEEN_AFTER: Final = timedelta(seconds=1)


@dataclasses.dataclass(frozen=True, slots=True)
class _Cast:
    """Who takes part: people by campaign and CRM id, and how records name the others."""

    recipients: dict[tuple[str, str], Recipient]
    actors: dict[Redemption.Door, str]


def seed_history(*, calendar: Calendar) -> int:
    """Let happen what has not happened yet, in the order of time; return how much that was.

    Safe to go on with after a stop: who has redeemed is left alone.
    """
    happened = set(
        Redemption.objects.values_list("campaign__name", "recipient__external_crm_id").order_by()
    )
    missing = [past for past in tell_past(calendar) if (past.campaign, past.crm_id) not in happened]
    if not missing:
        return 0
    cast, postman = _gather(), Postman()
    half_way, is_topped_up = calendar.begins_at + _HALF_WAY, False
    for past in missing:
        if past.at >= half_way and not is_topped_up:
            _top_up(now=half_way)
            is_topped_up = True
        _redeem(past, cast, postman)
    return len(missing)


def _gather() -> _Cast:
    agent = User.objects.get(username="agent")
    key = ApiKey.objects.filter(client__slug=DEMO_CLIENT, revoked_at=None).order_by("pk")[0]
    recipients = Recipient.objects.exclude(external_crm_id=None).select_related("campaign")
    return _Cast(
        recipients={(one.campaign.name, str(one.external_crm_id)): one for one in recipients},
        actors={
            Redemption.Door.WEB: "customer",
            Redemption.Door.DESK: f"user:{agent.pk}",
            Redemption.Door.CRM: "system",
            Redemption.Door.API: f"key:{key.pk}",
        },
    )


def _redeem(past: PastRedemption, cast: _Cast, postman: Postman) -> None:
    recipient = cast.recipients[past.campaign, past.crm_id]
    by_api = past.door is Redemption.Door.API
    result = redeem(
        caller=Caller(
            door=past.door,
            actor=cast.actors[past.door],
            request_id=f"demo-{recipient.pk.hex[:12]}",
        ),
        contact=Contact(method="none") if by_api else Contact(method="sms", to=recipient.phone),
        recipient_id=recipient.pk,
        disclose=by_api,
        now=past.at,
    )
    if result.card is None:
        postman.deliver(past)  # what tells them that it takes longer
        return
    if past.door is Redemption.Door.WEB:
        _show(result.redemption_id, now=past.at + _SEEN_AFTER)
    if result.message_id is not None:
        postman.deliver(past)


def _show(redemption_id: UUID, *, now: datetime) -> None:
    """What the page does: the card is on the screen before the text arrives."""
    disclose_redemption(redemption_id=redemption_id, actor="customer", now=now)


def _top_up(*, now: datetime) -> None:
    for planned in CLIENTS:
        if planned.top_up_minor:
            with transaction():
                client = Client.objects.get(slug=planned.slug)
                allocate_once(
                    account=open_client_account(client=client, currency=CURRENCY),
                    amount_minor=planned.top_up_minor,
                    key=f"demo:top-up:{planned.slug}",
                    now=now,
                )
