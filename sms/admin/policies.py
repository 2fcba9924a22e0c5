"""What the provider's error codes mean for a message, and channels they have stopped."""

from __future__ import annotations

from typing import ClassVar

from django.contrib import admin

from alerts.admin.base import PlatformAdmin, ReadOnlyAdmin
from alerts.admin.cells import AMBER, BLUE, GREY, RED, state_column
from alerts.admin.forms import WordedForm
from alerts.admin.runbook import WithRunbook
from alerts.runbook import Chapter
from sms.models import ChannelStop, ErrorPolicy

REACTION_COLOURS = {
    "retry": BLUE,
    "retry_slowly": BLUE,
    "bad_number": AMBER,
    "opted_out": GREY,
    "filtered": AMBER,
    "set_up": RED,
}


class ErrorPolicyForm(WordedForm):
    """A policy that makes sense."""

    constraint_words: ClassVar = {
        "sms_errorpolicy_only_our_set_up_stops_the_channel": (
            "reaction",
            "An error of our own set-up never uses an attempt; no other stops the channel.",
        ),
    }


@admin.register(ErrorPolicy)
class ErrorPolicyAdmin(PlatformAdmin):
    """Error codes that operators treat otherwise than the table we ship."""

    form = ErrorPolicyForm
    may_delete = True
    list_display = ("code", "reaction_label", "uses_attempt", "stops_channel", "note")
    list_filter = ("reaction",)
    search_fields = ("code", "note")
    fields = ("code", "reaction", "uses_attempt", "stops_channel", "note")
    reaction_label = state_column("reaction", REACTION_COLOURS, title="reaction")

    def get_readonly_fields(self, request: object, obj: ErrorPolicy | None = None) -> list[str]:
        return [] if obj is None else ["code"]


@admin.register(ChannelStop)
class ChannelStopAdmin(WithRunbook, ReadOnlyAdmin):
    """Channels that wait for our set-up to be mended; each goes on by itself."""

    chapters = (Chapter.TEXT_NOT_DELIVERED,)
    list_display = ("channel", "error_code", "stopped_at", "probe_at")
    fields = ("channel", "error_code", "stopped_at", "probe_at")
