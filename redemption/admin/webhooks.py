"""Webhook endpoints: how they do, their secrets shown once, pause, test and replay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    GREEN,
    GREY,
    NOTHING,
    RED,
    label,
    link,
    link_to_thing,
    moment,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError, ValidationFailedError
from alerts.models import WebhookEndpoint
from alerts.selectors.webhooks import DeliveryRate, delivery_rates
from alerts.services.webhook_deliveries import replay_failed
from credit.selectors.viewers import Viewer
from redemption.admin.webhook_forms import NewEndpointForm, OverlapForm, SinceForm
from redemption.services.webhook_endpoints import (
    SecretUnreadableError,
    create_endpoint,
    delete_endpoint,
    rotate_endpoint_secret,
    send_test_event,
    switch_endpoint,
)

_STATE_COLOURS: Final = {"active": GREEN, "paused": AMBER, "disabled": RED}


class EndpointChangeList(ChangeList):
    """The list of endpoints, whose rates are asked for once for the page that is shown."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        endpoints: list[Any] = list(self.result_list)
        rates = delivery_rates(endpoint_ids=[one.pk for one in endpoints], now=timezone.now())
        for endpoint in endpoints:
            endpoint.rate = rates.get(endpoint.pk)
        self.result_list = endpoints


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Addresses that are told what happens."""

    actions_detail = ("send_test", "pause", "resume", "rotate", "replay_since", "remove")
    list_display = ("url", "owner", "state_words", "arrived", "last_failure", "created")
    list_filter = ("state", "created_at")
    ordering = ("created_at", "pk")
    lookups = ("pk", "client_id", "agency_id", "url")
    search_help_text = "An endpoint's, client's or agency's id, or the address in full"
    created = time_column("created_at")
    failing = time_column("failing_since", title="failing since")
    fieldsets = (
        (None, {"fields": ("url", "description", "owner", "state_words", "heard_of")}),
        ("How it does", {"fields": ("arrived_of_one", "failing", "last_failure", "sent")}),
        ("Signed with", {"fields": ("secrets", "created")}),
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        return EndpointChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        rows: QuerySet[WebhookEndpoint] = super().get_queryset(request)
        return rows.defer("secret_encrypted", "previous_secret_encrypted")

    @admin.display(description="whose")
    def owner(self, endpoint: WebhookEndpoint) -> SafeString | str:
        if endpoint.client_id is not None:
            return link_to_thing("client", endpoint.client_id)
        if endpoint.agency_id is not None:
            return link_to_thing("agency", endpoint.agency_id)
        return "The platform’s"

    @admin.display(description="state")
    def state_words(self, endpoint: WebhookEndpoint) -> SafeString | str:
        if endpoint.state == WebhookEndpoint.State.ACTIVE and endpoint.flagged_at is not None:
            return label("Not taking events", RED)
        if endpoint.state == WebhookEndpoint.State.ACTIVE and endpoint.failing_since is not None:
            return label("Failing", AMBER)
        words = endpoint.get_state_display()
        return label(str(words), _STATE_COLOURS.get(endpoint.state, GREY))

    @admin.display(description="arrived in 24 h")
    def arrived(self, endpoint: Any) -> SafeString | str:
        return _rate_words(endpoint.rate)

    @admin.display(description="arrived in 24 h")
    def arrived_of_one(self, endpoint: WebhookEndpoint) -> SafeString | str:
        rates = delivery_rates(endpoint_ids=[endpoint.pk], now=timezone.now())
        return _rate_words(rates.get(endpoint.pk))

    @admin.display(description="last error")
    def last_failure(self, endpoint: WebhookEndpoint) -> SafeString | str:
        if endpoint.reason:
            return endpoint.reason
        if not endpoint.last_error:
            return NOTHING
        return f"{endpoint.last_error} ({endpoint.last_error_at:%Y-%m-%d %H:%M} UTC)"

    @admin.display(description="is told of")
    def heard_of(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.events)

    @admin.display(description="secret")
    def secrets(self, endpoint: WebhookEndpoint) -> SafeString | str:
        until = endpoint.previous_secret_until
        if until is None or until <= timezone.now():
            return "One"
        return SafeString(f"Two; the one before signs too until {moment(until)}")

    @admin.display(description="deliveries")
    def sent(self, endpoint: WebhookEndpoint) -> SafeString:
        page = reverse("admin:alerts_webhookdelivery_changelist")
        return link(f"{page}?endpoint__id__exact={endpoint.pk}", "All that it was sent")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return never_cache(self._add)(request)

    def _add(self, request: HttpRequest) -> HttpResponse:
        form = NewEndpointForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            client, agency = form.cleaned_data["client"], form.cleaned_data["agency"]
            try:
                endpoint, secret = create_endpoint(
                    viewer=_viewer(request),
                    client_id=client.pk if client else None,
                    agency_id=agency.pk if agency else None,
                    url=form.cleaned_data["url"],
                    events=form.cleaned_data["events"],
                    description=form.cleaned_data["description"],
                    now=timezone.now(),
                )
            except ValidationFailedError as error:
                for name, words in error.errors.items():
                    form.add_error(name if name in form.fields else None, words)
            else:
                return self._show(request, endpoint, secret)
        return self._page(request, "A new webhook endpoint", {"form": form, "button": "Make it"})

    @action(description="Rotate secret", icon="autorenew")  # type: ignore[untyped-decorator]
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._rotate)(request, object_id)

    def _rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.find_row(request, object_id)
        form = OverlapForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                endpoint, secret = rotate_endpoint_secret(
                    viewer=_viewer(request),
                    endpoint_id=endpoint.pk,
                    overlap=timedelta(hours=form.cleaned_data["hours"]),
                    now=timezone.now(),
                )
            except SecretUnreadableError:
                form.add_error(
                    "hours", "The secret in use can't be read, and so can't go on: end it at once."
                )
            except ServiceError:
                form.add_error(
                    "hours",
                    "The secret before is still good: wait until it ends, or end both at once.",
                )
            else:
                return self._show(request, endpoint, secret)
        context = {"form": form, "endpoint": endpoint, "button": "Make a new secret"}
        return self._page(request, "A new secret", context)

    @action(description="Replay lost", icon="replay")  # type: ignore[untyped-decorator]
    def replay_since(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = self.find_row(request, object_id)
        initial = {"since": timezone.now() - timedelta(days=7)}
        form = SinceForm(request.POST or None, initial=initial)
        if request.method == "POST" and form.is_valid():
            return self._replay_since(request, endpoint.pk, form.cleaned_data["since"])
        context = {
            "form": form,
            "endpoint": endpoint,
            "button": "Send it once more",
            "replay": True,
        }
        return self._page(request, "Replay what was given up", context)

    def _replay_since(
        self, request: HttpRequest, endpoint_id: UUID, since: datetime
    ) -> HttpResponse:
        try:
            count = replay_failed(endpoint_id=endpoint_id, since=since, now=timezone.now())
        except ServiceError:
            messages.warning(request, "It is switched off: resume it first.")
        else:
            words = "1 event is" if count == 1 else f"{count} events are"
            messages.success(request, f"{words} on the way once more.")
        return _back(request, endpoint_id)

    @action(  # type: ignore[untyped-decorator]
        description="Send a test",
        icon="send",
        dialog={
            "title": "Send a test event",
            "description": "An event of the type webhook.test, which tells of nothing. What comes "
            "of it stands in the deliveries after a few seconds.",
            "form_submit_text": "Send it",
        },
    )
    def send_test(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        endpoint = self.find_row(request, object_id)
        try:
            delivery = send_test_event(
                viewer=_viewer(request), endpoint_id=endpoint.pk, now=timezone.now()
            )
        except ServiceError:
            messages.warning(request, "Only an active endpoint is sent a test: resume it first.")
            return _back(request, endpoint.pk)
        messages.success(request, "The test is on its way. Reload this page in a few seconds.")
        return leave_for(
            request, reverse("admin:alerts_webhookdelivery_change", args=[delivery.pk])
        )

    @action(  # type: ignore[untyped-decorator]
        description="Pause",
        icon="pause_circle",
        dialog={
            "title": "Pause it",
            "description": "Its events are kept, and they are sent when it goes on.",
            "form_submit_text": "Pause it",
        },
    )
    def pause(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        return self._switch(request, object_id, is_active=False)

    @action(  # type: ignore[untyped-decorator]
        description="Resume",
        icon="play_circle",
        dialog={
            "title": "Go on",
            "description": "What was kept while it was paused is sent. One that was switched off "
            "because it answered 410 hears of what happens from now on; what was given up can be "
            "replayed.",
            "form_submit_text": "Go on",
        },
    )
    def resume(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        return self._switch(request, object_id, is_active=True)

    def _switch(self, request: HttpRequest, object_id: str, *, is_active: bool) -> HttpResponse:
        endpoint = switch_endpoint(
            viewer=_viewer(request),
            endpoint_id=self.find_row(request, object_id).pk,
            is_active=is_active,
            reason="Paused by an operator.",
            now=timezone.now(),
        )
        words = "It goes on." if is_active else f"It is {endpoint.get_state_display().lower()}."
        messages.success(request, words)
        return _back(request, endpoint.pk)

    @action(  # type: ignore[untyped-decorator]
        description="Remove",
        icon="delete",
        dialog={
            "title": "Remove this endpoint",
            "description": "With all that is kept of its deliveries. What is on its way is not "
            "sent any more.",
            "form_submit_text": "Remove it",
        },
    )
    def remove(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        endpoint = self.find_row(request, object_id)
        delete_endpoint(viewer=_viewer(request), endpoint_id=endpoint.pk, now=timezone.now())
        messages.success(request, "The endpoint is gone.")
        return leave_for(request, reverse("admin:alerts_webhookendpoint_changelist"))

    def _show(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
        context = {"endpoint": endpoint, "secret": secret}
        return self._page(request, "The secret of this endpoint", context)

    def _page(self, request: HttpRequest, title: str, context: Mapping[str, Any]) -> HttpResponse:
        return TemplateResponse(
            request,
            "admin/webhook_endpoint.html",
            {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                **context,
            },
        )


def _rate_words(rate: DeliveryRate | None) -> SafeString | str:
    if rate is None:
        return NOTHING
    if rate.percent is None:
        return f"{rate.waiting} not tried yet"
    colour = GREEN if rate.percent >= 98 else AMBER if rate.percent >= 80 else RED
    tried = rate.delivered + rate.failing
    return label(f"{rate.percent} % of {tried}", colour)


def _viewer(request: HttpRequest) -> Viewer:
    return Viewer(actor=f"user:{request.user.pk}", sees_platform=True)


def _back(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    return leave_for(request, reverse("admin:alerts_webhookendpoint_change", args=[endpoint_id]))
