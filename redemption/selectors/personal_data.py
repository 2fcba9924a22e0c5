"""All that is kept about a person: who is meant, and where it stands."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterator
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet

from alerts.keyring import digest
from alerts.scope import EVERYTHING, seeing
from credit.models import AuditEvent
from redemption.codes import normalise_code
from redemption.models import CallSession, DeskTask, InboundEvent, Recipient, Redemption
from redemption.selectors.people import find_named
from sms.models import InboundMessage, Message, PhoneHealth
from sms.phones import PhoneError, parse_phone
from sms.selectors.address_holders import is_held_besides

# So many people are listed at most: who finds more has to say more.
MOST_FOUND: Final = 50
# What a text to them is about.
ABOUT: Final = ("redemption", "opt_in")
# What those who know people by an address are told we know them as.
_KIND: Final = "recipient"
# What the records call the things that are theirs.
OBJECT_KINDS: Final = ("recipient", "redemption", "desk_task", "inbound_event")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody as the rows of their recipients tell.

    :param addresses: numbers and e-mail addresses that are theirs alone, each with the client.
    :param shared: those that somebody else of the same client has too, and that therefore stay.
    """

    recipients: tuple[Recipient, ...]
    redemption_ids: tuple[UUID, ...]
    addresses: frozenset[tuple[UUID, str]]
    shared: frozenset[tuple[UUID, str]]

    @property
    def ids(self) -> list[UUID]:
        return [one.pk for one in self.recipients]

    @property
    def client_ids(self) -> list[UUID]:
        return sorted({one.client_id for one in self.recipients})

    @property
    def marks(self) -> list[str]:
        """What free words are searched for: names, addresses, the CRM's id; none shorter than 3."""
        said: set[str] = {address for _, address in self.addresses}
        for one in self.recipients:
            said |= {one.first_name, one.last_name, one.phone, one.email, one.external_crm_id or ""}
        return sorted(mark for mark in said if len(mark) >= 3)


@seeing(EVERYTHING)
def find_people(*, text: str) -> list[Recipient]:
    """Return the recipients that a phone number, e-mail address, name, CRM id, redemption code or
    id fits, the newest first; only for who sees all clients.

    One more than ``MOST_FOUND`` tells that there are more.
    """
    text = text.strip()
    if not text or "\x00" in text:
        return []
    found: set[UUID] = set()
    # Each by itself, so that each may use its own index.
    for way in _ways(text):
        found |= set(Recipient.objects.filter(way).values_list("pk", flat=True)[: MOST_FOUND + 1])
    people = Recipient.objects.filter(pk__in=found).select_related("campaign", "client")
    return list(people.order_by("-created_at", "pk")[: MOST_FOUND + 1])


def _ways(text: str) -> Iterator[Q]:
    """Return the ways in which a text may tell who is meant."""
    yield Q(pk__in=find_named(text=text, limit=MOST_FOUND))
    yield Q(code_digest=digest(normalise_code(text), purpose="redemption_code"))
    yield Q(external_crm_id=text)
    address = text
    if "@" in text:
        yield Q(email__iexact=text)
    with contextlib.suppress(PhoneError):
        address = parse_phone(text, region=settings.DEFAULT_PHONE_REGION, allow_possible=True)
        yield Q(phone=address)
    sent = Message.objects.filter(to=address, reference_kind__in=ABOUT)
    yield Q(redemptions__in=sent.values("reference_id"))
    with contextlib.suppress(ValueError):
        yield Q(pk=UUID(text))


@seeing(EVERYTHING)
def read_person(*, recipient_ids: Collection[UUID]) -> Person:
    """Return the person whom these recipients are; unknown ids are left out."""
    recipients = tuple(
        Recipient.objects.filter(pk__in=recipient_ids)
        .select_related("campaign", "client")
        .order_by("pk")
    )
    redemptions = list(Redemption.objects.filter(recipient__in=recipients).order_by("pk"))
    said = {
        (one.client_id, address)
        for one in recipients
        for address in (one.phone, one.email)
        if address
    }
    said |= {(one.client_id, one.contact_to) for one in redemptions if one.contact_to}
    redemption_ids = tuple(one.pk for one in redemptions)
    ids = [one.pk for one in recipients]
    shared = frozenset(
        (client_id, address)
        for client_id, address in said
        if _is_shared(client_id, address, ids, redemption_ids)
    )
    return Person(
        recipients=recipients,
        redemption_ids=redemption_ids,
        addresses=frozenset(said) - shared,
        shared=shared,
    )


