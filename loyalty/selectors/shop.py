"""Articles and tills as their owners see them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from credit.models import Account
from credit.selectors.viewers import Viewer
from loyalty.models import LoyaltyProgram, RegisterSession, StockItem


def articles_of(
    *, viewer: Viewer, client_id: UUID | None = None, sku: str | None = None
) -> QuerySet[StockItem]:
    """Return the articles that the viewer may see."""
    return _narrowed(StockItem.objects.filter(viewer.client_filter()), client_id=client_id, sku=sku)


def sessions_of(
    *, viewer: Viewer, client_id: UUID | None = None, is_open: bool | None = None
) -> QuerySet[RegisterSession]:
    """Return the tills' sessions that the viewer may see."""
    sessions = RegisterSession.objects.filter(viewer.client_filter())
    if is_open is not None:
        sessions = sessions.filter(closed_at__isnull=is_open)
    return _narrowed(sessions, client_id=client_id)


def currency_of_client(client_id: UUID) -> str | None:
    """Return what a client sells in where nothing else is said, None where that isn't clear.

    It is the programme's currency; without a programme that of the client's only account.
    """
    of_program = list(
        LoyaltyProgram.objects.filter(client_id=client_id).values_list("currency", flat=True)
    )
    if of_program:
        return of_program[0]
    of_accounts = set(
        Account.objects.filter(client_id=client_id, level=Account.Level.CLIENT).values_list(
            "currency", flat=True
        )
    )
    return of_accounts.pop() if len(of_accounts) == 1 else None


def currency_of_articles(*, client_id: UUID, skus: Collection[str]) -> str | None:
    """Return the currency of a cart's articles, None where there are none or several."""
    currencies = set(
        StockItem.objects.filter(client_id=client_id, sku__in=skus).values_list(
            "currency", flat=True
        )
    )
    return currencies.pop() if len(currencies) == 1 else None


def _narrowed(rows: QuerySet[Any], **filters: object) -> QuerySet[Any]:
    return rows.filter(**{name: value for name, value in filters.items() if value is not None})
