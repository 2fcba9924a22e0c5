"""Showing the card of a reward to whoever has its link, once its disclosure is committed."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from giftcards.services.disclosing import disclose_card
from giftcards.services.secrets import open_field
from loyalty.models import Reward
from loyalty.services.reward_links import digest_of_reward_token

_ACTOR = "customer"


@dataclasses.dataclass(eq=False, kw_only=True)
class LinkUnknownError(ServiceError):
    """The link leads nowhere, or its card is not there yet."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(eq=False, kw_only=True)
class LinkExpiredError(ServiceError):
    """The link was good once."""

    code: ClassVar = ErrorCode.CODE_EXPIRED

    client_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LinkedReward:
    """What a link may tell before its button is pressed; the value is in minor units."""

    reward_id: UUID
    client_id: UUID
    client: str
    support_phone: str
    support_email: str
    brand: str
    value_minor: int
    currency: str
    instructions: str
    redemption_url: str
    terms_url: str
    disclosure: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownReward:
    """A card with its secrets open; printed once and kept nowhere."""

    reward: LinkedReward
    code: str = dataclasses.field(repr=False)
    pin: str = dataclasses.field(repr=False)
    number: str = dataclasses.field(repr=False)
    url: str = dataclasses.field(repr=False)
    expires_on: date | None


@seeing(EVERYTHING)
def open_reward_link(*, token: str, now: datetime) -> LinkedReward:
    """Return where a link leads; nothing is shown yet.

    :raises LinkUnknownError: it leads nowhere.
    :raises LinkExpiredError: it is too old.
    """
    try:
        reward = Reward.objects.select_related("client", "denomination__brand").get(
            reveal_digest=digest_of_reward_token(token), card__isnull=False
        )
    except Reward.DoesNotExist:
        raise LinkUnknownError from None
    if reward.reveal_until is None or reward.reveal_until <= now:
        raise LinkExpiredError(client_id=reward.client_id)
    brand = reward.denomination.brand
    return LinkedReward(
        reward_id=reward.pk,
        client_id=reward.client_id,
        client=reward.client.name,
        support_phone=reward.client.support_phone,
        support_email=reward.client.support_email,
        brand=brand.name,
        value_minor=reward.face_value_minor,
        currency=reward.currency,
        instructions=brand.instructions,
        redemption_url=brand.redemption_url,
        terms_url=brand.terms_url,
        disclosure=brand.disclosure,
    )


@durable
@seeing(EVERYTHING)
def show_reward_card(*, token: str, now: datetime) -> ShownReward:
    """Open the card that a link leads to, after its disclosure is committed. Safe to repeat.

    :raises LinkUnknownError: it leads nowhere (any more).
    :raises LinkExpiredError: it is too old.
    """
    linked = open_reward_link(token=token, now=now)
    with transaction():
        reward = Reward.objects.select_for_update(no_key=True).get(pk=linked.reward_id)
        card = reward.card_id and disclose_card(card_id=reward.card_id, actor=_ACTOR, now=now)
        if not card:
            raise LinkUnknownError
        if reward.state == Reward.State.ISSUED:
            reward.state = Reward.State.DELIVERED
            reward.delivered_at = now
            reward.save(update_fields=["state", "delivered_at"])
    return ShownReward(
        reward=linked,
        code=open_field(card.code_encrypted, field="code"),
        pin=open_field(card.pin_encrypted, field="pin"),
        number=open_field(card.number_encrypted, field="number"),
        url=open_field(card.url_encrypted, field="url"),
        expires_on=card.expires_on,
    )
