"""Whom clients may text and how we know; what people text us; numbers no text reaches."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import BLUE, GREEN, GREY, RED, state_column, time_column
from sms.admin.messages import to_e164
from sms.models import ConsentEvent, InboundMessage, OptIn, PhoneHealth

OPT_IN_COLOURS = {"none": GREY, "requested": BLUE, "granted": GREEN, "revoked": RED}
HANDLED_COLOURS = {"kept": BLUE, "opt_out": RED, "opt_in": GREEN, "grant": GREEN, "help": GREY}


class FoundByPhone(ReadOnlyAdmin):
    """A list that is searched by a number, however it is written."""

    search_help_text = "A phone number"

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> Any:
        return super().get_search_results(request, queryset, to_e164(search_term.strip()))


@admin.register(OptIn)
class OptInAdmin(FoundByPhone):
    """Whom a client may text, and how we know."""

    list_display = ("phone", "client", "state_label", "way", "actor", "reason", "changed")
    list_filter = ("state", "client")
    list_select_related = ("client",)
    ordering = ("-pk",)
    lookups = ("phone",)
    fields = (
        "client",
        "phone",
        "state_label",
        "way",
        "text_shown",
        "actor",
        "reason",
        "requested_at",
        "changed_at",
    )
    changed = time_column("changed_at")
    state_label = state_column("state", OPT_IN_COLOURS, title="state")


@admin.register(ConsentEvent)
class ConsentEventAdmin(FoundByPhone):
    """Every step of every opt-in, newest first."""

    list_display = ("when", "phone", "client", "state_label", "way", "actor", "reason")
    list_filter = ("state", "client")
    list_select_related = ("client",)
    ordering = ("-pk",)
    lookups = ("phone",)
    fields = ("client", "phone", "state_label", "way", "text_shown", "actor", "reason", "at")
    when = time_column("at")
    state_label = state_column("state", OPT_IN_COLOURS, title="state")


@admin.register(InboundMessage)
class InboundMessageAdmin(FoundByPhone):
    """What people text us, newest first."""

    list_display = ("received", "from_number", "body", "handled_label", "client")
    list_filter = ("handled_as", "client")
    list_select_related = ("client",)
    ordering = ("-pk",)
    lookups = ("from_number", "provider_id")
    search_help_text = "A phone number or a provider's id"
    fields = (
        "from_number",
        "to_number",
        "client",
        "body",
        "handled_label",
        "opt_out_type",
        "reply",
        "provider_id",
        "received_at",
    )
    received = time_column("received_at")
    handled_label = state_column("handled_as", HANDLED_COLOURS, title="handled as")


@admin.register(PhoneHealth)
class PhoneHealthAdmin(FoundByPhone):
    """Numbers that no text reaches."""

    list_display: ClassVar = ("phone", "error_code", "failed")
    ordering = ("-failed_at",)
    lookups = ("phone",)
    fields = ("phone", "error_code", "failed_at")
    failed = time_column("failed_at")
