"""What the page of a template does while its words are written: show them, count them, try them."""

from __future__ import annotations

import dataclasses
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from alerts.errors import ServiceError, ValidationFailedError
from credit.models import Client, User
from sms.merge import TAGS
from sms.models import ChannelStop, Message, MessageTemplate
from sms.selectors.templates import normalise_locale
from sms.services.consents import OptedOutError
from sms.services.examples import EXAMPLES, find_example
from sms.services.previews import Words, preview_template
from sms.services.templates import list_earlier_words
from sms.services.test_sends import (
    KIND,
    TESTS_AN_HOUR,
    ChannelNotSetUpError,
    TooManyTestsError,
    send_test,
)

State = Message.State

# What a person reads of a test; and whether anything may still change.
_STATES: Final[dict[str, tuple[str, bool]]] = {
    State.QUEUED: ("Waits to be sent…", True),
    State.SENDING: ("Is being sent…", True),
    State.UNKNOWN: ("The provider has not answered; it is being looked up…", True),
    State.ACCEPTED: ("The provider has it…", True),
    State.SENT: ("On its way to the phone…", True),
    State.DELIVERED: ("Delivered.", False),
    State.SUPPRESSED: ("Not sent: the owner of this number has replied STOP.", False),
    State.CANCELLED: ("Not sent: it was cancelled.", False),
    State.MANUALLY_DELIVERED: ("Marked as delivered by a person.", False),
}
# Nobody watches for longer; the message's own page goes on.
_WATCHED_SECONDS: Final = 600
_LONGEST_INPUT: Final = 5_000


