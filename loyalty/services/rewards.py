"""Gift cards for points: both happen, or neither.

The work is done by the database (``loyalty/sql/reward.sql``), in one statement.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError

from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable
from credit.models import Account
from credit.services.events import tell_account_changed
from credit.services.idempotency import KeyClaim, key_parameters
from credit.services.warnings import watch_balance
from giftcards.providers import configured_providers
from giftcards.selectors.card_facts import CardFacts, card_facts
from loyalty.models import Reward
from loyalty.services.contacts import Contact
from loyalty.services.points_log import updating_points
from loyalty.services.refusals import NoSuchThingError, call
from loyalty.services.reward_links import (
    derive_reward_token,
    digest_of_reward_token,
    link_until,
)
from loyalty.services.reward_words import REFUSED
from sms.models import Message
from sms.queue import ring_bell

log = structlog.get_logger()

_WITH_LINK: Final = frozenset({Reward.State.ISSUED, Reward.State.DELIVERED, Reward.State.CONFIRMED})
_TAKE: Final = (
    "SELECT state FROM loyalty_take_reward("
    "%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::text[], %s, %s, %s, %s, %s, %s)"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RewardResult:
    """A gift card for points as it stands; amounts in minor units.

    :param state: ``issued`` (then ``card`` is there), or ``provisioning`` while it is bought.
    :param reveal_token: the secret of the link to the card, None until there is one.
    """

    reward_id: UUID
    client_id: UUID
    customer_id: UUID
    state: str
    reason_code: str
    source: str
    face_value_minor: int
    charged_minor: int | None
    currency: str
    brand_name: str
    points_spent: int
    points_balance: int
    card: CardFacts | None
    contact: Contact
    message_id: UUID | None
    reveal_token: str | None
    created_at: datetime
    issued_at: datetime | None


@durable
def take_reward(
    *,
    client_id: UUID,
    customer_id: UUID,
    denomination_id: UUID,
    contact: Contact,
    actor: str,
    request_id: str,
    now: datetime,
    disclose: bool = False,
    locale: str | None = None,
    key: KeyClaim | None = None,
) -> RewardResult:
    """Give a customer a gift card for points, at once from stock or later from a provider.

    From stock the points are spent with the card's claim. Where it has to be bought they are held
    until its order ends: then they are spent, or free again. Without ``key`` a repeat takes a
    second card; with it, it raises :class:`KeyAnsweredError`, and :func:`find_reward` tells what
    became of the first.

    :param disclose: the answer will show the card's code, so mark it as seen in the same
        transaction (Note [Disclosure]).
    :raises NotEnoughPointsError: GC-112.
    :raises InsufficientCreditError: the client's account can't pay for the card (GC-006).
    :raises ServiceError: GC-002 the value is not offered, GC-003 there is no card anywhere,
        GC-004 its provider is not set up, GC-008 the client has no account, GC-012 names the
        field; nothing was written.
    """
    reward_id = uuid4()
    with updating_points(customer_id=customer_id, order_id=reward_id) as update:
        (state,) = _call(
            [
                reward_id,
                client_id,
                customer_id,
                denomination_id,
                contact.method,
                contact.to,
                locale or settings.LANGUAGE_CODE,
                disclose,
                uuid4(),
                digest_of_reward_token(derive_reward_token(reward_id=reward_id)),
                link_until(now),
                configured_providers(),
                actor,
                request_id,
                *key_parameters(key),
                now,
            ],
        )
        result = find_reward(reward_id=reward_id)
        if state in _WITH_LINK:
            update.applied(redeemed=result.points_spent)
    _follow(result, now)
    log.info(
        "[LOYALTY] Gift card for points",
        reward_id=str(reward_id),
        customer_id=str(customer_id),
        state=result.state,
    )
    return result


def _call(parameters: Sequence[Any]) -> tuple[Any, ...]:
    try:
        return call(_TAKE, parameters)
    except ServiceError as error:
        error.said_instead = REFUSED.get(error.code, "")
        raise


@seeing(EVERYTHING)
def find_reward(*, reward_id: UUID) -> RewardResult:
    """Return a reward as it stands; the caller has made sure whose it is.

    :raises NoSuchThingError: GC-111.
    """
    try:
        reward = Reward.objects.select_related("card", "customer", "denomination__brand").get(
            pk=reward_id
        )
    except Reward.DoesNotExist:
        raise NoSuchThingError from None
    brand = reward.denomination.brand
    card = reward.card
    message_id = (
        Message.objects.filter(reference_kind="reward", reference_id=reward_id)
        .order_by("-created_at", "pk")
        .values_list("pk", flat=True)
        .first()
    )
    return RewardResult(
        reward_id=reward.pk,
        client_id=reward.client_id,
        customer_id=reward.customer_id,
        state=reward.state,
        reason_code=reward.reason_code,
        source=reward.source,
        face_value_minor=reward.face_value_minor,
        charged_minor=reward.charged_minor,
        currency=reward.currency,
        brand_name=brand.name,
        points_spent=reward.points,
        points_balance=reward.customer.points_balance,
        card=None if card is None else card_facts(card, brand=brand),
        contact=Contact(method=reward.contact_method, to=reward.contact_to),  # type: ignore[arg-type]
        message_id=message_id,
        reveal_token=derive_reward_token(reward_id=reward.pk)
        if reward.state in _WITH_LINK
        else None,
        created_at=reward.created_at,
        issued_at=reward.issued_at,
    )


def _follow(result: RewardResult, now: datetime) -> None:
    """Do what comes after the commit; the card is given whatever fails here."""
    if result.message_id is not None:
        ring_bell("sms.tasks.send_messages")
    if result.state == Reward.State.PROVISIONING:
        ring_bell("giftcards.tasks.place_orders")
    elif not result.charged_minor:
        return
    try:
        with seeing(EVERYTHING):
            account_id = Account.objects.values_list("pk", flat=True).get(
                level=Account.Level.CLIENT, client_id=result.client_id, currency=result.currency
            )
        watch_balance(account_id=account_id, now=now)
        tell_account_changed(account_ids=[account_id], now=now)
    except DatabaseError:
        log.exception("[LOYALTY] Balance not reviewed", reward_id=str(result.reward_id))
