"""Handing a person all that is kept about them: as data for machines and as a page to read."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from alerts.keyring import decrypt
from alerts.scope import EVERYTHING, seeing
from alerts.selectors.person_sections import Section
from alerts.services.person_files import pack_person, read_section
from alerts.transactions import durable, snapshot, transaction
from credit.models import User
from credit.selectors.staff import may_export_people
from credit.services.audit import record_event
from redemption.models import InboundEvent, Redemption
from redemption.selectors.personal_data import Person, read_person
from redemption.selectors.personal_sections import list_sections
from redemption.services.cancelling import read_reason
from redemption.services.erasing import PersonUnknownError
from redemption.services.inbound_events import BODY_CONTEXT


@dataclasses.dataclass(eq=False, kw_only=True)
class ExportNotPermittedError(ServiceError):
    """Handing out a person's data takes a right of its own."""

    code: ClassVar = ErrorCode.NOT_PERMITTED


@seeing(EVERYTHING)
@durable
def export_person(
    *, user: User, recipient_ids: Collection[UUID], reason: str, now: datetime
) -> bytes:
    """Return a ZIP archive of all that is kept about the person whom these recipients are.

    ``data.json`` is for machines, ``index.html`` for people. Of cards and redemption codes the
    last four symbols are in it, of secrets nothing. Who took it out, and why, is written down.

    :raises ExportNotPermittedError: GC-110.
    :raises PersonUnknownError: GC-111.
    :raises ValidationFailedError: no reason (GC-012).
    """
    if not may_export_people(user):
        raise ExportNotPermittedError
    reason = read_reason(reason)
    with snapshot():
        person = read_person(recipient_ids=recipient_ids)
        if not person.recipients:
            raise PersonUnknownError
        sections = [_read(section) for section in list_sections(person)]
        _add_cards(sections, person)
    with transaction():
        for one in person.recipients:
            record_event(
                actor=f"user:{user.pk}",
                action="person.exported",
                object_kind="recipient",
                object_id=one.pk,
                now=now,
                reason=reason,
                owner=one.client,
            )
    return pack_person(sections, now=now)


def _read(section: Section) -> dict[str, Any]:
    read = read_section(section)
    if section.rows.model is InboundEvent:
        for row in read["rows"]:
            row["body"] = _open_body(row.pop("body_encrypted"))
    return read


def _open_body(body: str) -> Any:
    return json.loads(decrypt(body, context=BODY_CONTEXT)) if body else None


def _add_cards(sections: list[dict[str, Any]], person: Person) -> None:
    """Say of each reward which card it was, without its code."""
    rewards = Redemption.objects.filter(pk__in=person.redemption_ids)
    cards = {one.pk: one.card for one in rewards.select_related("card__brand").exclude(card=None)}
    for section in sections:
        if section["key"] != "redemptions":
            continue
        for row in section["rows"]:
            card = cards.get(row["id"])
            if card is not None:
                row["card"] = f"{card.brand.name} …{card.last4}"