def _is_shared(
    client_id: UUID, address: str, ids: Collection[UUID], redemption_ids: Collection[UUID]
) -> bool:
    """Tell whether somebody else of a client has an address, or was written to there."""
    others = Recipient.objects.filter(client=client_id, erased_at=None).exclude(pk__in=ids)
    if others.filter(Q(phone=address) | Q(email=address)).exists():
        return True
    sent = Message.objects.filter(to=address, client=client_id, reference_kind__in=ABOUT)
    if sent.exclude(reference_id__in=redemption_ids).exists():
        return True
    return is_held_besides(kind=_KIND, client_id=client_id, address=address)


def is_a_recipients(*, client_id: UUID | None, address: str) -> bool:
    """Tell whether a recipient has an address, or was written to there."""
    has = Q(email__iexact=address) if "@" in address else Q(phone=address)
    people = Recipient.objects.filter(has, erased_at=None)
    sent = Message.objects.filter(to=address, reference_kind__in=ABOUT)
    if client_id is not None:
        people, sent = people.filter(client=client_id), sent.filter(client=client_id)
    return people.exists() or sent.exists()


def messages_of(person: Person) -> QuerySet[Message]:
    """Return what was sent about their rewards, and whatever else went to them."""
    about = Q(reference_id__in=person.redemption_ids, reference_kind__in=ABOUT)
    return Message.objects.filter(about | at_their_address(person, "client", "to"))


def inbound_of(person: Person) -> QuerySet[InboundMessage]:
    """Return the texts that came from numbers that are theirs alone."""
    phones = _phones(person)
    taken = {phone for _, phone in person.shared}
    nobodys = Q(client=None, from_number__in=phones - taken)
    return InboundMessage.objects.filter(
        nobodys | at_their_address(person, "client", "from_number")
    )


def events_of(person: Person) -> QuerySet[InboundEvent]:
    """Return what a CRM reported of them."""
    found = Q(redemption__in=person.redemption_ids)
    for one in person.recipients:
        if one.external_crm_id:
            # An event may name no campaign; the id then is the client's.
            found |= Q(client=one.client_id, contact_id=one.external_crm_id)
    return InboundEvent.objects.filter(found)


def calls_of(person: Person) -> QuerySet[CallSession]:
    """Return the calls that were about them, or came from their number while nobody was found."""
    found = Q(recipient__in=person.ids) | Q(redemption__in=person.redemption_ids)
    nobodys = Q(recipient=None, redemption=None)
    phones = _phones(person) - {phone for _, phone in person.shared}
    nobodys &= Q(client=None, caller__in=phones) | at_their_address(person, "client", "caller")
    return CallSession.objects.filter(found | nobodys)


def tasks_of(person: Person) -> QuerySet[DeskTask]:
    """Return what the desk had, or has, to do for them."""
    about = Q(recipient__in=person.ids) | Q(redemption__in=person.redemption_ids)
    nobodys = Q(recipient=None, redemption=None) & at_their_address(person, "client", "phone")
    return DeskTask.objects.filter(about | nobodys)


def bad_phones_of(person: Person) -> QuerySet[PhoneHealth]:
    """Return which of their numbers are known to be bad, where no client has others there."""
    phones = _phones(person) - {phone for _, phone in person.shared}
    others = Recipient.objects.filter(phone__in=phones, erased_at=None).exclude(pk__in=person.ids)
    phones -= set(others.values_list("phone", flat=True))
    return PhoneHealth.objects.filter(
        phone__in=[
            phone
            for phone in phones
            if not is_held_besides(kind=_KIND, client_id=None, address=phone)
        ]
    )


def records_of(person: Person) -> QuerySet[AuditEvent]:
    """Return what was written down about what people did with their data and rewards."""
    return AuditEvent.objects.filter(object_kind__in=OBJECT_KINDS, object_id__in=objects_of(person))


def objects_of(person: Person) -> list[str]:
    """Return the ids under which the records speak of them."""
    tasks = tasks_of(person).values_list("pk", flat=True)
    events = events_of(person).values_list("pk", flat=True)
    return [str(one) for one in (*person.ids, *person.redemption_ids, *tasks, *events)]


def _phones(person: Person) -> set[str]:
    return {address for _, address in person.addresses if "@" not in address}


def at_their_address(person: Person, client: str, column: str) -> Q:
    """Return the condition that a row is of one of their addresses, and of that client."""
    found = Q(pk__in=[])
    for client_id in person.client_ids:
        ours = {address for owner, address in person.addresses if owner == client_id}
        if ours:
            found |= Q(**{client: client_id, f"{column}__in": ours})
    return found
