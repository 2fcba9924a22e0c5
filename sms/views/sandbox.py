"""The sandbox phone, in demo and tests only: the texts as a phone shows them."""

import dataclasses
import hashlib
from itertools import groupby
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sms.models import Message
from sms.selectors.sandbox import PhoneMessage, PhoneUnreachableError, list_phone_messages

_TONES: Final = {
    "delivered": "good",
    "manually_delivered": "good",
    "undelivered": "bad",
    "failed": "bad",
    "unknown": "warn",
    "suppressed": "warn",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message of a conversation."""

    id: str
    subject: str
    body: str
    state: str
    state_label: str
    tone: str
    created_at: Any


@never_cache
@require_safe
def phone(request: HttpRequest) -> HttpResponse:
    """Show the phone; a page that asks ``?since=`` what it has seen gets 204 when it has all."""
    messages = _messages()
    version = _version(messages)
    if request.GET.get("since") == version:
        return HttpResponse(status=204)
    template = "sandbox/_screen.html" if "since" in request.GET else "sandbox/phone.html"
    return render(
        request, template, {"conversations": _conversations(messages), "version": version}
    )


@never_cache
@require_safe
def messages_json(_request: HttpRequest) -> HttpResponse:
    """Return the same as JSON, newest first."""
    return JsonResponse(
        [
            {
                "id": message.id,
                "to": message.to,
                "channel": message.channel,
                "body": message.body,
                "state": message.state,
                "created_at": message.created_at.isoformat(),
            }
            for message in _messages()
        ],
        safe=False,
    )


def _messages() -> list[PhoneMessage]:
    if not settings.SANDBOX:
        raise Http404
    try:
        return list_phone_messages()
    except PhoneUnreachableError:
        return []


def _conversations(messages: list[PhoneMessage]) -> list[dict[str, object]]:
    newest = {}
    for message in reversed(messages):
        newest[(message.to, message.channel)] = message.created_at
    ordered = sorted(messages, key=lambda message: (message.to, message.channel))
    conversations = [
        {
            "to": to,
            "channel": channel,
            "newest": newest[(to, channel)],
            "messages": [_bubble(message) for message in reversed(list(group))],
        }
        for (to, channel), group in groupby(ordered, key=lambda item: (item.to, item.channel))
    ]
    return sorted(conversations, key=lambda item: str(item["newest"]), reverse=True)


def _bubble(message: PhoneMessage) -> Bubble:
    states = dict(Message.State.choices)
    return Bubble(
        id=message.id,
        subject=message.subject,
        body=message.body,
        state=message.state,
        state_label=_(states.get(message.state, message.state.capitalize())),
        tone=_TONES.get(message.state, ""),
        created_at=message.created_at,
    )


def _version(messages: list[PhoneMessage]) -> str:
    seen = "".join(f"{message.id}{message.state}" for message in messages)
    return hashlib.sha256(seen.encode()).hexdigest()[:16]
