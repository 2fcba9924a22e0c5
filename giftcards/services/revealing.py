"""Showing a card's secrets to a member of staff, with a reason and a record."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from django.db import connection

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.keyring import digester
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import durable, transaction
from credit.models import User
from credit.selectors.staff import may_reveal_cards
from credit.services.audit import record_event
from giftcards.models import Brand, GiftCard
from giftcards.services.canaries import alert_shown
from giftcards.services.secrets import open_field

_IN_STOCK: Final = (GiftCard.Status.AVAILABLE, GiftCard.Status.EXPIRED)
_LONGEST_REASON: Final = 500
# What is shorter, a PIN, may stand in an honest reason by chance.
_SHORTEST_SECRET: Final = 6
# Codes are printed in groups, four or five of them.
_MOST_WORDS: Final = 5


@dataclasses.dataclass(eq=False, kw_only=True)
class RevealNotPermittedError(ServiceError):
    """The person has not been given the right to see codes."""

    code: ClassVar = ErrorCode.NOT_PERMITTED
    user_id: UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RevealedCard:
    """A card's secrets in the clear; printed once and kept nowhere."""

    code: str = dataclasses.field(repr=False)
    pin: str = dataclasses.field(repr=False)
    number: str = dataclasses.field(repr=False)
    security_code: str = dataclasses.field(repr=False)
    url: str = dataclasses.field(repr=False)


@seeing(EVERYTHING)
@durable
def reveal_card(
    *, card_id: UUID, user: User, address: str, reason: str, now: datetime
) -> RevealedCard:
    """Write down that somebody sees a card's secrets, commit that, and return them.

    The card counts as disclosed: one in stock becomes void, since nobody else may be given it
    (Note [Disclosure]); one that is held stays its holder's, and never goes back to stock. Each
    call is a showing of its own, with a record of its own.

    :param address: where the person asks from.
    :raises RevealNotPermittedError: the person lacks the right (GC-110).
    :raises ValidationFailedError: no reason, or one that holds the code itself (GC-012).
    :raises GiftCard.DoesNotExist: there is no such card.
    """
    if not may_reveal_cards(user):
        raise RevealNotPermittedError(user_id=user.pk)
    reason = " ".join(reason.split())
    if not reason:
        raise ValidationFailedError(errors={"reason": ["Say why you need to see it."]})
    if len(reason) > _LONGEST_REASON:
        raise ValidationFailedError(errors={"reason": ["Make it shorter, 500 symbols at most."]})
    actor = f"user:{user.pk}"
    with transaction():
        card = (
            GiftCard.objects.select_for_update(no_key=True, of=("self",))
            .select_related("client")
            .get(pk=card_id)
        )
        # Nothing leaves this function before the commit; if it can't be read, nothing happened.
        revealed = _open(card)
        _refuse_secrets_in(reason, revealed)
        before = card.status
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('giftline.actor', %s, true),"
                " set_config('giftline.reason', %s, true)",
                [actor, f"Shown to staff: {reason}"],
            )
        card.disclosed_at = card.disclosed_at or now
        if card.status in _IN_STOCK:
            card.status = GiftCard.Status.VOID
        card.save(update_fields=["status", "disclosed_at"])
        record_event(
            actor=actor,
            action="card.revealed",
            object_kind="card",
            object_id=card.pk,
            now=now,
            before={"status": before},
            after={"status": card.status, "shown at address": address},
            reason=reason,
            owner=card.client,
        )
        alert_shown(card=card, actor=actor, address=address, now=now)
    return revealed


def _open(card: GiftCard) -> RevealedCard:
    return RevealedCard(
        code=open_field(card.code_encrypted, field="code"),
        pin=open_field(card.pin_encrypted, field="pin"),
        number=open_field(card.number_encrypted, field="number"),
        security_code=open_field(card.security_code_encrypted, field="security_code"),
        url=open_field(card.url_encrypted, field="url"),
    )


def _refuse_secrets_in(reason: str, revealed: RevealedCard) -> None:
    """Keep the record free of what it is about: people paste the code they ask for, or another."""
    text = _fold(reason)
    own = any(
        len(secret) >= _SHORTEST_SECRET and secret in text
        for secret in map(_fold, (revealed.code, revealed.number, revealed.url))
    )
    if own or names_a_card(reason):
        raise ValidationFailedError(
            errors={"reason": ["Leave the code itself out: the reason is kept readable."]}
        )


def names_a_card(reason: str) -> bool:
    """Tell whether words of the text, taken together, are the code of any card."""
    words = [word for word in map(_fold, reason.split()) if word]
    digest = digester(purpose="card_code")
    digests = {
        digest(run)
        for start in range(len(words))
        for end in range(start + 1, min(start + _MOST_WORDS, len(words)) + 1)
        if len(run := "".join(words[start:end])) >= _SHORTEST_SECRET
    }
    # All brands by name, so that the index of codes, which begins with the brand, is used.
    brands = list(Brand.objects.values_list("pk", flat=True))
    return GiftCard.objects.filter(brand__in=brands, code_digest__in=digests).exists()


def _fold(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))
