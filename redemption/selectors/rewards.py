"""What a customer is told about a reward of theirs, beside the card's secrets."""

import dataclasses
from datetime import datetime
from uuid import UUID

from alerts.scope import EVERYTHING, seeing
from redemption.models import Redemption
from sms.models import Message, MessageTemplate
from sms.selectors.consents import has_opted_out


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RewardFacts:
    """A reward as its owner sees it; the value is in minor units."""

    redemption_id: UUID
    recipient_id: UUID
    client_id: UUID
    locale: str
    state: str
    reason_code: str
    is_test: bool
    value_minor: int
    currency: str
    brand: str
    instructions: str
    redemption_url: str
    terms_url: str
    disclosure: str
    scannable: str
    campaign: str
    client: str
    support_phone: str
    support_email: str
    contact_method: str
    contact_to: str
    promised_by: datetime | None
    browser_digest: bytes | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageNews:
    """What became of the latest message about a reward."""

    channel: str
    to: str
    state: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ContactNews:
    """How it stands with the number that a reward is to go to.

    :param has_stopped: its owner has replied STOP.
    :param request_state: of the latest text that asked for their consent; "" where there is none.
    """

    has_stopped: bool
    request_state: str


@seeing(EVERYTHING)
def reward_facts(*, redemption_id: UUID) -> RewardFacts:
    """Return a reward; the caller has proven whose it is.

    :raises Redemption.DoesNotExist: there is none.
    """
    row = Redemption.objects.select_related(
        "condition__brand", "campaign", "client", "pending_reward"
    ).get(pk=redemption_id)
    brand = row.condition.brand
    pending = getattr(row, "pending_reward", None)
    return RewardFacts(
        redemption_id=row.pk,
        recipient_id=row.recipient_id,
        client_id=row.client_id,
        locale=row.campaign.locale,
        state=row.state,
        reason_code=row.reason_code,
        is_test=row.is_test,
        value_minor=row.face_value_minor or 0,
        currency=row.currency,
        brand=brand.name if brand else "",
        instructions=brand.instructions if brand else "",
        redemption_url=brand.redemption_url if brand else "",
        terms_url=brand.terms_url if brand else "",
        disclosure=brand.disclosure if brand else "",
        scannable=brand.scannable if brand else "",
        campaign=row.campaign.name,
        client=row.client.name,
        support_phone=row.client.support_phone,
        support_email=row.client.support_email,
        contact_method=row.contact_method,
        contact_to=row.contact_to,
        promised_by=pending.promised_by if pending else None,
        browser_digest=None if row.browser_digest is None else bytes(row.browser_digest),
    )


@seeing(EVERYTHING)
def latest_message(*, redemption_id: UUID) -> MessageNews | None:
    """Return the latest message that brings a reward, None when none was asked for."""
    message = (
        Message.objects.filter(
            reference_kind="redemption",
            reference_id=redemption_id,
            purpose__in=[
                MessageTemplate.Purpose.REWARD,
                MessageTemplate.Purpose.RESEND,
                MessageTemplate.Purpose.APOLOGY,
            ],
        )
        .order_by("-created_at")
        .values("channel", "to", "state")[:1]
    )
    return MessageNews(**message[0]) if message else None


@seeing(EVERYTHING)
def contact_news(*, redemption_id: UUID) -> ContactNews:
    """Return how it stands with the number that a waiting reward is to go to."""
    reward = (
        Redemption.objects.filter(pk=redemption_id)
        .values("client_id", "contact_method", "contact_to")
        .get()
    )
    if reward["contact_method"] != MessageTemplate.Channel.SMS:
        return ContactNews(has_stopped=False, request_state="")
    states = (
        Message.objects.filter(
            reference_id=redemption_id,
            purpose=MessageTemplate.Purpose.OPT_IN,
            to=reward["contact_to"],
        )
        .order_by("-created_at")
        .values_list("state", flat=True)[:1]
    )
    return ContactNews(
        has_stopped=has_opted_out(client_id=reward["client_id"], phone=reward["contact_to"]),
        request_state=states[0] if states else "",
    )
