"""Sources of events: the CRMs that report what people did. Made, set up and rotated here."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    GREEN,
    GREY,
    NOTHING,
    label,
    link,
    link_to_row,
    moment,
    table,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError, ValidationFailedError
from credit.models import Client
from redemption.admin.event_set_up import SettingUp
from redemption.models import Campaign, EventSource
from redemption.services.event_bodies import OWN_SHAPE
from redemption.services.event_refusals import refused_lately
from redemption.services.event_sources import create_source, rotate_secret, switch_source

_OVERLAPS: Final = (
    (0, "At once: it may have been stolen"),
    (1, "After a day"),
    (7, "After a week"),
    (30, "After 30 days"),
)


class NewSourceForm(forms.Form):
    """Whose events they are, and what the address is called."""

    client = forms.ModelChoiceField(Client.objects.none(), widget=UnfoldAdminSelectWidget)
    name = forms.SlugField(
        max_length=60,
        help_text="A part of the address: letters, digits, - and _.",
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": "acorn-crm", "autocomplete": "off"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Asked when the form is shown: before that nobody has said who is looking.
        self.fields["client"].queryset = Client.objects.all()  # type: ignore[attr-defined]


class OverlapForm(forms.Form):
    """How long the old secret goes on beside the new one."""

    days = forms.TypedChoiceField(
        choices=_OVERLAPS,
        coerce=int,
        initial=7,
        label="The old secret ends",
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(EventSource)
class EventSourceAdmin(SettingUp, ReadOnlyAdmin):
    """Sources by name; the secret that signs their events is shown once, when it is made."""

    actions_detail = ("set_up", "rotate", "switch")
    change_form_outer_before_template = "admin/parts/event_curl.html"
    list_display = ("name", "client", "state", "shape", "refused", "created")
    list_filter = ("is_active", "client")
    list_select_related = ("client",)
    ordering = ("name",)
    lookups = ("pk", "name")
    search_help_text = "A source's name or id"
    created = time_column("created_at")
    fieldsets = (
        (None, {"fields": ("name", "client", "state", "secrets", "refused", "created_at")}),
        ("What its events say", {"fields": ("paths", "of_campaign", "contact_method")}),
        ("Its events", {"fields": ("events",)}),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventSource]:
        rows: QuerySet[EventSource] = super().get_queryset(request)
        return rows.defer("secret_encrypted", "previous_secret_encrypted")

    @admin.display(description="state")
    def state(self, source: EventSource) -> SafeString:
        return label("Open", GREEN) if source.is_active else label("Switched off", GREY)

    @admin.display(description="shape")
    def shape(self, source: EventSource) -> str:
        return "By paths" if source.mapping else "Our own"

    @admin.display(description="refused in 7 days")
    def refused(self, source: EventSource) -> str:
        count = refused_lately(name=source.name, now=timezone.now())
        return NOTHING if count is None else str(count)

    @admin.display(description="secret")
    def secrets(self, source: EventSource) -> SafeString | str:
        until = source.previous_secret_until
        if until is None or until <= timezone.now():
            return "One; the events are signed with it"
        return SafeString(f"Two; the one before is good until {moment(until)}")

    @admin.display(description="paths")
    def paths(self, source: EventSource) -> SafeString | str:
        if not source.mapping:
            return "The body has our own shape"
        return table(
            ("field", "path"), [(name, source.mapping.get(name, NOTHING)) for name in OWN_SHAPE]
        )

    @admin.display(description="campaign")
    def of_campaign(self, source: EventSource) -> SafeString | str:
        if source.campaign is None:
            return "As the body says"
        return link_to_row(Campaign, source.campaign.pk, source.campaign.name)

    @admin.display(description="events")
    def events(self, source: EventSource) -> SafeString:
        page = reverse("admin:redemption_inboundevent_changelist")
        return link(f"{page}?source__id__exact={source.pk}", "All events of this source")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        name = ""
        if object_id is not None and (source := self.get_object(request, object_id)) is not None:
            name = source.name
        context = {**(extra_context or {}), "event_address": _address(name) if name else ""}
        response: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return response

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return never_cache(self._add)(request)

    def _add(self, request: HttpRequest) -> HttpResponse:
        form = NewSourceForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                source, secret = create_source(
                    client=form.cleaned_data["client"],
                    name=form.cleaned_data["name"],
                    actor=f"user:{request.user.pk}",
                    now=timezone.now(),
                )
            except ValidationFailedError as error:
                for name, words in error.errors.items():
                    form.add_error(name, words)
            else:
                return self._show(request, source, secret)
        return self._page(request, "A new event source", {"form": form, "button": "Make it"})

    @action(description="Rotate the secret", icon="autorenew")  # type: ignore[untyped-decorator]
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._rotate)(request, object_id)

    def _rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        source = get_object_or_404(EventSource, pk=object_id)
        form = OverlapForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                secret = rotate_secret(
                    source_id=source.pk,
                    overlap=timedelta(days=form.cleaned_data["days"]),
                    actor=f"user:{request.user.pk}",
                    now=timezone.now(),
                )
            except ServiceError:
                form.add_error(
                    "days",
                    "The secret before is still good: wait until it ends, or end both at once.",
                )
            else:
                return self._show(request, source, secret)
        context = {"form": form, "source": source, "button": "Make a new secret"}
        return self._page(request, f"A new secret for {source.name}", context)

    @action(  # type: ignore[untyped-decorator]
        description="Switch on or off",
        icon="power_settings_new",
        dialog={
            "title": "Take its events, or refuse them",
            "description": "Switched off, every event of this source is answered with 401, as if "
            "it were not signed; its sender tries again for as long as it does. What was taken in "
            "goes on.",
            "form_submit_text": "Switch it over",
        },
    )
    def switch(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        source = get_object_or_404(EventSource, pk=object_id)
        switch_source(
            source_id=source.pk,
            is_active=not source.is_active,
            actor=f"user:{request.user.pk}",
            now=timezone.now(),
        )
        words = "Switched off: its events are refused." if source.is_active else "Switched on."
        messages.success(request, words)
        return leave_for(request, reverse("admin:redemption_eventsource_change", args=[source.pk]))

    def _show(self, request: HttpRequest, source: EventSource, secret: str) -> HttpResponse:
        context = {"source": source, "secret": secret, "address": _address(source.name)}
        return self._page(request, f"The secret of {source.name}", context)

    def _page(self, request: HttpRequest, title: str, context: Mapping[str, Any]) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/event_source.html",
            {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                **context,
            },
        )


def _address(name: str) -> str:
    return f"{settings.PUBLIC_BASE_URL}{reverse('api-events', args=[name])}"
