"""Answers to partners: nobody else's to keep, and the same again under the same key."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.api.authentication import Partner
from credit.api.headers import NO_STORE
from credit.api.inputs import read_idempotency_key
from credit.api.replays import refusal_of
from credit.models import IdempotencyRecord
from credit.services.idempotency import KeyAnsweredError, KeyClaim, find_record, keep_refusal


@dataclasses.dataclass(eq=False, kw_only=True)
class _NotHereError(ServiceError):
    code: ClassVar = ErrorCode.NOT_FOUND


def respond(printed: dict[str, Any], *, status: int = 200) -> Response:
    """Answer with what no cache may keep."""
    return Response(printed, status=status, headers=NO_STORE)


def respond_under_key(
    request: Request,
    partner: Partner,
    *,
    act: Callable[[KeyClaim | None], Response],
    print_again: Callable[[IdempotencyRecord], dict[str, Any]],
    refuse_again: Callable[[IdempotencyRecord], ServiceError] = refusal_of,
    required: bool = False,
) -> Response:
    """Act, or print anew what the request's Idempotency-Key was answered with before.

    :param act: keeps its answer under the key that it is given; reads the body too, so that a
        refusal of it is kept.
    :param print_again: prints what was promised, whatever has become of it since.
    :param refuse_again: makes the error of a refusal that was kept.
    :param required: whether a call without a key is refused.
    :raises ValidationFailedError: the key is missing where required, or not printable (GC-012).
    :raises KeyReusedError: the key stands for another request (GC-107).
    :raises ServiceError: what ``act`` refuses; kept under the key where a repeat reads it again.
    """
    claim = read_idempotency_key(request, organisation=partner.organisation, required=required)
    if claim is None:
        return act(None)
    record = find_record(claim=claim)
    if record is None:
        try:
            return act(claim)
        except Http404:
            _keep(claim, _NotHereError())
            raise
        except (KeyAnsweredError, ServiceError) as error:
            # Whoever came second may find that the first has done it.
            record = find_record(claim=claim)
            if record is None:
                if isinstance(error, ServiceError):
                    _keep(claim, error)
                raise
    if record.error_code:
        raise refuse_again(record)
    replay = respond(print_again(record), status=record.status)
    replay["Idempotency-Replayed"] = "true"
    return replay


def _keep(claim: KeyClaim, error: ServiceError) -> None:
    keep_refusal(claim=claim, error=error, status=error.code.status, now=timezone.now())
