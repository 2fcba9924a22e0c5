"""Who holds what is bought at a provider, and hears what became of the order.

This app knows neither redemptions nor rewards: ``settings.ORDER_PARTIES`` names, for each kind of
holder, one function that locks it and one that is told the outcome, by dotted path:
``{"redemption": {"lock": "….lock_holder", "settle": "….settle_order"}}``. Checked at start.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, Protocol, cast
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

ROLES: Final = ("lock", "settle")


class OrderOutcome(enum.StrEnum):
    """What the holder is told of its order."""

    SOLD = "sold"
    # Refused, ended without a card, or taken back: the hold is released in the same transaction.
    NOT_SOLD = "not_sold"
    # The tries are used up and nobody knows: a person looks, the hold stays.
    UNKNOWN = "unknown"
    # A person has sent it again: what was unknown is in work.
    IN_WORK = "in_work"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """An order as its holder needs to know it.

    :param trace_id: of the request that placed the order, as in the logs.
    :param cost_minor: what the card cost, None when it was not said or not sold.
    :param error_code: the provider's code, or a word of ours, where it was not sold.
    :param actor: who settled it: ``"system"``, or the person who gave it its end.
    """

    order_id: UUID
    provider: str
    holder_kind: str
    holder_id: UUID
    client_id: UUID
    pool_id: UUID
    charge_minor: int
    currency: str
    value_minor: int
    attempts: int
    placed_at: datetime
    trace_id: str = ""
    provider_reference: str = ""
    cost_minor: int | None = None
    error_code: str = ""
    actor: str = "system"


class LockHolder(Protocol):
    """Locks the holder (and what stands before it in Note [Lock order]) until the commit."""

    def __call__(self, *, holder_id: UUID) -> None: ...


class SettleOrder(Protocol):
    """Draws the conclusions, within the transaction that ends the order.

    Called after the holder, the order and the card are locked or written, and before the account
    is: it must not touch an account itself. SOLD comes with the card, claimed by the holder, and
    with the capture of its hold (None where nothing was charged); both exist. It is called once
    for an end, and must not refuse: what it raises undoes the recording, and the order is asked
    for again under the same id.
    """

    def __call__(
        self,
        *,
        order: OrderFacts,
        outcome: OrderOutcome,
        card_id: UUID | None,
        transaction_id: UUID | None,
        now: datetime,
    ) -> None: ...


class NoPartyError(LookupError):
    """``ORDER_PARTIES`` names nobody for this kind of holder, so nothing is bought for it."""

    def __init__(self, kind: str) -> None:
        known = ", ".join(sorted(settings.ORDER_PARTIES)) or "none"
        super().__init__(f"ORDER_PARTIES has nobody for the holder kind {kind!r}; known: {known}.")


def find_party(kind: str) -> tuple[LockHolder, SettleOrder]:
    """Return the functions of a kind of holder.

    :raises NoPartyError: the settings name none.
    """
    party: dict[str, str] | None = settings.ORDER_PARTIES.get(kind)
    if party is None or any(role not in party for role in ROLES):
        raise NoPartyError(kind)
    lock, settle = (cast(Callable[..., Any], import_string(party[role])) for role in ROLES)
    return lock, settle
