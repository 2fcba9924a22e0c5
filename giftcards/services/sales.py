"""Selling cards of the platform's stock to a client, and taking a sale back.

The work is done by the database (Note [Selling cards]); this module says who may, gives a repeat
the first answer and turns what the database refuses into our own words.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID, uuid4

from django.db import DatabaseError, IntegrityError, OperationalError

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError, from_database_error
from alerts.scope import EVERYTHING, seeing
from alerts.statements import call_function
from alerts.transactions import durable, savepoint, transaction
from credit.models import Account, Client, Transaction
from credit.money import display_amount, format_amount
from credit.selectors.viewers import SYSTEM, Role, Viewer
from credit.services.audit import record_event
from credit.services.events import tell_account_changed
from credit.services.idempotency import (
    KeyAnsweredError,
    KeyClaim,
    KeyReusedError,
    StillRunningError,
    find_record,
    keep_answer,
)
from credit.services.transfers import (
    AccountNotActiveError,
    AlreadySettledError,
    InsufficientCreditError,
    check_amount,
    is_violation_of,
    settlement_of,
)
from giftcards.models import CardSale, Pool

LARGEST_SALE: Final = 100_000
# What a partner's key needs to sell cards.
_SCOPE: Final = "inventory:write"
_CREATED: Final = 201
_SELL: Final = (
    "SELECT sale_id, available FROM giftcards_sell_cards(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_REVERSE: Final = "SELECT used, is_replay FROM giftcards_reverse_sale(%s, %s, %s)"


@dataclasses.dataclass(eq=False, kw_only=True)
class TooFewCardsError(ServiceError):
    """The pool has fewer cards for sale than were asked for, so none was sold."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    answer_fields: ClassVar = ("available", "quantity")

    pool_id: UUID
    available: int
    quantity: int


@dataclasses.dataclass(eq=False, kw_only=True)
class SaleInUseError(ServiceError):
    """Some cards of the sale are not available any more, so it stands."""

    code: ClassVar = ErrorCode.STATE_FORBIDS
    answer_fields: ClassVar = ("used",)

    sale_id: UUID
    used: int


@dataclasses.dataclass(eq=False, kw_only=True)
class SaleNotFoundError(ServiceError):
    """No such master pool, client or sale, or not the viewer's to sell from."""

    code: ClassVar = ErrorCode.NOT_FOUND


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Cards sold, or taken back: with ``is_replay`` by an earlier call. Amounts in minor units."""

    sale_id: UUID
    pool_id: UUID
    client_id: UUID
    quantity: int
    price_per_card_minor: int
    total_minor: int
    currency: str
    transaction_id: UUID
    refund_id: UUID | None
    is_replay: bool


@durable
def sell_cards(
    *,
    viewer: Viewer,
    master_pool_id: UUID,
    client_id: UUID,
    quantity: int,
    price_per_card_minor: int,
    key: str,
    now: datetime,
    claim: KeyClaim | None = None,
) -> Sale:
    """Move cards of a master pool to the client's pool of that value, paid by its account.

    Exactly ``quantity`` of them or none. A repeat with the same key returns the first sale. With
    a ``claim`` the key is the partner's Idempotency-Key, and its record is written with the sale.

    :param price_per_card_minor: in the minor units of the pool's currency.
    :param key: unique for the viewer, or for the claim's organisation.
    :raises SaleNotFoundError: no such client, no such master pool in use, or it is not for this
        viewer: the platform's admins and keys sell (GC-111).
    :raises ValidationFailedError: quantity or price is not positive or too large (GC-012).
    :raises TooFewCardsError: fewer cards are available and not expired (GC-115).
    :raises InsufficientCreditError: the client's account holds less than the total (GC-006).
    :raises AccountNotActiveError: it is paused or closed (GC-115).
    :raises ServiceError: the client has no account in the pool's currency (GC-008).
    :raises KeyReusedError: the key stands for another sale (GC-107).
    :raises KeyAnsweredError: the claim was answered with a refusal, which its record keeps.
    :raises StillRunningError: whoever sells from the pool takes longer than two seconds (GC-108).
    """
    _check_seller(viewer)
    _check_terms(quantity, price_per_card_minor)
    sale_id = uuid4()
    with seeing(EVERYTHING), transaction():
        record = None if claim is None else find_record(claim=claim)
        if record is not None and record.error_code:
            raise KeyAnsweredError
        with _explained():
            found_id, available = call_function(
                _SELL,
                [
                    sale_id,
                    master_pool_id,
                    client_id,
                    quantity,
                    price_per_card_minor,
                    _name_pool(master_pool_id, client_id),
                    _sale_key(viewer, key, claim),
                    viewer.actor,
                    now,
                ],
            )
        if found_id is None:
            raise TooFewCardsError(
                pool_id=master_pool_id,
                available=available,
                quantity=quantity,
                errors={
                    "quantity": [f"{available} cards are available, and {quantity} were asked for."]
                },
            )
        sale = CardSale.objects.select_related("client").get(pk=found_id)
        asked = (master_pool_id, client_id, quantity, price_per_card_minor)
        sold = (sale.master_pool_id, sale.client_id, sale.quantity, sale.price_per_card_minor)
        if sold != asked:
            raise KeyReusedError
        is_replay = found_id != sale_id
        if not is_replay:
            _write_down("cards.sold", sale, viewer, now)
        if claim is not None and record is None:
            keep_answer(claim=claim, object_id=sale.pk, status=_CREATED, now=now)
    _tell(sale, now)
    return _print(sale, is_replay=is_replay)


@durable
def reverse_sale(*, viewer: Viewer, sale_id: UUID, now: datetime) -> Sale:
    """Take a sale back while none of its cards is used: cards to the pool, money to the account.

    A repeat returns the first reversal.

    :raises SaleNotFoundError: no such sale, or it is not for this viewer (GC-111).
    :raises SaleInUseError: some of its cards are not available any more (GC-115).
    :raises AlreadySettledError: its payment was undone by an adjustment (GC-115).
    :raises StillRunningError: a redemption of one of its cards takes longer than two seconds
        (GC-108).
    """
    _check_seller(viewer)
    with seeing(EVERYTHING), transaction():
        with _explained(sale_id):
            used, is_replay = call_function(_REVERSE, [sale_id, viewer.actor, now])
        if used:
            raise SaleInUseError(
                sale_id=sale_id,
                used=used,
                errors={"sale": [f"{used} of its cards are in use or gone, so the sale stands."]},
            )
        sale = CardSale.objects.select_related("client").get(pk=sale_id)
        if not is_replay:
            _write_down("cards.sale_reversed", sale, viewer, now)
    _tell(sale, now)
    return _print(sale, is_replay=is_replay)


def _check_seller(viewer: Viewer) -> None:
    """Let nobody sell but the platform: whoever named the price could empty its stock for a cent.

    What an auditor sees counts for nothing here.
    """
    if viewer != SYSTEM and _SCOPE not in viewer.scopes:
        viewer = viewer.narrowed_to({Role.PLATFORM_ADMIN})
    if not viewer.sees_platform:
        raise SaleNotFoundError


def _check_terms(quantity: int, price_per_card_minor: int) -> None:
    if not 0 < quantity <= LARGEST_SALE:
        raise ValidationFailedError(
            errors={"quantity": [f"Sell from 1 to {LARGEST_SALE:,} cards at once."]}
        )
    for amount_minor in (price_per_card_minor, quantity * price_per_card_minor):
        check_amount(amount_minor, field="price_per_card")


def _name_pool(master_pool_id: UUID, client_id: UUID) -> str:
    """Return how the client's pool is called if the sale has to make it."""
    pool = Pool.objects.select_related("denomination__brand").filter(pk=master_pool_id).first()
    client = Client.objects.filter(pk=client_id).first()
    if pool is None or client is None:
        raise SaleNotFoundError
    value = display_amount(pool.denomination.value_minor, pool.denomination.currency)
    return f"{client.name}: {pool.denomination.brand.name} {value}"[:120]


