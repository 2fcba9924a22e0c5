"""Customers and their points as the client that they belong to sees them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from credit.selectors.viewers import Viewer
from loyalty.models import Customer, LoyaltyTransaction


def customers_of(
    *,
    viewer: Viewer,
    client_id: UUID | None = None,
    phone: str | None = None,
    email: str | None = None,
) -> QuerySet[Customer]:
    """Return the customers that the viewer may see.

    :param phone: in E.164.
    :param email: in capitals or not.
    """
    customers = Customer.objects.filter(viewer.client_filter())
    if client_id is not None:
        customers = customers.filter(client_id=client_id)
    if phone is not None:
        customers = customers.filter(phone=phone)
    if email is not None:
        customers = customers.filter(pk__in=find_customers_by_email(email))
    return customers


def find_customers_named(words: Sequence[str], *, limit: int) -> list[UUID]:
    """Return customers of whom every word begins the first or last name, the newest first.

    Only for who sees all clients; nobody for no words.
    """
    return _find("SELECT loyalty_find_named(%s::text[], %s)", [list(words), limit])


def find_customers_by_email(email: str) -> list[UUID]:
    """Return customers of an address in capitals or not, of whatever client.

    Read them by what the caller may see.
    """
    return _find("SELECT loyalty_find_by_email(%s)", [email])


def _find(statement: str, parameters: Sequence[Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()]


def transactions_of(customer: Customer) -> QuerySet[LoyaltyTransaction]:
    """Return what happened to a customer's points."""
    return LoyaltyTransaction.objects.filter(customer=customer)


def points_after(*, customer_id: UUID, reference_id: UUID | None, at: datetime) -> int:
    """Return what a customer had when something was done, whatever happened since.

    :param reference_id: what was done: a checkout, a refund, a reward; where it moved no points
        the balance of that time counts.
    """
    history = LoyaltyTransaction.objects.filter(customer_id=customer_id).order_by("-number")
    found = [] if reference_id is None else list(history.filter(reference_id=reference_id)[:1])
    found = found or list(history.filter(created_at__lte=at)[:1])
    return found[0].balance_after if found else 0
