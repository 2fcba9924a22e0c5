"""What happened on the way to a card, and the links that show it."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils import timezone
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    error_column,
    label,
    link_column,
    link_to_thing,
    time_column,
    whole,
)
from alerts.codes import ErrorCode
from redemption.models import ProvisioningTrace, RevealLink

_STATUS_COLOURS = {"ok": GREEN, "empty": AMBER, "refused": RED}


@admin.register(ProvisioningTrace)
class ProvisioningTraceAdmin(ReadOnlyAdmin):
    """Every step of every redemption, also of those that were refused; newest first."""

    list_display = (
        "when",
        "step",
        "status_label",
        "code",
        "duration",
        "redemption_link",
        "request_id",
    )
    list_filter = ("status", "step")
    ordering = ("-pk",)
    lookups = ("pk", "redemption_id")
    search_help_text = "A redemption's id, or the request id of a refusal"
    fieldsets = (
        (None, {"fields": ("step", "status_label", "duration", "at")}),
        ("What it means", {"fields": ("code", "message", "meaning", "what_to_do")}),
        ("Of what", {"fields": ("redemption_link", "request_id", "details")}),
    )
    when = time_column("at", title="when")
    code = error_column("error_code", title="code")

    def match(self, term: str) -> Q:
        # What became a redemption is found by its id; the index of requests has the others.
        return super().match(term) | Q(request_id=term, redemption_id=None)

    @admin.display(description="status")
    def status_label(self, trace: ProvisioningTrace) -> SafeString:
        colour = AMBER if trace.status.startswith("waiting") else GREY
        return label(trace.status.replace("_", " "), _STATUS_COLOURS.get(trace.status, colour))

    @admin.display(description="took")
    def duration(self, trace: ProvisioningTrace) -> SafeString:
        return whole(f"{trace.milliseconds:.1f} ms")

    @admin.display(description="redemption")
    def redemption_link(self, trace: ProvisioningTrace) -> SafeString | str:
        return link_to_thing("redemption", trace.redemption_id)

    @admin.display(description="meaning")
    def meaning(self, trace: ProvisioningTrace) -> str:
        return _explain(trace.error_code, "operator")

    @admin.display(description="what to do")
    def what_to_do(self, trace: ProvisioningTrace) -> str:
        return _explain(trace.error_code, "action")


def _explain(code: str, reader: str) -> str:
    try:
        return str(getattr(ErrorCode.from_code(code), reader))
    except ValueError:
        return "–"


@admin.register(RevealLink)
class RevealLinkAdmin(ReadOnlyAdmin):
    """Links that show a card; the link itself is not kept, so it can't be shown."""

    list_display = (
        "created",
        "redemption_link",
        "version",
        "validity",
        "bound",
        "expires",
    )
    # Their key is a digest, which makes no address; a link's details are its redemption's.
    list_display_links = None
    list_filter = ("created_at",)
    ordering = ("redemption", "version")
    lookups = ("redemption",)
    search_help_text = "A redemption's id"
    fields = (
        "redemption_link",
        "version",
        "validity",
        "bound_at",
        "expires_at",
        "revoked_at",
        "created_at",
    )
    created = time_column("created_at")
    bound = time_column("bound_at", title="opened")
    expires = time_column("expires_at")
    redemption_link = link_column("redemption")

    @admin.display(description="state")
    def validity(self, row: RevealLink) -> SafeString:
        if row.revoked_at is not None:
            return label("Revoked", RED)
        if row.expires_at <= timezone.now():
            return label("Expired", GREY)
        return label("Opened", GREEN) if row.bound_at else label("Not opened", BLUE)
