"""Whether a text is accepted: Twilio's checks of a request to send one."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from sms.emulator.account import Account
from sms.emulator.messages import Message, new_sid
from sms.emulator.numbers import refusal_of_recipient, refusal_of_sender
from sms.emulator.plans import DeliveryPlan
from sms.emulator.refusals import RefusalError
from sms.emulator.segments import count_segments
from sms.emulator.store import MessageStore

BODY_CAP: Final = 1600
VALIDITY_CAP_SECONDS: Final = 36_000
SERVICE_SID: Final = re.compile(r"MG[0-9a-f]{32}")


def accept_text(
    form: Mapping[str, str], *, account: Account, store: MessageStore, plan: DeliveryPlan
) -> Message:
    """Return the new message that ``form`` asks for; nothing is stored.

    :raises RefusalError: Twilio would not take it.
    """
    to, sender = form.get("To", ""), form.get("From", "")
    service_sid = form.get("MessagingServiceSid", "")
    body = form.get("Body", "")
    if not to:
        raise RefusalError(21604)
    if not sender and not service_sid:
        raise RefusalError(21603)
    if not body:
        raise RefusalError(21602)
    if len(body) > BODY_CAP:
        raise RefusalError(21617)
    _check_sender(sender, service_sid, account)
    code = refusal_of_recipient(to)
    if code is not None:
        raise RefusalError(code, to)
    if to == sender:
        raise RefusalError(21266, to)
    if store.is_opted_out(to):
        raise RefusalError(21610)
    now = datetime.now(UTC)
    return Message(
        sid=new_sid(),
        direction="outbound-api",
        to=to,
        from_=sender or None,
        messaging_service_sid=service_sid or None,
        body=body,
        status="accepted" if service_sid else "queued",
        segments=count_segments(body),
        status_callback=_callback_url(form.get("StatusCallback", "")),
        validity_seconds=_validity_seconds(form.get("ValidityPeriod", "")),
        created_at=now,
        updated_at=now,
        plan=plan,
    )


def _check_sender(sender: str, service_sid: str, account: Account) -> None:
    if service_sid and not SERVICE_SID.fullmatch(service_sid):
        raise RefusalError(21701, service_sid)
    if not sender:
        return
    code = refusal_of_sender(sender)
    if code is not None:
        raise RefusalError(code, sender)
    if not account.owns(sender):
        raise RefusalError(21606, sender)


def _callback_url(url: str) -> str | None:
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise RefusalError(21609, url)
    return url


def _validity_seconds(text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= VALIDITY_CAP_SECONDS:
        raise RefusalError(90007, text)
    return int(text)
