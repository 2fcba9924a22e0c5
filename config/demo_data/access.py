"""Who may log in to the demo, and with which keys; what was given out before stays good."""

from __future__ import annotations

import base64
import dataclasses
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from alerts.keyring import decrypt, encrypt
from alerts.transactions import transaction, transaction_required
from config.demo_data.plan import DEMO_AGENCY, DEMO_CLIENT, OTHER_CLIENT, Calendar
from credit.models import Agency, ApiKey, Client, Membership, User
from credit.services.api_keys import SCOPES, NotAuthenticatedError, create_api_key, find_api_key
from redemption.models import EventSource

_CONTEXT: Final = "redemption_eventsource.secret"
_Role = Membership.Role


@dataclasses.dataclass(frozen=True, slots=True)
class _Person:
    """A log-in; it says for itself what it may do."""

    username: str
    first_name: str
    last_name: str
    role: Membership.Role


_PEOPLE: Final = (
    _Person("admin", "Ada", "Castellan", _Role.PLATFORM_ADMIN),
    _Person("agent", "Omar", "Pemberton", _Role.AGENT),
    _Person("agency_manager", "Lena", "Holloway", _Role.AGENCY_MANAGER),
    _Person("client_manager", "Theo", "Marlowe", _Role.CLIENT_MANAGER),
    _Person("auditor", "Iris", "Quist", _Role.AUDITOR),
)


def seed_access(
    *, calendar: Calendar, previous: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Make what is missing of log-ins, keys and the event source; return them for demo.json.

    :param previous: what demo.json said before: its passwords and keys are kept.
    """
    client = Client.objects.get(slug=DEMO_CLIENT)
    other = Client.objects.get(slug=OTHER_CLIENT)
    known_other = previous.get("other_client", {})
    with transaction():
        return {
            **{
                person.username: _seed_person(person, previous.get(person.username, {}))
                for person in _PEOPLE
            },
            "api_key": _seed_key("Demo", client, previous.get("api_key"), calendar, now),
            "platform_api_key": _seed_key(
                "Demo platform", None, previous.get("platform_api_key"), calendar, now
            ),
            "event_source": _seed_event_source(client, calendar),
            "client_id": str(client.pk),
            "other_client": {
                "client_id": str(other.pk),
                "api_key": _seed_key(
                    "Demo other client", other, known_other.get("api_key"), calendar, now
                ),
            },
        }


@transaction_required
def _seed_person(person: _Person, previous: Mapping[str, Any]) -> dict[str, str]:
    user, is_new = User.objects.get_or_create(
        username=person.username,
        defaults={
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": f"{person.username}@example.com",
            "is_staff": person.role == _Role.PLATFORM_ADMIN,
            "is_superuser": person.role == _Role.PLATFORM_ADMIN,
        },
    )
    password = previous.get("password") or secrets.token_urlsafe(12)
    if is_new or not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    agency = client = None
    if person.role == _Role.AGENCY_MANAGER:
        agency = Agency.objects.get(slug=DEMO_AGENCY)
    if person.role in (_Role.CLIENT_MANAGER, _Role.AGENT):
        client = Client.objects.get(slug=DEMO_CLIENT)
    Membership.objects.get_or_create(user=user, role=person.role, agency=agency, client=client)
    return {"username": person.username, "password": password}


@transaction_required
def _seed_key(
    name: str, owner: Client | None, previous: str | None, calendar: Calendar, now: datetime
) -> str:
    """Return the former key if it is still good, else a new one in the place of all before."""
    if previous:
        try:
            key = find_api_key(previous, now=now)
        except NotAuthenticatedError:
            key = None
        if key is not None and key.client_id == (owner.pk if owner else None):
            return previous
    ApiKey.objects.filter(name=name, client=owner, revoked_at=None).update(revoked_at=now)
    return create_api_key(name=name, owner=owner, scopes=SCOPES, now=calendar.begins_at)[1]


@transaction_required
def _seed_event_source(client: Client, calendar: Calendar) -> dict[str, str]:
    source, _ = EventSource.objects.get_or_create(
        name=f"{DEMO_CLIENT}-crm",
        defaults={
            "client": client,
            "secret_encrypted": encrypt(
                f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}",
                context=_CONTEXT,
            ),
            "created_at": calendar.begins_at,
        },
    )
    return {
        "name": source.name,
        "secret": decrypt(source.secret_encrypted, context=_CONTEXT),
    }
