"""What all calls of the tills have in common: whose customers, and once for a key."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.core.exceptions import ObjectDoesNotExist
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from rest_framework.request import Request

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.transactions import transaction
from credit.api.authentication import Partner
from credit.api.replays import refusal_of
from credit.models import Client, IdempotencyRecord
from credit.services.idempotency import KeyClaim, keep_answer
from loyalty.selectors.customers import customers_of
from loyalty.selectors.shop import sessions_of
from loyalty.services.checkouts import NotEnoughPointsError

SCOPE = "loyalty"
TAGS = ["Loyalty"]
SCOPE_WORDS = " Scope `loyalty`."

Row = TypeVar("Row", bound=Model)


@dataclasses.dataclass(eq=False, kw_only=True)
class _ReplayedShortageError(NotEnoughPointsError):
    """The refusal that a key was answered with; the same numbers again."""

    is_replay: bool = True


def client_of(partner: Partner, body: dict[str, Any]) -> UUID:
    """Return whose customers, articles and tills a call is about.

    A client's key need not say; an agency's or the platform's must, unless the customer or the
    till tells it.

    :raises ValidationFailedError: it is not said, or is none of the key's (GC-012).
    """
    named = body.get("client_id")
    if partner.scope_kind == "client":
        assert partner.scope_id is not None  # noqa: S101  the key's client
        if named not in (None, partner.scope_id):
            raise _refuse_client("This key is for another client.")
        return partner.scope_id
    if named is None:
        return _client_of_named(partner, body)
    mine = Q() if partner.viewer.sees_platform else Q(agency_id__in=partner.viewer.agency_ids)
    if not Client.objects.filter(mine, pk=named).exists():
        raise _refuse_client("There is no such client.")
    return UUID(str(named))


def find(rows: QuerySet[Row], row_id: UUID) -> Row:
    """Return one of the rows that the caller may see.

    :raises Http404: there is none of this id, or it is somebody else's (GC-111).
    """
    try:
        return rows.get(pk=row_id)
    except ObjectDoesNotExist:
        raise Http404 from None


def request_id_of(request: Request) -> str:
    """Return how the logs name this call."""
    http: HttpRequest = request._request  # noqa: SLF001  DRF's own way to the request
    return str(http.META["giftline.request_id"])


def keep_printed(
    claim: KeyClaim | None, printed: dict[str, Any], *, object_id: UUID | None = None
) -> None:
    """Keep an answer whose effect is the same however often it is asked for.

    :raises KeyAnsweredError: somebody else was faster.
    """
    if claim is None:
        return
    with transaction():
        keep_answer(
            claim=claim,
            object_id=object_id or uuid4(),
            status=200,
            now=timezone.now(),
            details=printed,
        )


def _client_of_named(partner: Partner, body: dict[str, Any]) -> UUID:
    viewer = partner.viewer
    for name, visible in (
        ("customer_id", customers_of(viewer=viewer)),
        ("register_session_id", sessions_of(viewer=viewer)),
    ):
        named: UUID | None = body.get(name)
        row = None if named is None else visible.filter(pk=named).first()
        if row is not None:
            return row.client_id
    raise _refuse_client("Say which client this is for.")


def refuse_again(record: IdempotencyRecord) -> ServiceError:
    """Return the error that was kept under a key, a shortage of points with its numbers."""
    numbers = record.details.get("numbers")
    if record.error_code == ErrorCode.NOT_ENOUGH_POINTS.code and numbers:
        return _ReplayedShortageError(errors=record.details.get("errors", {}), **numbers)
    return refusal_of(record)


def _refuse_client(words: str) -> ValidationFailedError:
    return ValidationFailedError(errors={"client_id": [words]})
