"""The guard in front of the customers' pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest

from alerts.addresses import client_address
from redemption.models import AttemptLog
from redemption.services.attempts import guarded
from redemption.throttling import stranger


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from, past our own proxies and no further."""
    return client_address(request.META, trusted_hops=settings.TRUSTED_PROXY_HOPS)


@contextlib.contextmanager
def guarded_form(
    request: HttpRequest,
    *,
    now: datetime,
    code: str = "",
    code_digest: bytes | None = None,
    form: str = "",
) -> Iterator[None]:
    """Guard the block that looks up what somebody has typed.

    :param form: the id of the campaign whose form it is, ``""`` for the general one.
    :raises RateLimitedError: GC-101.
    :raises BlockedError: GC-102.
    """
    with guarded(
        action=AttemptLog.Action.FORM,
        source=stranger(address=address_of(request)),
        code=code,
        code_digest=code_digest,
        form=form,
        now=now,
        request_id=str(request.META["giftline.request_id"]),
    ):
        yield
