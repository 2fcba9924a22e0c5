"""The door at which Twilio reports what became of our texts."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError
from twilio.request_validator import RequestValidator

from sms.services.status import UnknownMessageError, record_status_report

log = structlog.get_logger()

FORGERIES: Final = "twilio-forgeries:{day}"
_FORGERIES_KEPT_SECONDS: Final = 7 * 24 * 3600
_LONGEST: Final = {"MessageSid": 64, "MessageStatus": 24, "ErrorCode": 16}


@csrf_exempt
@require_POST
def receive_status(request: HttpRequest, message_id: UUID) -> HttpResponse:
    """Take a status callback: 204 kept (or known already), 403 not Twilio's, 404 not our text."""
    if not is_signed_by_twilio(request):
        count_forgery()
        log.warning("[TWILIO] Callback with a bad signature", message_id=str(message_id))
        return HttpResponse(status=403)
    values = {name: request.POST.get(name, "") for name in _LONGEST}
    if not (values["MessageSid"] and values["MessageStatus"]) or any(
        len(value) > _LONGEST[name] or not (value.isprintable() and value.isascii())
        for name, value in values.items()
    ):
        return HttpResponse(status=400)
    try:
        record_status_report(
            message_id=message_id,
            provider_id=values["MessageSid"],
            status=values["MessageStatus"],
            error_code=values["ErrorCode"],
            now=datetime.now(UTC),
        )
    except UnknownMessageError:
        return HttpResponse(status=404)
    return HttpResponse(status=204)


def is_signed_by_twilio(request: HttpRequest) -> bool:
    """Check the signature over the address Twilio called and what it posted there.

    That is our public address: behind a proxy the request's own is another. During a rotation
    of the token, the new and the old one are accepted.
    """
    address = f"{settings.PUBLIC_BASE_URL}{request.get_full_path()}"
    # The library can't take None for a missing header.
    signature = request.headers.get("X-Twilio-Signature", "")
    return any(
        RequestValidator(token).validate(address, request.POST, signature)
        for token in settings.TWILIO_AUTH_TOKENS
        if token
    )


def count_forgery() -> None:
    """Count a post that Twilio did not sign; all that is kept of it, for a week."""
    key = FORGERIES.format(day=datetime.now(UTC).date())
    try:
        cache.add(key, 0, timeout=_FORGERIES_KEPT_SECONDS)
        cache.incr(key)
    except (RedisError, ValueError):
        log.warning("a forgery was not counted")
