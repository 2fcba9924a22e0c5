"""Texts to us in tests: posted by hand with a signature, as Twilio does."""

from typing import Any, cast
from uuid import uuid4

from django.http import HttpResponse
from django.test import Client as HttpClient
from twilio.request_validator import RequestValidator

from sms.services.sandbox import INBOUND_PATH
from tests.sms.emulator_fixture import AUTH_TOKEN, FROM_NUMBER
from tests.sms.texting_fixture import NOBODY_LISTENS, PHONE


def post_text(
    body: str = "Hello",
    *,
    token: str | None = AUTH_TOKEN,
    base_url: str = NOBODY_LISTENS,
    signed: dict[str, str] | None = None,
    **form: str,
) -> HttpResponse:
    """Post a text to the webhook.

    :param token: what it is signed with; None sends no signature at all.
    :param base_url: the address Twilio believes it called.
    :param signed: the form that was signed, where it is another.
    """
    posted = {
        "MessageSid": f"SM{uuid4().hex}", "From": PHONE, "To": FROM_NUMBER, "Body": body,
    } | form  # fmt: skip
    headers: dict[str, Any] = {}
    if token is not None:
        validator = RequestValidator(token)
        signature = validator.compute_signature(f"{base_url}{INBOUND_PATH}", signed or posted)
        headers = {"X-Twilio-Signature": signature}
    return cast(HttpResponse, HttpClient().post(INBOUND_PATH, posted, headers=headers))


def reply_in(answer: HttpResponse) -> str:
    """Return the text that an answer's TwiML replies with, empty for none."""
    xml = answer.content.decode()
    assert answer.headers["Content-Type"] == "text/xml"
    if "<Message>" not in xml:
        assert xml.endswith("<Response></Response>")
        return ""
    return xml.partition("<Message>")[2].partition("</Message>")[0]
