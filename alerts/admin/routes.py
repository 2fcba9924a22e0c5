"""Routes: where notices go besides the channels of the settings."""

from __future__ import annotations

import base64
import binascii
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget

from alerts.admin.base import PlatformAdmin
from alerts.admin.cells import (
    GREEN,
    GREY,
    SEVERITY_COLOURS,
    label,
    link_to_thing,
    state_column,
)
from alerts.admin.dialogs import leave_for
from alerts.admin.forms import WordedForm
from alerts.admin.notices import TellsOfFailures
from alerts.models import Channel, NoticeRoute
from alerts.services.routes import seal_signing_secret, seal_url, try_route

_KEPT: Final = "Leave it empty to keep the one that is there; nobody is shown it."
_WIDGET_ATTRS: Final = {"autocomplete": "new-password"}


class RouteForm(WordedForm):
    """A route; its secrets go in and never come out."""

    url = forms.CharField(
        label="Address",
        required=False,
        max_length=2000,
        widget=UnfoldAdminPasswordWidget(attrs=_WIDGET_ATTRS),
    )
    signing_secret = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs=_WIDGET_ATTRS),
    )
    client_id = forms.TypedChoiceField(
        label="Client",
        required=False,
        coerce=UUID,
        empty_value=None,
        widget=UnfoldAdminSelectWidget,
        help_text="Empty: alerts of all clients, and those of none.",
    )
    constraint_words: ClassVar = {
        # Said by the fields themselves.
        "alerts_noticeroute_has_what_its_channel_takes": (
            None,
            "Give what the channel needs: an e-mail address, or an address and its secret.",
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["client_id"].choices = [  # type: ignore[attr-defined]
            ("", "All clients"),
            *((str(key), name) for key, name in import_string(settings.CLIENT_NAMES)()),
        ]
        self.fields["is_active"].label = "Switched on"
        self.fields["minimum_severity"].label = "From which severity on"
        self.fields["email"].label = "E-mail address"
        self.fields["email"].help_text = "Of an e-mail route."
        kept = f" {_KEPT}" if self.instance.url_encrypted else ""
        self.fields["url"].help_text = f"Of Slack or a webhook; it begins with https://.{kept}"
        kept = f" {_KEPT}" if self.instance.secret_encrypted else ""
        self.fields["signing_secret"].help_text = (
            "Of a webhook: whsec_ and 24 to 64 random bytes in base64, for instance"
            f" whsec_ before what “openssl rand -base64 32” prints.{kept}"
        )

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"].strip()
        if url and not _is_address(url):
            raise forms.ValidationError("Enter an address that begins with https:// or http://.")
        return url

    def clean_signing_secret(self) -> str:
        secret: str = self.cleaned_data["signing_secret"].strip()
        if secret and not _is_signing_secret(secret):
            raise forms.ValidationError(
                "Enter whsec_ and 24 to 64 bytes in base64, as the receiver has it."
            )
        return secret

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        channel = cleaned.get("channel") or self.instance.channel
        is_email, is_webhook = channel == Channel.EMAIL, channel == Channel.WEBHOOK
        self._ask_for("email", is_wanted=is_email, has_one=False)
        self._ask_for("url", is_wanted=not is_email, has_one=bool(self.instance.url_encrypted))
        self._ask_for(
            "signing_secret", is_wanted=is_webhook, has_one=bool(self.instance.secret_encrypted)
        )
        # Before the constraints are asked.
        if cleaned.get("url"):
            self.instance.url_encrypted = seal_url(cleaned["url"])
        if cleaned.get("signing_secret"):
            self.instance.secret_encrypted = seal_signing_secret(cleaned["signing_secret"])
        return cleaned

    def _ask_for(self, name: str, *, is_wanted: bool, has_one: bool) -> None:
        given = self.cleaned_data.get(name)
        if name in self.errors:
            return
        if is_wanted and not given and not has_one:
            self.add_error(name, "This channel needs it.")
        elif given and not is_wanted:
            self.add_error(name, "This channel has no use for it: leave it empty.")


@admin.register(NoticeRoute)
class NoticeRouteAdmin(TellsOfFailures, PlatformAdmin):
    """Routes; switched off rather than deleted, for notices name theirs."""

    form: Any = RouteForm
    actions_detail = ("try_it",)
    list_display = ("name", "channel", "place", "severity_label", "of_client", "state")
    list_filter = ("is_active", "channel", "minimum_severity")
    search_fields = ("name", "email")
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "channel", "is_active")}),
        ("What is told", {"fields": ("minimum_severity", "client_id")}),
        ("Where", {"fields": ("email", "url", "signing_secret")}),
    )
    severity_label = state_column("minimum_severity", SEVERITY_COLOURS, title="from")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # What it has is of its channel: another channel is another route.
        return ("channel",) if obj else ()

    @admin.display(description="place")
    def place(self, route: NoticeRoute) -> str:
        return route.email or "Its address is kept secret"

    @admin.display(description="client")
    def of_client(self, route: NoticeRoute) -> SafeString | str:
        return link_to_thing("client", route.client_id) if route.client_id else "All"

    @admin.display(description="state")
    def state(self, route: NoticeRoute) -> SafeString:
        return label("On", GREEN) if route.is_active else label("Off", GREY)

    @action(  # type: ignore[untyped-decorator]
        description="Send a test",
        icon="send",
        dialog={
            "title": "Send a test",
            "description": "It goes the way of all notices. The page that follows says what "
            "became of it.",
            "form_submit_text": "Send it",
        },
    )
    def try_it(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        route = self.find_row(request, object_id)
        notice = try_route(
            route_id=route.pk,
            path=reverse("admin:alerts_noticeroute_change", args=[route.pk]),
            now=timezone.now(),
        )
        messages.success(
            request, "A test is on its way. Load this page again in a few seconds to see it sent."
        )
        return leave_for(request, reverse("admin:alerts_notice_change", args=[notice.pk]))


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _is_signing_secret(text: str) -> bool:
    if not text.startswith("whsec_"):
        return False
    try:
        return 24 <= len(base64.b64decode(text.removeprefix("whsec_"), validate=True)) <= 64
    except binascii.Error:
        return False
