"""Articles: what a client sells at its tills, for how much, and how many there are."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.utils.translation import gettext as _

from alerts.errors import ValidationFailedError
from alerts.transactions import durable, transaction
from credit.services.idempotency import KeyClaim, keep_answer
from credit.services.transfers import is_violation_of
from loyalty.models import StockItem
from loyalty.services.fields import find_currency_errors, find_text_errors
from loyalty.services.refusals import NoSuchThingError, refuse

log = structlog.get_logger()

# So that no cart's sum leaves 64 bits.
_MOST: Final = 10**12


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ArticleResult:
    """An article as it stands; its price in minor units."""

    stock_item_id: UUID
    sku: str
    name: str
    price_minor: int
    currency: str
    on_hand: int
    reserved: int
    is_active: bool


@durable
def create_article(
    *,
    client_id: UUID,
    sku: str,
    name: str,
    price_minor: int,
    currency: str,
    on_hand: int,
    actor: str,
    now: datetime,
    key: KeyClaim | None = None,
) -> ArticleResult:
    """Add an article. A repeat is refused: the client has one of this number.

    With ``key`` a repeat raises :class:`KeyAnsweredError`, or that.

    :raises ValidationFailedError: GC-012, names the field.
    """
    sku, name = sku.strip(), name.strip()
    errors = {
        **_find_errors(sku=sku, name=name, price_minor=price_minor, on_hand=on_hand),
        **find_currency_errors(currency),
    }
    if errors:
        raise ValidationFailedError(errors=errors)
    try:
        with transaction():
            article = StockItem.objects.create(
                client_id=client_id,
                sku=sku,
                name=name,
                price_minor=price_minor,
                currency=currency,
                on_hand=on_hand,
                created_at=now,
            )
            article.refresh_from_db()
            if key is not None:
                keep_answer(claim=key, object_id=article.pk, status=201, now=now)
    except IntegrityError as error:
        if is_violation_of("loyalty_stockitem_sku_unique", error):
            raise refuse("sku", _("There is an article of this number.")) from error
        raise
    log.info("[LOYALTY] Article added", stock_item_id=str(article.pk), actor=actor)
    return _facts(article)


@durable
def change_article(
    *,
    client_id: UUID,
    stock_item_id: UUID,
    actor: str,
    name: str | None = None,
    price_minor: int | None = None,
    on_hand: int | None = None,
    is_active: bool | None = None,
) -> ArticleResult:
    """Change an article; what is None stays. Safe to repeat.

    Checkouts that have begun keep the price that they began with.

    :param on_hand: how many were counted, those that checkouts have set aside among them.
    :raises NoSuchThingError: GC-111.
    :raises ValidationFailedError: GC-012, names the field; fewer than are set aside is one.
    """
    fields: dict[str, object] = {
        field: value
        for field, value in (
            ("name", None if name is None else name.strip()),
            ("price_minor", price_minor),
            ("on_hand", on_hand),
            ("is_active", is_active),
        )
        if value is not None
    }
    errors = _find_errors(
        name=None if name is None else name.strip(), price_minor=price_minor, on_hand=on_hand
    )
    if errors:
        raise ValidationFailedError(errors=errors)
    mine = StockItem.objects.filter(pk=stock_item_id, client_id=client_id)
    # The guard is part of the statement: a checkout may set some aside at this moment.
    allowed = mine if on_hand is None else mine.filter(reserved__lte=on_hand)
    with transaction():
        written = allowed.update(**fields) if fields else 1
        try:
            article = mine.get()
        except StockItem.DoesNotExist:
            raise NoSuchThingError from None
    if not written:
        raise refuse(
            "on_hand",
            _("Checkouts that are under way have set %(reserved)s aside.")
            % {"reserved": article.reserved},
        )
    log.info(
        "[LOYALTY] Article changed",
        stock_item_id=str(stock_item_id),
        fields=sorted(fields),
        actor=actor,
    )
    return _facts(article)


def _find_errors(
    *,
    name: str | None,
    price_minor: int | None,
    on_hand: int | None,
    sku: str | None = None,
) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for field, text, most in (("sku", sku, 64), ("name", name, 120)):
        if text is not None:
            errors |= find_text_errors(field, text, longest=most)
    for field, number in (("price", price_minor), ("on_hand", on_hand)):
        if number is not None and not 0 <= number <= _MOST:
            errors[field] = [_("Enter a number from 0 on.")]
    return errors


def _facts(article: StockItem) -> ArticleResult:
    return ArticleResult(
        stock_item_id=article.pk,
        sku=article.sku,
        name=article.name,
        price_minor=article.price_minor,
        currency=article.currency,
        on_hand=article.on_hand,
        reserved=article.reserved,
        is_active=article.is_active,
    )
