"""The demo's phone answers: what is typed there goes the way of a real text to us."""

from typing import Final

import requests
from django.conf import settings

from alerts.transactions import durable
from sms.selectors.sandbox import PhoneUnreachableError

INBOUND_PATH: Final = "/webhooks/twilio/inbound/"
# The emulator waits for our webhook before it answers.
_TIMEOUT_SECONDS: Final = 20


@durable
def reply_from_phone(*, phone: str, to: str, body: str) -> None:
    """Send us a text from a phone of the sandbox.

    :param to: the number or service the phone was texted by.
    :raises PhoneUnreachableError: the emulator does not answer, or it is the real provider.
    """
    try:
        answer = requests.post(
            f"{settings.TWILIO_API_BASE_URL}/_control/inbound",
            json={
                "from": phone,
                "to": to,
                "body": body,
                "webhook_url": f"{settings.PUBLIC_BASE_URL}{INBOUND_PATH}",
            },
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
    except requests.RequestException as error:
        raise PhoneUnreachableError from error
