"""Finding who is on the phone: by their code, number, CRM id or name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Final, Literal
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Case, IntegerField, QuerySet, Value, When

from alerts.keyring import digest
from alerts.scope import EVERYTHING, seeing
from credit.models import Client
from credit.selectors.viewers import Viewer, viewing
from redemption.codes import (
    CODE_SYMBOLS,
    SHORTEST_IMPORTED,
    has_valid_check_symbol,
    looks_generated,
    normalise_code,
)
from redemption.models import Campaign, Recipient
from sms.phones import PhoneError, parse_phone

By = Literal["code", "phone", "crm_id", "name", ""]
# As many as there are digits to choose them by.
MOST_PEOPLE: Final = 9
_LONGEST: Final = 256
_FEWEST_DIGITS: Final = 7
_PHONE: Final = re.compile(r"[\s\d()+./\-]+")
# The letter's QR code may hold the whole address of the form.
_CODE_IN_URL: Final = re.compile(r"^https?://\S*[?&]code=([^&\s]+)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Somebody who may be the caller."""

    recipient_id: UUID
    name: str
    place: str
    campaign: str
    client: str
    is_active: bool
    is_test: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Who was found, and by what; ``phone`` is the number that was asked for, as E.164.

    :param seems_code: what was typed looks like a code, though nobody has it.
    """

    by: By
    matches: tuple[Match, ...] = ()
    phone: str = ""
    seems_code: bool = False


def find_callers(*, viewer: Viewer, text: str) -> Found:
    """Return those whom the viewer may serve and whom the text may mean, at most nine."""
    text = read_scan(text)
    if not text:
        return Found(by="")
    with viewing(viewer):
        people = Recipient.objects.filter(viewer.client_filter())
        code = normalise_code(text)
        matches = _matches(people.filter(code_digest=digest(code, purpose="redemption_code")))
        if matches:
            return Found(by="code", matches=matches)
        phone = read_phone(text)
        if phone and (matches := _matches(people.filter(phone=phone))):
            return Found(by="phone", matches=matches, phone=phone)
        campaigns = Campaign.objects.filter(viewer.client_filter()).values("pk")
        if matches := _matches(people.filter(campaign__in=campaigns, external_crm_id=text)):
            return Found(by="crm_id", matches=matches)
        for last_name, first_name in _names(text):
            ids = _find_people(viewer, last_name, first_name)
            if ids and (matches := _matches(people.filter(pk__in=ids))):
                return Found(by="name", matches=matches)
    return Found(by="", phone=phone, seems_code=seems_code(text))


def read_scan(text: str) -> str:
    """Return what was typed or scanned; of the address in a letter's square the code."""
    text = text.strip().replace("\x00", "")[:_LONGEST]
    scanned = _CODE_IN_URL.match(text)
    return scanned[1] if scanned else text


def seems_code(text: str) -> bool:
    """Tell whether a text looks like a code, and not like a name or a number to call."""
    text = read_scan(text)
    code = normalise_code(text)
    if looks_generated(code) and has_valid_check_symbol(code):
        return True
    # An L of a name is read as 1, so what was typed is asked for digits.
    is_one = len(code) == CODE_SYMBOLS or " " not in text
    has_digit = any(map(str.isdigit, text))
    return len(code) >= SHORTEST_IMPORTED and is_one and has_digit and not read_phone(text)


def find_by_phone(*, viewer: Viewer, phone: str) -> tuple[Match, ...]:
    """Return those with this number, E.164, whom the viewer may serve."""
    if not phone:
        return ()
    with viewing(viewer):
        return _matches(Recipient.objects.filter(viewer.client_filter(), phone=phone))


def read_phone(text: str) -> str:
    """Return what was typed as E.164, empty when it is no phone number."""
    if not _PHONE.fullmatch(text) or sum(map(str.isdigit, text)) < _FEWEST_DIGITS:
        return ""
    try:
        return parse_phone(
            text, region=settings.DEFAULT_PHONE_REGION, allow_possible=settings.SANDBOX
        )
    except PhoneError:
        return ""


def _matches(people: QuerySet[Recipient]) -> tuple[Match, ...]:
    # Those whose campaign runs come first: they are the ones who call.
    rank = Case(
        When(campaign__status=Campaign.Status.ACTIVE, then=Value(0)),
        default=Value(1),
        output_field=IntegerField(),
    )
    rows = (
        people.select_related("campaign", "client")
        .annotate(rank=rank)
        .order_by("rank", "-created_at", "pk")[:MOST_PEOPLE]
    )
    return tuple(
        Match(
            recipient_id=row.pk,
            name=f"{row.first_name} {row.last_name}".strip() or f"•••{row.code_last4}",
            place=", ".join(filter(None, (row.city, row.region))),
            campaign=row.campaign.name,
            client=row.client.name,
            is_active=row.campaign.status == Campaign.Status.ACTIVE,
            is_test=row.is_test,
        )
        for row in rows
    )


def _names(text: str) -> Iterator[tuple[str, str]]:
    """Return the ways in which a text may be a name: last name, first name."""
    if not any(map(str.isalpha, text)):
        return
    before, comma, after = text.partition(",")
    if comma:
        yield before.strip(), after.strip()
        return
    words = text.split()
    if len(words) > 1:
        yield words[-1], words[0]
        yield words[0], words[-1]
    yield " ".join(words), ""


def _find_people(viewer: Viewer, last_name: str, first_name: str) -> list[UUID]:
    if not last_name:
        return []
    clients = None
    if not viewer.sees_platform:
        clients = list(
            Client.objects.filter(pk__in=viewer.client_ids).values_list("pk", flat=True)
        ) + list(Client.objects.filter(agency__in=viewer.agency_ids).values_list("pk", flat=True))
    # Whose people these are is said in the call: see redemption/sql/calls.sql.
    with seeing(EVERYTHING), connection.cursor() as cursor:
        cursor.execute(
            "SELECT redemption_find_people(%s::uuid[], %s, %s, %s)",
            [clients, last_name, first_name, MOST_PEOPLE],
        )
        return [row[0] for row in cursor.fetchall()]
