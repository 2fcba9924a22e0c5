"""One redemption with all that is told of it, for whoever may see it."""

import dataclasses
from datetime import date, datetime
from typing import Any
from uuid import UUID

from credit.selectors.balances import balance_after_debit, refunded_of
from credit.selectors.viewers import Viewer
from giftcards.models import GiftCard
from redemption.models import ProvisioningTrace, Redemption
from sms.models import Message


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """A redemption's card; secrets are encrypted, the value is in minor units."""

    card_id: UUID
    brand: str
    value_minor: int
    currency: str
    last4: str
    expires_on: date | None
    redemption_url: str
    code_encrypted: str
    pin_encrypted: str
    number_encrypted: str
    url_encrypted: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """A message about a redemption."""

    message_id: UUID
    purpose: str
    channel: str
    to: str
    state: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One step on the way to the card."""

    step: str
    status: str
    code: str
    message: str
    milliseconds: float
    at: datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RedemptionFacts:
    """A redemption as it stands; amounts in minor units."""

    redemption_id: UUID
    state: str
    reason_code: str
    client_id: UUID
    campaign_id: UUID
    recipient_id: UUID
    condition_number: int
    source: str
    is_test: bool
    face_value_minor: int | None
    charged_minor: int | None
    currency: str
    balance_minor: int | None
    brand: str
    card: CardFacts | None
    link_version: int | None
    messages: tuple[MessageFacts, ...]
    created_at: datetime
    issued_at: datetime | None
    delivered_at: datetime | None
    # What was given back of the charge; None where nothing was charged.
    refunded_minor: int | None = None


def find_redemption(*, viewer: Viewer, redemption_id: UUID) -> RedemptionFacts:
    """Return a redemption that the viewer may see.

    :raises Redemption.DoesNotExist: there is none, or not for this viewer.
    """
    row = (
        Redemption.objects.filter(viewer.client_filter())
        .select_related("condition__brand", "card")
        .get(pk=redemption_id)
    )
    balance = None if row.transaction_id is None else balance_after_debit(row.transaction_id)
    # A link that waits for its card leads nowhere yet.
    links = row.reveal_links.filter(revoked_at=None, redemption__issued_at__isnull=False)
    link = links.order_by("-version").values("version")[:1]
    return RedemptionFacts(
        redemption_id=row.pk,
        state=row.state,
        reason_code=row.reason_code,
        client_id=row.client_id,
        campaign_id=row.campaign_id,
        recipient_id=row.recipient_id,
        condition_number=row.condition.number,
        source=row.source,
        is_test=row.is_test,
        face_value_minor=row.face_value_minor,
        charged_minor=row.charged_minor,
        currency=row.currency,
        balance_minor=balance,
        brand=row.condition.brand.name if row.condition.brand else "",
        card=_card_facts(row),
        link_version=link[0]["version"] if link else None,
        messages=tuple(
            MessageFacts(
                message_id=message.pk,
                purpose=message.purpose,
                channel=message.channel,
                to=message.to,
                state=message.state,
            )
            for message in Message.objects.filter(
                reference_kind="redemption", reference_id=row.pk
            ).order_by("created_at")
        ),
        created_at=row.created_at,
        issued_at=row.issued_at,
        delivered_at=row.delivered_at,
        refunded_minor=refunded_of(row.transaction_id) if row.transaction_id else None,
    )


def _card_facts(row: Redemption) -> CardFacts | None:
    card: GiftCard | None = row.card
    brand = row.condition.brand
    if card is None or brand is None:
        return None
    return CardFacts(
        card_id=card.pk,
        brand=brand.name,
        value_minor=card.value_minor,
        currency=card.currency,
        last4=card.last4,
        expires_on=card.expires_on,
        redemption_url=brand.redemption_url,
        code_encrypted=card.code_encrypted,
        pin_encrypted=card.pin_encrypted,
        number_encrypted=card.number_encrypted,
        url_encrypted=card.url_encrypted,
    )


def list_trace(*, redemption_id: UUID) -> list[TraceStep]:
    """Return the steps of a redemption, oldest first; the caller has checked who asks."""
    rows: Any = ProvisioningTrace.objects.filter(redemption_id=redemption_id).order_by("pk")
    return [
        TraceStep(
            step=row.step,
            status=row.status,
            code=row.error_code,
            message=row.message,
            milliseconds=round(row.milliseconds, 3),
            at=row.at,
        )
        for row in rows
    ]
