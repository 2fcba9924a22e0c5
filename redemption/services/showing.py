"""Showing a card to the one it belongs to: the browser that redeemed, or the one its link is
bound to.

A link is bound by pressing its button, not by opening it: previews of messages open links too.
"""

import dataclasses
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

from django.db.models import Q

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from giftcards.services.secrets import open_field
from redemption.codes import TEST_CARD_CODE
from redemption.models import Redemption, RevealLink
from redemption.selectors.rewards import RewardFacts, reward_facts
from redemption.services.disclosure import disclose_redemption
from redemption.services.links import digest_of_token


@dataclasses.dataclass(eq=False, kw_only=True)
class LinkUnknownError(ServiceError):
    """The link leads nowhere: mistyped, or revoked when it was replaced."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(eq=False, kw_only=True)
class LinkExpiredError(ServiceError):
    """The link was good once."""

    code: ClassVar = ErrorCode.CODE_EXPIRED

    redemption_id: UUID


@dataclasses.dataclass(eq=False, kw_only=True)
class LinkBoundElsewhereError(ServiceError):
    """Another browser has opened the link first."""

    code: ClassVar = ErrorCode.NOT_PERMITTED

    redemption_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownCard:
    """A card with its secrets open; printed once and kept nowhere."""

    reward: RewardFacts
    code: str = dataclasses.field(repr=False)
    pin: str = dataclasses.field(repr=False)
    number: str = dataclasses.field(repr=False)
    url: str = dataclasses.field(repr=False)
    expires_on: date | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OpenedLink:
    """Where a link leads, and whether this browser may see the card without another press."""

    reward: RewardFacts
    is_proven: bool


@seeing(EVERYTHING)
def show_card(*, redemption_id: UUID, actor: str, now: datetime) -> ShownCard | None:
    """Open a redemption's card, after its disclosure is committed; None when there is none yet.

    The caller has proven that it may be seen.
    """
    disclosed = disclose_redemption(redemption_id=redemption_id, actor=actor, now=now)
    if disclosed is None:
        return None
    reward = reward_facts(redemption_id=redemption_id)
    card = disclosed.card
    if card is None:
        return ShownCard(
            reward=reward, code=TEST_CARD_CODE, pin="", number="", url="", expires_on=None
        )
    return ShownCard(
        reward=reward,
        code=open_field(card.code_encrypted, field="code"),
        pin=open_field(card.pin_encrypted, field="pin"),
        number=open_field(card.number_encrypted, field="number"),
        url=open_field(card.url_encrypted, field="url"),
        expires_on=card.expires_on,
    )


@seeing(EVERYTHING)
def open_link(*, token: str, browser_digest: bytes, now: datetime) -> OpenedLink:
    """Return where a link leads; nothing is shown or bound yet.

    :raises LinkUnknownError: it leads nowhere, or its card is not there yet.
    :raises LinkExpiredError: it is too old.
    :raises LinkBoundElsewhereError: it is another browser's.
    """
    link = _find_link(token)
    if link.expires_at <= now:
        raise LinkExpiredError(redemption_id=link.redemption_id)
    owner = link.redemption.browser_digest
    is_proven = browser_digest in {_bytes(link.bound_to), _bytes(owner)}
    if link.bound_to is not None and not is_proven:
        raise LinkBoundElsewhereError(redemption_id=link.redemption_id)
    return OpenedLink(reward=reward_facts(redemption_id=link.redemption_id), is_proven=is_proven)


@seeing(EVERYTHING)
def bind_link(*, token: str, browser_digest: bytes, now: datetime) -> UUID:
    """Bind a link to the browser that pressed its button; return the redemption it leads to.

    Safe to repeat; of two browsers at once one wins. The browser that redeemed needs no binding,
    so that looking at one's own text on the computer does not lock out one's phone.

    :raises LinkUnknownError: see :func:`open_link`, as for the others.
    """
    opened = open_link(token=token, browser_digest=browser_digest, now=now)
    if not opened.is_proven:
        bound = (
            RevealLink.objects.filter(token_digest=digest_of_token(token), revoked_at=None)
            .filter(Q(bound_to=None) | Q(bound_to=browser_digest))
            .update(bound_to=browser_digest, bound_at=now)
        )
        if not bound:
            raise LinkBoundElsewhereError(redemption_id=opened.reward.redemption_id)
    return opened.reward.redemption_id


def _find_link(token: str) -> RevealLink:
    try:
        return RevealLink.objects.select_related("redemption").get(
            token_digest=digest_of_token(token),
            revoked_at=None,
            redemption__issued_at__isnull=False,
            redemption__cancelled_at=None,
        )
    except RevealLink.DoesNotExist:
        _refuse_what_is_over(token)
        raise LinkUnknownError from None


def _refuse_what_is_over(token: str) -> None:
    """Say of a link that was never opened in time what became of its card."""
    over = RevealLink.objects.filter(
        token_digest=digest_of_token(token),
        redemption__state=Redemption.State.FAILED,
        redemption__reason_code=ErrorCode.CODE_EXPIRED.code,
    )
    for link in over:
        raise LinkExpiredError(redemption_id=link.redemption_id)


def _bytes(value: object) -> bytes | None:
    return None if value is None else bytes(value)  # type: ignore[call-overload]
