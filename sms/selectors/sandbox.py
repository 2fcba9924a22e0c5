"""The demo's phone: what the provider says it has sent, joined with what we know of it."""

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from django.conf import settings

from alerts.scope import EVERYTHING, seeing
from sms.models import Message

_TIMEOUT_SECONDS: Final = 3
_NEWEST: Final = 200


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneMessage:
    """One text as the phone shows it; ``to`` is the phone, ``ours`` our end of the talk.

    ``is_reply`` is whether the phone sent it.
    """

    id: str
    to: str
    ours: str
    is_reply: bool
    channel: str
    subject: str
    body: str
    state: str
    created_at: datetime


class PhoneUnreachableError(Exception):
    """The provider the texts were sent by does not answer."""


@seeing(EVERYTHING)
def list_phone_messages() -> list[PhoneMessage]:
    """Return the newest texts in both directions and e-mails, newest first.

    :raises PhoneUnreachableError: the provider does not answer.
    """
    return sorted([*_texts(), *_mails()], key=lambda one: one.created_at, reverse=True)


def _texts() -> list[PhoneMessage]:
    sent = _list_at_provider()
    known = {
        message.provider_id: message
        for message in Message.objects.filter(provider_id__in=[item["sid"] for item in sent]).only(
            "id", "provider_id", "state"
        )
    }
    return [
        PhoneMessage(
            id=str(known[item["sid"]].pk) if item["sid"] in known else str(item["sid"]),
            to=item["from" if is_reply(item) else "to"] or "",
            ours=item["to" if is_reply(item) else "from"] or "",
            is_reply=is_reply(item),
            channel="sms",
            subject="",
            body=item["body"],
            state=known[item["sid"]].state if item["sid"] in known else str(item["status"]),
            created_at=parsedate_to_datetime(item["date_created"]),
        )
        for item in sent
    ]


def _mails() -> list[PhoneMessage]:
    """Return the newest e-mails that the emulator's mail server got."""
    mails = [(mail["message_id"].strip("<>").partition("@")[0], mail) for mail in _list_mails()]
    known = {
        message.provider_id: message
        for message in Message.objects.filter(provider_id__in={key for key, _ in mails}).only(
            "id", "provider_id", "state"
        )
    }
    return [
        PhoneMessage(
            id=str(known[key].pk) if key in known else str(mail["id"]),
            to=mail["to"],
            ours="",
            is_reply=False,
            channel="email",
            subject=mail["subject"],
            body=mail["body"],
            state=known[key].state if key in known else str(Message.State.DELIVERED),
            created_at=datetime.fromisoformat(mail["received_at"]),
        )
        for key, mail in mails
    ]


def _list_mails() -> list[dict[str, Any]]:
    if not settings.TWILIO_API_BASE_URL:
        return []
    try:
        answer = requests.get(
            f"{settings.TWILIO_API_BASE_URL}/_control/mails",
            params={"limit": str(_NEWEST)},
            timeout=_TIMEOUT_SECONDS,
        )
        listed: list[dict[str, Any]] = answer.json() if answer.ok else []
    except (requests.RequestException, ValueError) as error:
        raise PhoneUnreachableError from error
    return listed


def _list_at_provider() -> list[dict[str, Any]]:
    account = settings.TWILIO_ACCOUNT_SID
    tokens = settings.TWILIO_AUTH_TOKENS
    if not (settings.TWILIO_API_BASE_URL and account and tokens):
        return []
    try:
        answer = requests.get(
            f"{settings.TWILIO_API_BASE_URL}/2010-04-01/Accounts/{account}/Messages.json",
            params={"PageSize": str(_NEWEST)},
            auth=(account, tokens[0]),
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        listed: list[dict[str, Any]] = answer.json()["messages"]
    except (requests.RequestException, ValueError, KeyError) as error:
        raise PhoneUnreachableError from error
    return listed


def is_reply(item: Mapping[str, Any]) -> bool:
    """Tell whether the provider's record is of a text that a phone sent."""
    return str(item.get("direction", "")).startswith("inbound")
