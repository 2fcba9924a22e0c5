"""Messages with their attempts and reports: written by the sweep, so to be looked at only."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin, ReadOnlyInline
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    label,
    link_column,
    link_to_thing,
    state_column,
    time_column,
)
from alerts.admin.runbook import WithRunbook
from alerts.runbook import Chapter
from sms.models import DeliveryAttempt, Message, StatusEvent
from sms.phones import PhoneError, parse_phone

STATE_COLOURS = {
    "queued": BLUE,
    "sending": BLUE,
    "accepted": BLUE,
    "sent": BLUE,
    "delivered": GREEN,
    "manually_delivered": GREEN,
    "undelivered": RED,
    "failed": RED,
    "unknown": AMBER,
    "suppressed": GREY,
    "cancelled": GREY,
}
# In a list, where the columns beside it need the room.
_SHORT = {
    "accepted": "Accepted",
    "suppressed": "Opted out",
    "unknown": "In doubt",
    "manually_delivered": "By hand",
}


def to_e164(term: str) -> str:
    """Return a search term as the number it may be, else as it is."""
    try:
        return parse_phone(term, region=settings.DEFAULT_PHONE_REGION, allow_possible=True)
    except PhoneError:
        return term


class DeliveryAttemptInline(ReadOnlyInline):
    """The tries at handing a message to the provider."""

    model = DeliveryAttempt
    fields = (
        "number",
        "status",
        "provider_id",
        "error_code",
        "error_message",
        "requested_at",
        "answered_at",
    )


class StatusEventInline(ReadOnlyInline):
    """What the provider reported."""

    model = StatusEvent
    fields = ("received_at", "status", "error_code", "provider_id")


@admin.register(Message)
class MessageAdmin(WithRunbook, ReadOnlyAdmin):
    """Texts and e-mails, each with what became of it."""

    chapters = (Chapter.TEXT_NOT_DELIVERED,)
    inlines = (DeliveryAttemptInline, StatusEventInline)
    list_display = (
        "to",
        "state_short",
        "purpose",
        "about",
        "client",
        "tries",
        "error_code",
        "created",
    )
    list_filter = ("state", "channel", "purpose", "created_at", "client")
    list_select_related = ("client",)
    ordering = ("-created_at",)
    lookups = ("pk", "to", "provider_id", "reference_id")
    search_help_text = "A phone number, an e-mail address, a provider's id or a redemption's id"
    fieldsets = (
        (None, {"fields": ("to", "state_label", "purpose", "channel", "about", "client")}),
        ("Words", {"fields": ("template", "locale", "preview", "segments")}),
        (
            "Sending",
            {
                "fields": (
                    "sender",
                    "provider_id",
                    "attempts_used",
                    "error_code",
                    "next_attempt_at",
                    "request_id",
                )
            },
        ),
        ("When", {"fields": ("created_at", "accepted_at", "delivered_at")}),
    )
    created = time_column("created_at")
    state_label = state_column("state", STATE_COLOURS, title="state")

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, to_e164(search_term.strip()))

    @admin.display(description="state")
    def state_short(self, message: Message) -> SafeString:
        words = _SHORT.get(message.state, message.get_state_display())
        return label(words, STATE_COLOURS[message.state])

    @admin.display(description="tries")
    def tries(self, message: Message) -> int:
        return message.attempts_used

    @admin.display(description="about")
    def about(self, message: Message) -> SafeString | str:
        return link_to_thing(message.reference_kind, message.reference_id)


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """Every try of every message, newest first."""

    list_display = (
        "requested",
        "message_link",
        "number",
        "status",
        "error_code",
        "error_message",
        "answered",
    )
    list_filter = ("status",)
    ordering = ("-pk",)
    lookups = ("pk", "provider_id", "message")
    search_help_text = "A message's id or a provider's id"
    fields = (
        "message_link",
        "number",
        "status",
        "provider_id",
        "error_code",
        "error_message",
        "price",
        "requested_at",
        "answered_at",
    )
    requested = time_column("requested_at")
    answered = time_column("answered_at")
    message_link = link_column("message")


@admin.register(StatusEvent)
class StatusEventAdmin(ReadOnlyAdmin):
    """Every report of the provider, newest first."""

    list_display = ("received", "message_link", "status", "error_code", "provider_id")
    list_filter = ("status",)
    ordering = ("-pk",)
    lookups = ("pk", "provider_id", "message")
    search_help_text = "A message's id or a provider's id"
    fields = ("message_link", "provider_id", "status", "error_code", "received_at")
    received = time_column("received_at")
    message_link = link_column("message")