class TemplateEditor:
    """Mixin: the live preview, the test message and the history on a template's page."""

    change_form_template = "admin/message_template/change_form.html"
    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        def route(address: str, view: Any, name: str) -> URLPattern:
            guarded = self.admin_site.admin_view(never_cache(view))
            found: URLPattern = path(address, guarded, name=f"sms_messagetemplate_{name}")
            return found

        return [
            route("preview/", self.show_preview, "preview"),
            route("test/", self.send_test, "test"),
            route("test/<uuid:message_id>/", self.show_test, "test_state"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        template: MessageTemplate | None = kwargs.get("obj")
        context |= {
            "tags": TAGS,
            "examples": EXAMPLES,
            "clients": Client.objects.filter(is_active=True).order_by("name"),
            "earlier": _earlier(template) if template else [],
            "tests_an_hour": TESTS_AN_HOUR,
            **_state_of(request.GET.get("test", "")),
        }
        return super().render_change_form(request, context, *args, **kwargs)  # type: ignore[misc,no-any-return]

    def show_preview(self, request: HttpRequest) -> HttpResponse:
        """Show the words of the form as they stand."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        words = _read_words(request)
        context = {
            "words": words,
            "preview": preview_template(
                words=words,
                example=find_example(request.POST.get("example", "")),
                client=_read_client(request),
            )
            if words.body.strip()
            else None,
        }
        return render(request, "admin/message_template/preview.html", context)

    def send_test(self, request: HttpRequest) -> HttpResponse:
        """Send the words of the form, or without scripts the saved ones, to who is typing."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        template = _read_template(request)
        words = _read_words(request) if "body" in request.POST else _saved_words(template)
        client = _read_client(request) or (template.client if template else None)
        if client is None:
            client = Client.objects.filter(is_active=True).order_by("name", "pk").first()
        user_id: Any = request.user.pk
        trouble = "Make a client first: a message is always sent in somebody's name."
        message_id = None
        if client is not None:
            try:
                message_id = send_test(
                    words=words,
                    example=find_example(request.POST.get("example", "")),
                    client=client,
                    template_id=template.pk if template else None,
                    to=request.POST.get("test_to", "")[:254],
                    user_id=user_id,
                    now=timezone.now(),
                )
            except ServiceError as error:
                trouble = _explain(error, client)
        if request.headers.get("HX-Request"):
            context = _state_of(str(message_id)) if message_id else {"trouble": trouble}
            return render(request, "admin/message_template/test_state.html", context)
        if message_id is None:
            messages.error(request, trouble)
        page = (
            reverse("admin:sms_messagetemplate_change", args=[template.pk])
            if template
            else reverse("admin:sms_messagetemplate_add")
        )
        return redirect(f"{page}?test={message_id}" if message_id else page)

    def show_test(self, request: HttpRequest, message_id: UUID) -> HttpResponse:
        """Show what has become of a test so far."""
        context = _state_of(str(message_id))
        if not context:
            raise Http404
        return render(request, "admin/message_template/test_state.html", context)


def _read_words(request: HttpRequest) -> Words:
    sent = request.POST
    return Words(
        purpose=sent.get("purpose", ""),
        channel="email" if sent.get("channel") == "email" else "sms",
        locale=normalise_locale(sent.get("locale", ""))[:8] or "en",
        subject=sent.get("subject", "")[:200],
        body=sent.get("body", "")[:_LONGEST_INPUT],
    )


def _saved_words(template: MessageTemplate | None) -> Words:
    if template is None:
        raise Http404
    return Words(
        purpose=template.purpose,
        channel=template.channel,
        locale=template.locale,
        subject=template.subject,
        body=template.body,
    )


def _read_client(request: HttpRequest) -> Client | None:
    key = request.POST.get("client") or request.POST.get("as_client") or ""
    try:
        return Client.objects.filter(pk=key).first() if key else None
    except (ValidationError, ValueError):
        return None


def _read_template(request: HttpRequest) -> MessageTemplate | None:
    key = request.POST.get("template", "")
    if not key.isdecimal() or len(key) > 18:
        return None
    return MessageTemplate.objects.select_related("client").filter(pk=key).first()


def _earlier(template: MessageTemplate) -> list[dict[str, Any]]:
    earlier = list_earlier_words(template_id=template.pk)
    ids = {one.changed_by.removeprefix("user:") for one in earlier} - {"system"}
    names = {f"user:{user.pk}": str(user) for user in User.objects.filter(pk__in=ids)}
    return [
        {**dataclasses.asdict(one), "who": names.get(one.changed_by, one.changed_by)}
        for one in earlier
    ]


def _explain(error: ServiceError, client: Client) -> str:
    if isinstance(error, ValidationFailedError):
        return " ".join(sentence for said in error.errors.values() for sentence in said)
    if isinstance(error, OptedOutError):
        return (
            f"The owner of this number has replied STOP to {client.name}: nothing was sent. Only"
            " a START from that phone lifts it."
        )
    if isinstance(error, TooManyTestsError):
        minutes = -(-(error.retry_after_seconds or 60) // 60)
        return (
            f"You have sent {TESTS_AN_HOUR} tests within an hour. The next one can go in"
            f" {minutes} minute{'' if minutes == 1 else 's'}."
        )
    if isinstance(error, ChannelNotSetUpError):
        service = "SMS" if error.channel == "sms" else "E-mail"
        return f"{service} service not configured (GC-014): nothing was sent. {error.missing}"
    return f"{error.code.operator} {error.code.action}"


def _state_of(key: str) -> dict[str, Any]:
    """Return how a test stands, for the page; nothing where there is no such test."""
    try:
        message = Message.objects.filter(pk=UUID(key), reference_kind=KIND).first()
    except ValueError:
        return {}
    if message is None:
        return {}
    words, is_open = _STATES.get(
        message.state,
        ("Not delivered; it is tried again by itself…", True)
        if message.next_attempt_at
        else (f"Not delivered: error {message.error_code or 'unknown'}.", False),
    )
    if message.state == State.ACCEPTED and message.channel == "email":
        words, is_open = "The mail server took it; nothing more is heard of an e-mail.", False
    if message.state == State.QUEUED:
        stop = ChannelStop.objects.filter(channel=message.channel).first()
        if stop is not None:
            words = f"Waits: this channel is stopped by error {stop.error_code} (see Alerts)."
    age = (timezone.now() - message.created_at).total_seconds()
    return {
        "test": message,
        "state_words": words,
        "is_open": is_open and age < _WATCHED_SECONDS,
        "is_good": message.state == State.DELIVERED
        or (not is_open and message.state == "accepted"),
    }
