"""How often a partner may call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID, uuid4, uuid5

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from alerts.throttling import Window, count_hit

if TYPE_CHECKING:
    # The framework's views read the settings that name the class below.
    from credit.api.authentication import Partner

_REPEATS: Final = UUID("1a5cf2e4-0b52-4f0c-8a5b-6a36e2b7f2d9")


class KeyThrottle(BaseThrottle):
    """Calls of one key over the last minute; a repeat under an Idempotency-Key counts once.

    The doors that take a code count for themselves, with what else they count there.
    """

    def allow_request(self, request: Request, view: Any) -> bool:
        partner = cast("Partner | None", request.user)
        if partner is not None:
            count_hit(
                Window.of(f"calls:{partner.actor}", settings.RATE_LIMIT_API_KEY),
                now=timezone.now(),
                member=_member_of(request, partner),
            )
        return True


def _member_of(request: Request, partner: Partner) -> UUID:
    key = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if request.method != "POST" or not key:
        return uuid4()
    return uuid5(_REPEATS, f"{partner.organisation}:{request.path}:{key}")
