"""The door at which Twilio brings us the texts that people send."""

from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape

import structlog
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from sms.services.inbound import IncomingText, receive_text
from sms.views.twilio import count_forgery, is_signed_by_twilio

log = structlog.get_logger()

_LONGEST: Final = {
    "MessageSid": 64,
    "From": 32,
    "To": 32,
    "OptOutType": 8,
    "MessagingServiceSid": 64,
}
_LONGEST_BODY: Final = 1600  # Twilio's own limit
_XML: Final = '<?xml version="1.0" encoding="UTF-8"?>'


@csrf_exempt
@require_POST
def receive_inbound(request: HttpRequest) -> HttpResponse:
    """Take a text from a phone: 200 with the reply as TwiML, 403 not Twilio's, 400 unreadable."""
    if not is_signed_by_twilio(request):
        count_forgery()
        log.warning("[TWILIO] Inbound text with a bad signature")
        return HttpResponse(status=403)
    values = {name: request.POST.get(name, "") for name in _LONGEST}
    if not (values["MessageSid"] and values["From"]) or any(
        len(value) > _LONGEST[name] or not (value.isprintable() and value.isascii())
        for name, value in values.items()
    ):
        return HttpResponse(status=400)
    reply = receive_text(
        text=IncomingText(
            provider_id=values["MessageSid"],
            from_number=values["From"],
            to_number=values["To"],
            body=request.POST.get("Body", "")[:_LONGEST_BODY],
            opt_out_type=values["OptOutType"],
            to_service=values["MessagingServiceSid"],
        ),
        now=datetime.now(UTC),
    )
    message = f"<Message>{escape(reply)}</Message>" if reply else ""
    return HttpResponse(f"{_XML}<Response>{message}</Response>", content_type="text/xml")
