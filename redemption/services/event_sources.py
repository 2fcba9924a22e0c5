"""Sources of events: made, given a secret that is shown once, rotated, set up, switched off."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db import IntegrityError

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.keyring import decrypt, encrypt
from alerts.signatures import make_secret
from alerts.transactions import durable, savepoint, transaction
from credit.models import Client
from credit.services.audit import record_event
from redemption.models import Campaign, EventSource
from redemption.services.event_bodies import OWN_SHAPE, REQUIRED, PathError, parse_path
from redemption.services.event_signatures import PREVIOUS_CONTEXT, SECRET_CONTEXT

LONGEST_OVERLAP: Final = timedelta(days=30)


@dataclasses.dataclass(eq=False, kw_only=True)
class RotationRunningError(ServiceError):
    """The secret before is still good: a third one would cut off who signs with it."""

    code: ClassVar = ErrorCode.STATE_FORBIDS

    until: datetime


@durable
def create_source(
    *, client: Client, name: str, actor: str, now: datetime
) -> tuple[EventSource, str]:
    """Make a source of a client's events; return it and its secret, which is shown once.

    :raises ValidationFailedError: the name is taken (GC-012).
    """
    secret = make_secret()
    with transaction():
        try:
            with savepoint():
                source = EventSource.objects.create(
                    client=client,
                    name=name,
                    secret_encrypted=encrypt(secret, context=SECRET_CONTEXT),
                    created_at=now,
                )
        except IntegrityError:
            raise ValidationFailedError(errors={"name": ["This name is taken."]}) from None
        _record(source, "created", actor=actor, now=now, after={"name": name})
    return source, secret


@durable
def rotate_secret(*, source_id: UUID, overlap: timedelta, actor: str, now: datetime) -> str:
    """Give a source a new secret and return it; the old one goes on for the overlap.

    :param overlap: at most 30 days; none ends the old one at once, also while another rotation
        is under way.
    :raises RotationRunningError: the one before is still good (GC-115).
    """
    secret = make_secret()
    with transaction():
        source = _lock(source_id)
        until = source.previous_secret_until
        if overlap and source.previous_secret_encrypted and until is not None and now < until:
            raise RotationRunningError(until=until)
        old = decrypt(source.secret_encrypted, context=SECRET_CONTEXT)
        source.previous_secret_encrypted = encrypt(old, context=PREVIOUS_CONTEXT) if overlap else ""
        source.previous_secret_until = now + min(overlap, LONGEST_OVERLAP) if overlap else None
        source.secret_encrypted = encrypt(secret, context=SECRET_CONTEXT)
        source.save(
            update_fields=["secret_encrypted", "previous_secret_encrypted", "previous_secret_until"]
        )
        ends = source.previous_secret_until
        after = {"old_good_until": ends.isoformat() if ends else None}
        _record(source, "rotated", actor=actor, now=now, after=after)
    return secret


@durable
def set_up_source(
    *,
    source_id: UUID,
    mapping: Mapping[str, str],
    campaign: Campaign | None,
    contact_method: str,
    actor: str,
    now: datetime,
) -> EventSource:
    """Say where a source's events have what we ask for, and how their rewards are sent.

    :param mapping: our names and paths into the body; empty for a body in our own shape.
    :raises ValidationFailedError: names each path that is missing or none (GC-012).
    """
    with transaction():
        source = _lock(source_id)
        cleaned = check_event_mapping(mapping, has_campaign=campaign is not None)
        if campaign is not None and campaign.client_id != source.client_id:
            raise ValidationFailedError(errors={"campaign": ["This is another client's campaign."]})
        before = _set_up(source)
        source.mapping = cleaned
        source.campaign = campaign
        source.contact_method = contact_method
        source.save(update_fields=["mapping", "campaign", "contact_method"])
        _record(source, "set_up", actor=actor, now=now, before=before, after=_set_up(source))
    return source


def check_event_mapping(mapping: Mapping[str, str], *, has_campaign: bool) -> dict[str, str]:
    """Return a mapping without its empty paths.

    :param has_campaign: a campaign is chosen, so the body need not name one.
    :raises ValidationFailedError: as for :func:`set_up_source`.
    """
    paths = {name: path.strip() for name, path in mapping.items() if path.strip()}
    errors: dict[str, list[str]] = {name: ["Not a field."] for name in paths.keys() - OWN_SHAPE}
    for name, path in paths.items():
        try:
            parse_path(path)
        except PathError as error:
            errors.setdefault(name, []).append(f"{error}.")
    if paths:
        for name in REQUIRED:
            if name not in paths:
                errors[name] = ["Say where the body has it, or leave all paths empty."]
        if "campaign_id" not in paths and not has_campaign:
            errors["campaign_id"] = ["Say where the body has it, or choose the campaign."]
    if errors:
        raise ValidationFailedError(errors=errors)
    return paths


@durable
def switch_source(*, source_id: UUID, is_active: bool, actor: str, now: datetime) -> bool:
    """Take a source's events, or refuse them from now on; return whether that is a change."""
    with transaction():
        source = _lock(source_id)
        if source.is_active == is_active:
            return False
        source.is_active = is_active
        source.save(update_fields=["is_active"])
        _record(
            source, "switched", actor=actor, now=now,
            before={"is_active": not is_active}, after={"is_active": is_active},
        )  # fmt: skip
    return True


def _lock(source_id: UUID) -> EventSource:
    return (
        EventSource.objects.select_for_update(of=("self",))
        .select_related("client")
        .get(pk=source_id)
    )


def _set_up(source: EventSource) -> dict[str, Any]:
    return {
        "mapping": dict(source.mapping),
        "campaign": str(source.campaign_id) if source.campaign_id else None,
        "contact_method": str(source.contact_method),
    }


def _record(source: EventSource, what: str, *, actor: str, now: datetime, **sides: Any) -> None:
    record_event(
        actor=actor,
        action=f"event_source.{what}",
        object_kind="event_source",
        object_id=source.pk,
        owner=source.client,
        now=now,
        **sides,
    )
