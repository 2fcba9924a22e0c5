"""What webhook endpoints were sent, with every try."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    GREEN,
    NOTHING,
    RED,
    link_to_row,
    moment,
    state_column,
    table,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError
from alerts.models import WebhookDelivery, WebhookEndpoint
from credit.selectors.viewers import Viewer
from redemption.services.webhook_endpoints import replay_webhook

_COLOURS: Final = {"pending": AMBER, "delivered": GREEN, "failed": RED}
_LONGEST_ADDRESS: Final = 48


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """The log: one event for one endpoint; any that is not on its way can be sent once more."""

    actions = ("replay",)
    actions_detail = ("replay_one",)
    list_display = ("event_type", "address", "state_label", "tried", "last_try", "next_try",
                    "created")  # fmt: skip
    list_filter = ("state", "event_type", "created_at")
    list_select_related = ("endpoint",)
    ordering = ("-created_at", "-pk")
    lookups = ("pk", "event_id", "endpoint")
    search_help_text = "The id of a delivery, an event (webhook-id) or an endpoint"
    state_label = state_column("state", _COLOURS)
    created = time_column("created_at")
    finished = time_column("finished_at")
    next_try = time_column("next_attempt_at", title="next try")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "event_type",
                    "address",
                    "state_label",
                    "event_id",
                    "request_id",
                    "created",
                )
            },
        ),
        ("Tries", {"fields": ("all_tries", "next_try", "finished")}),
        ("What is sent", {"fields": ("body",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        rows: QuerySet[WebhookDelivery] = super().get_queryset(request)
        return rows.defer("endpoint__secret_encrypted", "endpoint__previous_secret_encrypted")

    @admin.display(description="endpoint")
    def address(self, delivery: WebhookDelivery) -> SafeString:
        url = delivery.endpoint.url
        short = url if len(url) <= _LONGEST_ADDRESS else f"{url[:_LONGEST_ADDRESS]}…"
        return link_to_row(WebhookEndpoint, delivery.endpoint_id, short)

    @admin.display(description="tries")
    def tried(self, delivery: WebhookDelivery) -> str:
        return str(len(delivery.tries))

    @admin.display(description="last try")
    def last_try(self, delivery: WebhookDelivery) -> str:
        if not delivery.tries:
            return NOTHING
        last = delivery.tries[-1]
        return last["error"] or f"Answered {last['status']}."

    @admin.display(description="tries")
    def all_tries(self, delivery: WebhookDelivery) -> SafeString | str:
        return table(
            ("number", "time", "what came of it", "took", "answer"),
            (
                (
                    one["number"],
                    moment(datetime.fromisoformat(one["at"])),
                    one["error"] or f"Answered {one['status']}.",
                    f"{one['milliseconds']} ms",
                    one["answer"] or NOTHING,
                )
                for one in delivery.tries
            ),
        )

    @admin.action(description="Replay: send once more")
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        for delivery in queryset:
            _replay(request, delivery)

    @action(  # type: ignore[untyped-decorator]
        description="Replay",
        icon="replay",
        dialog={
            "title": "Send it once more",
            "description": "The same body under the same webhook-id: a receiver that has it "
            "already leaves it at that.",
            "form_submit_text": "Send it",
        },
    )
    def replay_one(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        _replay(request, self.find_row(request, object_id))
        return leave_for(request, reverse("admin:alerts_webhookdelivery_change", args=[object_id]))


def _replay(request: HttpRequest, delivery: WebhookDelivery) -> None:
    try:
        replay_webhook(
            viewer=Viewer(actor=f"user:{request.user.pk}", sees_platform=True),
            endpoint_id=delivery.endpoint_id,
            delivery_id=delivery.pk,
            now=timezone.now(),
        )
    except ServiceError:
        messages.warning(
            request,
            f"{delivery.event_type} was not replayed: it is on its way, or its endpoint is off.",
        )
    else:
        messages.success(request, f"{delivery.event_type} is on its way once more.")