def _sale_key(viewer: Viewer, key: str, claim: KeyClaim | None) -> str:
    # Everybody chooses keys of their own, so that two may choose the same one.
    owner = viewer.actor if claim is None else claim.owner
    return f"{owner}:{hashlib.sha256(key.encode()).hexdigest()}"


@contextlib.contextmanager
def _explained(sale_id: UUID | None = None) -> Iterator[None]:
    """Turn what the database refuses into our own words."""
    try:
        with savepoint():
            yield
    except IntegrityError as error:
        # The same key at the same time on another pool, whose lock this one did not meet.
        if is_violation_of("giftcards_cardsale_once", error):
            raise KeyReusedError from error
        if is_violation_of("credit_transaction_settled_once", error) and sale_id is not None:
            paid_id = CardSale.objects.get(pk=sale_id).transaction_id
            settled_by = settlement_of(paid_id)
            raise AlreadySettledError(
                transaction_id=paid_id, settled_by_id=settled_by.pk if settled_by else None
            ) from error
        raise
    except DatabaseError as error:
        sqlstate = getattr(error.__cause__, "sqlstate", None)
        if isinstance(error, OperationalError) and sqlstate == StillRunningError.LOCK_NOT_AVAILABLE:
            raise StillRunningError from error
        refusal = from_database_error(error)
        if refusal is not None and refusal.code is ErrorCode.NOT_FOUND:
            raise SaleNotFoundError from error
        if isinstance(refusal, InsufficientCreditError) and refusal.account_id is not None:
            account = Account.objects.get(pk=refusal.account_id)
            if account.status != Account.Status.ACTIVE:
                raise AccountNotActiveError(account_id=account.pk, status=account.status) from error
        raise refusal or error from error


def _write_down(action: str, sale: CardSale, viewer: Viewer, now: datetime) -> None:
    record_event(
        actor=viewer.actor,
        action=action,
        object_kind="cardsale",
        object_id=sale.pk,
        now=now,
        after={
            "pool_id": str(sale.master_pool_id),
            "quantity": sale.quantity,
            "total": format_amount(sale.total_minor, sale.currency),
            "currency": sale.currency,
        },
        owner=sale.client,
    )


def _tell(sale: CardSale, now: datetime) -> None:
    # Also after a repeat: the first call may have died before anybody was told.
    with seeing(EVERYTHING):
        payers = list(
            Transaction.objects.filter(pk=sale.transaction_id, entries__amount_minor__lt=0)
            .order_by()
            .values_list("entries__account_id", flat=True)
            .distinct()
        )
    tell_account_changed(account_ids=payers, now=now)


def _print(sale: CardSale, *, is_replay: bool) -> Sale:
    return Sale(
        sale_id=sale.pk,
        pool_id=sale.pool_id,
        client_id=sale.client_id,
        quantity=sale.quantity,
        price_per_card_minor=sale.price_per_card_minor,
        total_minor=sale.total_minor,
        currency=sale.currency,
        transaction_id=sale.transaction_id,
        refund_id=sale.refund_id,
        is_replay=is_replay,
    )
