"""Handing a customer all that is kept about them: as data for machines and as a page to read."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.scope import EVERYTHING, seeing
from alerts.services.person_files import pack_person, read_section
from alerts.transactions import durable, snapshot, transaction
from credit.models import User
from credit.selectors.staff import may_export_people
from credit.services.audit import record_event
from loyalty.models import Customer, Reward
from loyalty.selectors.personal_data import CustomerData, read_customer
from loyalty.selectors.personal_sections import list_customer_sections
from loyalty.services.refusals import NoSuchThingError
from loyalty.services.stated_reasons import read_stated_reason


@dataclasses.dataclass(eq=False, kw_only=True)
class CustomerExportNotPermittedError(ServiceError):
    """Handing out a person's data takes a right of its own."""

    code: ClassVar = ErrorCode.NOT_PERMITTED


@seeing(EVERYTHING)
@durable
def export_customer(*, user: User, customer_id: UUID, reason: str, now: datetime) -> bytes:
    """Return a ZIP archive of all that is kept about a customer.

    ``data.json`` is for machines, ``index.html`` for people. Of gift cards the last four symbols
    are in it, of secrets nothing. Who took it out, and why, is written down.

    :raises CustomerExportNotPermittedError: GC-110.
    :raises NoSuchThingError: GC-111.
    :raises ValidationFailedError: no reason (GC-012).
    """
    if not may_export_people(user):
        raise CustomerExportNotPermittedError
    reason = read_stated_reason(reason)
    with snapshot():
        try:
            data = read_customer(customer_id=customer_id)
        except Customer.DoesNotExist:
            raise NoSuchThingError from None
        sections = [read_section(section) for section in list_customer_sections(data)]
        _add_cards(sections, data)
    with transaction():
        record_event(
            actor=f"user:{user.pk}",
            action="customer.exported",
            object_kind="customer",
            object_id=customer_id,
            now=now,
            reason=reason,
            owner=data.customer.client,
        )
    return pack_person(sections, now=now)


def _add_cards(sections: list[dict[str, Any]], data: CustomerData) -> None:
    """Say of each reward which card it was, without its code."""
    rewards = Reward.objects.filter(pk__in=data.reward_ids).exclude(card=None)
    cards = {one.pk: one.card for one in rewards.select_related("card__brand")}
    (given,) = (section for section in sections if section["key"] == "rewards")
    for row in given["rows"]:
        card = cards.get(row["id"])
        if card is not None:
            row["card"] = f"{card.brand.name} …{card.last4}"
