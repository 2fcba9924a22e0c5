"""Articles: what a client sells at its tills, for how much, and how many there are."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.utils.translation import gettext as _

from alerts.errors import ValidationFailedError
from alerts.transactions import durable, transaction, transaction_required
from credit.services.audit import record_event
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
    try:
        with transaction():
            article = add_article(
                client_id=client_id,
                sku=sku,
                name=name,
                price_minor=price_minor,
                currency=currency,
                on_hand=on_hand,
                actor=actor,
                now=now,
            )
            if key is not None:
                keep_answer(claim=key, object_id=article.stock_item_id, status=201, now=now)
    except IntegrityError as error:
        if is_violation_of("loyalty_stockitem_sku_unique", error):
            raise refuse("sku", _("There is an article of this number.")) from error
        raise
    return article


@transaction_required
def add_article(
    *,
    client_id: UUID,
    sku: str,
    name: str,
    price_minor: int,
    currency: str,
    on_hand: int,
    actor: str,
    now: datetime,
    is_active: bool = True,
) -> ArticleResult:
    """Add an article and write down who did.

    :raises ValidationFailedError: GC-012, names the field.
    :raises IntegrityError: ``loyalty_stockitem_sku_unique``, the client has one of this number.
    """
    sku, name = sku.strip(), name.strip()
    errors = find_article_errors(
        sku=sku, name=name, price_minor=price_minor, currency=currency, on_hand=on_hand
    )
    if errors:
        raise ValidationFailedError(errors=errors)
    article = StockItem.objects.create(
        client_id=client_id,
        sku=sku,
        name=name,
        price_minor=price_minor,
        currency=currency,
        on_hand=on_hand,
        is_active=is_active,
        created_at=now,
    )
    article.refresh_from_db()
    _record(article, "article.added", before=None, after=_terms(article), actor=actor, now=now)
    return _facts(article)


@transaction_required
def change_article(
    *,
    client_id: UUID,
    stock_item_id: UUID,
    actor: str,
    now: datetime,
    name: str | None = None,
    price_minor: int | None = None,
    on_hand: int | None = None,
    is_active: bool | None = None,
) -> ArticleResult:
    """Change an article and write down who did; what is None stays. Safe to repeat.

    Checkouts that have begun keep the price that they began with.

    :param on_hand: how many were counted, those that checkouts have set aside among them.
    :raises NoSuchThingError: GC-111.
    :raises ValidationFailedError: GC-012, names the field; fewer than are set aside is one.
    """
    try:
        # A checkout that wants to set some aside waits, and finds what was counted.
        article = (
            StockItem.objects.select_for_update(no_key=True, of=("self",))
            .select_related("client")
            .get(pk=stock_item_id, client_id=client_id)
        )
    except StockItem.DoesNotExist:
        raise NoSuchThingError from None
    name = None if name is None else name.strip()
    errors = find_article_errors(
        name=name, price_minor=price_minor, on_hand=on_hand, reserved=article.reserved
    )
    if errors:
        raise ValidationFailedError(errors=errors)
    asked = {"name": name, "price_minor": price_minor, "on_hand": on_hand, "is_active": is_active}
    before = _terms(article)
    changed = {
        field: value
        for field, value in asked.items()
        if value is not None and value != before[field]
    }
    if changed:
        for field, value in changed.items():
            setattr(article, field, value)
        article.save(update_fields=list(changed))
        _record(
            article,
            "article.changed",
            before={field: before[field] for field in changed},
            after=changed,
            actor=actor,
            now=now,
        )
    return _facts(article)


def find_article_errors(
    *,
    name: str | None,
    price_minor: int | None,
    on_hand: int | None,
    sku: str | None = None,
    currency: str | None = None,
    reserved: int = 0,
) -> dict[str, list[str]]:
    """Return what is wrong with an article's terms, by the field; what is None is not asked."""
    errors: dict[str, list[str]] = {}
    for field, text, most in (("sku", sku, 64), ("name", name, 120)):
        if text is not None:
            errors |= find_text_errors(field, text, longest=most)
    for field, number in (("price", price_minor), ("on_hand", on_hand)):
        if number is not None and not 0 <= number <= _MOST:
            errors[field] = [_("Enter a number from 0 on.")]
    if on_hand is not None and "on_hand" not in errors and on_hand < reserved:
        errors["on_hand"] = [
            _("Checkouts that are under way have set %(reserved)s aside.") % {"reserved": reserved}
        ]
    return errors if currency is None else errors | find_currency_errors(currency)


def _record(
    article: StockItem,
    action: str,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    actor: str,
    now: datetime,
) -> None:
    record_event(
        actor=actor,
        action=action,
        object_kind="article",
        object_id=article.pk,
        now=now,
        before=before,
        after=after,
        owner=article.client,
    )
    log.info(
        "[LOYALTY] Article written",
        stock_item_id=str(article.pk),
        action=action,
        fields=sorted(after),
        actor=actor,
    )


def _terms(article: StockItem) -> dict[str, Any]:
    names = ("sku", "name", "price_minor", "currency", "on_hand", "is_active")
    return {name: getattr(article, name) for name in names}


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
