"""Partners' API keys: made here, shown once, rotated with an overlap, revoked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    label,
    link_column,
    link_to_row,
    state_column,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError, ValidationFailedError
from alerts.transactions import transaction
from credit.models import Agency, ApiKey, Client
from credit.services.api_keys import (
    SCOPES,
    change_networks,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)

OWNER_COLOURS = {"platform": GREY, "agency": BLUE, "client": GREEN}
_SCOPE_WORDS: Final = {
    "redeem": "Validate and redeem codes",
    "provision": "Hand out rewards for a recipient",
    "cards:reveal": "Read card codes again after they were issued",
    "inventory:read": "See pools and their stock",
    "inventory:write": "Upload and sell cards",
    "recipients:write": "Add recipients",
    "credit:read": "See accounts, entries and statements",
    "credit:allocate": "Hand credit down",
    "events": "Report events",
    "loyalty": "Customers, points and checkouts",
    "webhooks": "Manage outgoing webhooks",
    "monitoring": "Run the monitors",
}
_OVERLAPS: Final = (
    (0, "At once"),
    (1, "After a day"),
    (7, "After a week"),
    (30, "After 30 days"),
    (90, "After 90 days"),
)
_UNUSED_AFTER: Final = timedelta(days=90)
_FROM_WHERE: Final = (
    "One address or network on a line, such as 203.0.113.7, 203.0.113.0/24 or 2001:db8::/48."
    " Empty: good from anywhere. From elsewhere the key is refused like one that nobody has."
)


class ApiKeyForm(forms.Form):
    """What a new key is called, whose it is and what it is for."""

    name = forms.CharField(max_length=120, help_text="What people will know it by: “Till, Leeds”.")
    agency = forms.ModelChoiceField(Agency.objects.none(), required=False, empty_label="No agency")
    client = forms.ModelChoiceField(Client.objects.none(), required=False, empty_label="No client")
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {_SCOPE_WORDS[scope]}") for scope in SCOPES],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    expires_on = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="UTC; empty for a key that is good until it is revoked.",
    )

    networks = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Good from",
        help_text=_FROM_WHERE,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Asked when the form is shown: before that nobody has said who is looking.
        self.fields["agency"].queryset = Agency.objects.all()  # type: ignore[attr-defined]
        self.fields["client"].queryset = Client.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("agency") and data.get("client"):
            self.add_error("client", "A key is an agency's or a client's; choose one of the two.")
        return data


class OverlapForm(forms.Form):
    """How long the old key goes on beside its successor."""

    days = forms.TypedChoiceField(
        choices=_OVERLAPS, coerce=int, initial=7, label="The old key ends"
    )
    until = forms.DateTimeField(
        required=False,
        label="Or at this time",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="UTC; it goes before the choice above.",
    )

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise forms.ValidationError("Choose a time to come.")
        return until

    def overlap(self, now: datetime) -> timedelta:
        """Return how long the old key goes on from now."""
        until: datetime | None = self.cleaned_data["until"]
        return timedelta(days=self.cleaned_data["days"]) if until is None else until - now


class NetworksForm(forms.Form):
    """From where a key is good."""

    networks = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        label="Good from",
        help_text=_FROM_WHERE,
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Partners' keys, by their first characters: the key itself is shown once and not kept."""

    actions_detail = ("rotate", "networks", "revoke")
    list_display = (
        "name",
        "prefix",
        "owner_label",
        "agency",
        "client",
        "validity",
        "scopes",
        "last_used",
        "attention",
    )
    list_filter = ("owner_kind", "client", "agency")
    list_select_related = ("agency", "client", "replaced_by")
    lookups = ("pk", "prefix")
    search_help_text = "A key's id or its first characters (glk_…)"
    fieldsets = (
        (None, {"fields": ("name", "prefix", "owner_label", "agency", "client", "scopes")}),
        (None, {"fields": ("attention",)}),
        ("When", {"fields": ("created_at", "expires_at", "revoked_at", "last_used_at")}),
        ("From where", {"fields": ("good_from", "refused_at", "refused_address")}),
        ("Rotation", {"fields": ("successor", "predecessor")}),
    )
    last_used = time_column("last_used_at")
    owner_label = state_column("owner_kind", OWNER_COLOURS, title="owner")
    successor = link_column("replaced_by", title="successor")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    @admin.display(description="validity")
    def validity(self, key: ApiKey) -> SafeString:
        if key.revoked_at is not None:
            return label("Revoked", RED)
        if key.expires_at is not None:
            over = key.expires_at <= timezone.now()
            return label("Expired", AMBER) if over else label("Ends soon", AMBER)
        return label("Valid", GREEN)

    @admin.display(description="good from")
    def good_from(self, key: ApiKey) -> str:
        return ", ".join(key.allowed_networks) or "anywhere"

    @admin.display(description="takes over from")
    def predecessor(self, key: ApiKey) -> SafeString | str:
        old = ApiKey.objects.filter(replaced_by=key).order_by("created_at").first()
        if old is None:
            return NOTHING
        used = "never used" if old.last_used_at is None else f"last used {_day(old.last_used_at)}"
        return format_html("{} {}…, {}", link_to_row(ApiKey, old.pk), old.prefix, used)

    @admin.display(description="attention")
    def attention(self, key: ApiKey) -> SafeString | str:
        words = attention_to(key, now=timezone.now())
        return label(words, AMBER) if words else NOTHING

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return never_cache(self._add)(request)

    def _add(self, request: HttpRequest) -> HttpResponse:
        form = ApiKeyForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                with transaction():
                    key, secret = create_api_key(
                        name=data["name"],
                        owner=data["client"] or data["agency"],
                        scopes=data["scopes"],
                        expires_at=data["expires_on"],
                        networks=data["networks"].split(),
                        actor=f"user:{request.user.pk}",
                        now=timezone.now(),
                    )
            except ValidationFailedError as error:
                for name, words in error.errors.items():
                    form.add_error("expires_on" if name == "expires_at" else name, words)
            else:
                return self._show(request, key, secret)
        return self._page(request, "A new API key", form=form)

    @action(description="Rotate", icon="autorenew")  # type: ignore[untyped-decorator]
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._rotate)(request, object_id)

    def _rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        old = get_object_or_404(ApiKey, pk=object_id)
        form = OverlapForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            now = timezone.now()
            try:
                key, secret = rotate_api_key(
                    key_id=old.pk,
                    overlap=form.overlap(now),
                    actor=f"user:{request.user.pk}",
                    now=now,
                )
            except ServiceError:
                form.add_error(None, "This key is revoked, has expired or has a successor already.")
            else:
                return self._show(request, key, secret)
        return self._page(request, f"A successor for {old.name}", form=form, old=old)

    @action(description="Networks", icon="lan")  # type: ignore[untyped-decorator]
    def networks(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = get_object_or_404(ApiKey, pk=object_id)
        initial = {"networks": "\n".join(key.allowed_networks)}
        form = NetworksForm(request.POST if request.method == "POST" else None, initial=initial)
        if request.method == "POST" and form.is_valid():
            try:
                change_networks(
                    key_id=key.pk,
                    networks=form.cleaned_data["networks"].split(),
                    actor=f"user:{request.user.pk}",
                    now=timezone.now(),
                )
            except ValidationFailedError as error:
                form.add_error("networks", error.errors["networks"])
            else:
                messages.success(request, "Saved. It holds from the next call on.")
                return leave_for(request, reverse("admin:credit_apikey_change", args=[key.pk]))
        return self._page(request, f"From where {key.name} is good", form=form, bound=key)

    @action(  # type: ignore[untyped-decorator]
        description="Revoke",
        icon="block",
        dialog={
            "title": "Revoke the key",
            "description": "From now on every call with it is refused. This can't be undone.",
            "form_submit_text": "Revoke it",
        },
    )
    def revoke(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        key = get_object_or_404(ApiKey, pk=object_id)
        if revoke_api_key(key_id=key.pk, actor=f"user:{request.user.pk}", now=timezone.now()):
            messages.success(request, "The key is revoked.")
        else:
            messages.info(request, "It was revoked before.")
        return leave_for(request, reverse("admin:credit_apikey_change", args=[key.pk]))

    def _show(self, request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
        return self._page(request, f"The key {key.name}", key=key, secret=secret)

    def _page(self, request: HttpRequest, title: str, **context: Any) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/api_key.html",
            {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                **context,
            },
        )


def attention_to(key: ApiKey, *, now: datetime) -> str:
    """Return what somebody should know about a key that is good, nothing if all is well."""
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return ""
    if key.replaced_by_id is not None:
        # Used once its successor was there: whoever does it stands before a shut door soon.
        made_at = key.replaced_by.created_at if key.replaced_by else now
        if key.last_used_at is not None and key.last_used_at > made_at:
            assert key.expires_at is not None  # noqa: S101  set by the rotation
            return f"Still used ({_day(key.last_used_at)}), ends {_day(key.expires_at)}"
        return ""
    if key.refused_at is not None and key.refused_at > now - timedelta(days=7):
        return f"Tried from elsewhere ({key.refused_address})"
    if (key.last_used_at or key.created_at) < now - _UNUSED_AFTER:
        return f"Unused for {_UNUSED_AFTER.days} days"
    return ""


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
