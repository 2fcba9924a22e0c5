"""Tills: opened in the morning, closed with what went over them."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog
from django.db import IntegrityError
from django.utils.translation import gettext as _

from alerts.errors import ValidationFailedError
from alerts.transactions import durable, transaction
from credit.services.idempotency import KeyClaim, keep_answer
from credit.services.transfers import is_violation_of
from loyalty.models import Checkout, RegisterSession
from loyalty.services.fields import find_currency_errors, find_text_errors
from loyalty.services.refusals import NoSuchThingError, StateForbidsError

log = structlog.get_logger()

_LONGEST_NAME: Final = 64


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SessionResult:
    """A till's session with its totals so far; amounts in minor units."""

    register_session_id: UUID
    register: str
    currency: str
    opened_at: datetime
    closed_at: datetime | None
    orders: int
    sales_minor: int
    refunds_minor: int
    points_spent: int
    points_earned: int


@durable
def open_register(
    *,
    client_id: UUID,
    register: str,
    currency: str,
    actor: str,
    now: datetime,
    key: KeyClaim | None = None,
) -> SessionResult:
    """Open a till. A repeat is refused: each has one open session at most.

    With ``key`` a repeat raises :class:`KeyAnsweredError`, or that.

    :raises StateForbidsError: GC-115, the till is open.
    :raises ValidationFailedError: GC-012, names the field.
    """
    register = register.strip()
    errors = {
        **find_text_errors("register", register, longest=_LONGEST_NAME),
        **find_currency_errors(currency),
    }
    if errors:
        raise ValidationFailedError(errors=errors)
    try:
        with transaction():
            session = RegisterSession.objects.create(
                client_id=client_id,
                register=register,
                currency=currency,
                opened_at=now,
                opened_by=actor,
            )
            session.refresh_from_db()
            if key is not None:
                keep_answer(claim=key, object_id=session.pk, status=201, now=now)
    except IntegrityError as error:
        if is_violation_of("loyalty_session_one_open_per_register", error):
            raise StateForbidsError(errors={"register": [_("This till is open.")]}) from error
        raise
    log.info("[LOYALTY] Till opened", register_session_id=str(session.pk), actor=actor)
    return _facts(session)


@durable
def close_register(
    *, client_id: UUID, register_session_id: UUID, actor: str, now: datetime
) -> SessionResult:
    """Close a till's session and return its totals. A repeat returns the same.

    Checkouts whose payment is not known yet keep it open: their sum would be missing.

    :raises NoSuchThingError: GC-111.
    :raises StateForbidsError: GC-115, payments are awaited.
    """
    with transaction():
        try:
            # Waits for checkouts that are being begun: Step 3 shares the session's lock.
            session = RegisterSession.objects.select_for_update().get(
                pk=register_session_id, client_id=client_id
            )
        except RegisterSession.DoesNotExist:
            raise NoSuchThingError from None
        if session.closed_at is None:
            if Checkout.objects.filter(
                register_session_id=session.pk, state=Checkout.State.PAYMENT_UNKNOWN
            ).exists():
                raise StateForbidsError(
                    errors={"register_session_id": [_("Payments of this till are awaited.")]}
                )
            session.closed_at = now
            session.closed_by = actor
            session.save(update_fields=["closed_at", "closed_by"])
            log.info("[LOYALTY] Till closed", register_session_id=str(session.pk), actor=actor)
    return _facts(session)


def _facts(session: RegisterSession) -> SessionResult:
    return SessionResult(
        register_session_id=session.pk,
        register=session.register,
        currency=session.currency,
        opened_at=session.opened_at,
        closed_at=session.closed_at,
        orders=session.orders,
        sales_minor=session.sales_minor,
        refunds_minor=session.refunds_minor,
        points_spent=session.points_spent,
        points_earned=session.points_earned,
    )
