"""The sandbox phone, in demo and tests only: the texts as a phone shows them."""

import dataclasses
import hashlib
from itertools import groupby
from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from sms.models import Message
from sms.selectors.sandbox import PhoneMessage, PhoneUnreachableError, list_phone_messages
from sms.services.sandbox import reply_from_phone

_TONES: Final = {
    "delivered": "good",
    "manually_delivered": "good",
    "undelivered": "bad",
    "failed": "bad",
    "unknown": "warn",
    "suppressed": "warn",
}
_LONGEST_REPLY: Final = 1600


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bubble:
    """One message of a conversation."""

    id: str
    is_reply: bool
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
            if not message.is_reply
        ],
        safe=False,
    )


@never_cache
@require_POST
def reply(request: HttpRequest) -> HttpResponse:
    """Send what was typed as a text from that phone to us."""
    if not settings.SANDBOX:
        raise Http404
    values = {name: request.POST.get(name, "").strip() for name in ("phone", "to", "body")}
    if all(values.values()) and len(values["body"]) <= _LONGEST_REPLY:
        try:
            reply_from_phone(**values)
        except PhoneUnreachableError:
            return HttpResponse(_("The phone has no connection."), status=502)
    return redirect("sandbox-phone")


def _messages() -> list[PhoneMessage]:
    if not settings.SANDBOX:
        raise Http404
    try:
        return list_phone_messages()
    except PhoneUnreachableError:
        return []


def _conversations(messages: list[PhoneMessage]) -> list[dict[str, object]]:
    newest = {}
    ours = {}
    for message in reversed(messages):
        newest[(message.to, message.channel)] = message.created_at
        ours[(message.to, message.channel)] = message.ours
    ordered = sorted(messages, key=lambda message: (message.to, message.channel))
    conversations = [
        {
            "to": to,
            "channel": channel,
            "ours": ours.get((to, channel), ""),
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
        is_reply=message.is_reply,
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
