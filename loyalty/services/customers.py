"""Customers: who collects a client's points. Their points are the business of the functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError
from django.utils.translation import gettext as _

from alerts.errors import ValidationFailedError
from alerts.transactions import durable, transaction
from credit.services.idempotency import KeyClaim, keep_answer
from credit.services.transfers import is_violation_of
from loyalty.models import Customer
from loyalty.services.refusals import NoSuchThingError, StateForbidsError, refuse
from sms.phones import PhoneError, parse_phone

log = structlog.get_logger()

_LONGEST_NAME: Final = 80
_LONGEST_EMAIL: Final = 254


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerResult:
    """A customer as they stand."""

    customer_id: UUID
    first_name: str
    last_name: str
    phone: str
    email: str
    points_balance: int
    points_held: int
    points_available: int
    lifetime_points: int
    tier: str
    is_active: bool


@durable
def create_customer(
    *,
    client_id: UUID,
    actor: str,
    now: datetime,
    first_name: str = "",
    last_name: str = "",
    phone: str = "",
    email: str = "",
    key: KeyClaim | None = None,
) -> CustomerResult:
    """Add somebody without points.

    A repeat with a phone number is refused by that number; without one it adds a second person.
    With ``key`` it raises :class:`KeyAnsweredError`.

    :param phone: as it was typed; kept as E.164.
    :raises ValidationFailedError: GC-012, names the field; a number that another customer of the
        client has is one.
    """
    fields = _read(first_name=first_name, last_name=last_name, phone=phone, email=email)
    try:
        with transaction():
            customer = Customer.objects.create(client_id=client_id, created_at=now, **fields)
            customer.refresh_from_db()
            if key is not None:
                keep_answer(claim=key, object_id=customer.pk, status=201, now=now)
    except IntegrityError as error:
        raise _taken(error) from error
    log.info("[LOYALTY] Customer added", customer_id=str(customer.pk), actor=actor)
    return _facts(customer)


@durable
def change_customer(
    *,
    client_id: UUID,
    customer_id: UUID,
    actor: str,
    first_name: str | None = None,
    last_name: str | None = None,
    phone: str | None = None,
    email: str | None = None,
) -> CustomerResult:
    """Change what is known of a customer; what is None stays. Safe to repeat.

    :raises NoSuchThingError: GC-111.
    :raises StateForbidsError: GC-115, they were forgotten.
    :raises ValidationFailedError: as for :func:`create_customer`.
    """
    fields = _read(first_name=first_name, last_name=last_name, phone=phone, email=email)
    customer = _write(client_id, customer_id, fields)
    log.info(
        "[LOYALTY] Customer changed",
        customer_id=str(customer_id),
        fields=sorted(fields),
        actor=actor,
    )
    return customer


@durable
def deactivate_customer(*, client_id: UUID, customer_id: UUID, actor: str) -> CustomerResult:
    """Close an account: it neither earns nor spends; its points stay. Safe to repeat.

    What is under way is finished: points that are held are still spent or given back.

    :raises NoSuchThingError: GC-111.
    """
    customer = _write(client_id, customer_id, {"is_active": False})
    log.info("[LOYALTY] Customer closed", customer_id=str(customer_id), actor=actor)
    return customer


@durable
def reactivate_customer(*, client_id: UUID, customer_id: UUID, actor: str) -> CustomerResult:
    """Open a closed account again. Safe to repeat.

    :raises NoSuchThingError: GC-111.
    :raises StateForbidsError: GC-115, they were forgotten.
    """
    customer = _write(client_id, customer_id, {"is_active": True})
    log.info("[LOYALTY] Customer opened again", customer_id=str(customer_id), actor=actor)
    return customer


def _write(client_id: UUID, customer_id: UUID, fields: Mapping[str, object]) -> CustomerResult:
    mine = Customer.objects.filter(pk=customer_id, client_id=client_id)
    try:
        with transaction():
            if fields:
                mine.filter(erased_at=None).update(**fields)
            customer = mine.get()
    except Customer.DoesNotExist:
        raise NoSuchThingError from None
    except IntegrityError as error:
        raise _taken(error) from error
    # Who was forgotten stays so; closed, as somebody may ask once more, they are already.
    if customer.erased_at is not None and fields != {"is_active": False}:
        raise StateForbidsError
    return _facts(customer)


def _taken(error: IntegrityError) -> Exception:
    if is_violation_of("loyalty_customer_phone_unique", error):
        return refuse("phone", _("Another customer has this number."))
    return error


def _read(**typed: str | None) -> dict[str, str]:
    """Return what is to be written.

    :raises ValidationFailedError: names every field that is wrong.
    """
    fields = {name: value.strip() for name, value in typed.items() if value is not None}
    errors: dict[str, list[str]] = {}
    for name in ("first_name", "last_name"):
        if len(fields.get(name, "")) > _LONGEST_NAME:
            errors[name] = [_("At most %(most)s characters.") % {"most": _LONGEST_NAME}]
        elif "\0" in fields.get(name, ""):
            errors[name] = [_("Enter a name.")]
    if fields.get("phone"):
        try:
            fields["phone"] = parse_phone(
                fields["phone"],
                region=settings.DEFAULT_PHONE_REGION,
                allow_possible=settings.SANDBOX,
            )
        except PhoneError as error:
            errors["phone"] = [str(error)]
    if fields.get("email"):
        try:
            validate_email(fields["email"])
        except ValidationError:
            errors["email"] = [_("Enter an e-mail address like name@example.com.")]
        if len(fields["email"]) > _LONGEST_EMAIL:
            errors["email"] = [_("At most %(most)s characters.") % {"most": _LONGEST_EMAIL}]
    if errors:
        raise ValidationFailedError(errors=errors)
    return fields


def _facts(customer: Customer) -> CustomerResult:
    return CustomerResult(
        customer_id=customer.pk,
        first_name=customer.first_name,
        last_name=customer.last_name,
        phone=customer.phone,
        email=customer.email,
        points_balance=customer.points_balance,
        points_held=customer.points_held,
        points_available=customer.points_balance - customer.points_held,
        lifetime_points=customer.lifetime_points,
        tier=customer.tier,
        is_active=customer.is_active,
    )
