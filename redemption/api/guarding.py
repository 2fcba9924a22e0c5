"""The guard in front of the API's doors."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

from alerts.addresses import client_address, parse_address
from alerts.errors import ValidationFailedError
from alerts.throttling import RateLimitedError
from credit.api.authentication import Partner
from credit.services.idempotency import KeyClaim
from redemption.models import AttemptLog
from redemption.selectors.forms import slowed_until
from redemption.services.attempts import count_call, guarded
from redemption.throttling import Source, partner, stranger

CUSTOMER_HEADER: Final = "X-Customer-IP"


@contextlib.contextmanager
def guarded_call(
    request: Request,
    caller: Partner | None,
    *,
    action: AttemptLog.Action,
    code: str | None,
    now: datetime,
    key: KeyClaim | None = None,
) -> Iterator[None]:
    """Guard the block that looks a code up or redeems it; without a code, count the call.

    :raises RateLimitedError: GC-101.
    :raises BlockedError: GC-102.
    :raises ValidationFailedError: the customer's address is none (GC-012).
    """
    source = _source_of(request, caller)
    if caller is None:
        _refuse_when_slowed(now=now)
    if code is None:
        with count_call(source=source, key=key, now=now):
            yield
        return
    http: HttpRequest = request._request  # noqa: SLF001  DRF's own way to the request
    with guarded(
        action=action,
        source=source,
        code=code,
        key=key,
        now=now,
        request_id=http.META["giftline.request_id"],
    ):
        yield


def _refuse_when_slowed(*, now: datetime) -> None:
    # A form's page can ask for work, a bare call can't; who has a key is not concerned.
    until = slowed_until(form="", now=now)
    if until is not None:
        raise RateLimitedError(retry_after_seconds=math.ceil((until - now).total_seconds()))


def _source_of(request: Request, caller: Partner | None) -> Source:
    address = client_address(request.META, trusted_hops=settings.TRUSTED_PROXY_HOPS)
    if caller is None:
        # Whoever has no key speaks for nobody but themselves.
        return stranger(address=address)
    named = request.META.get("HTTP_X_CUSTOMER_IP", "").strip()
    customer = parse_address(named) if named else None
    if named and customer is None:
        raise ValidationFailedError(
            errors={CUSTOMER_HEADER: ["This is no IP address, such as 203.0.113.7."]}
        )
    return partner(key_id=caller.key_id, address=address, customer_address=customer)
