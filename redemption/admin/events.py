"""CRM events: what came in, what was understood, why it did not match, and another try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    error_code,
    error_column,
    link,
    link_column,
    link_to_named,
    link_to_row,
    moment,
    state_column,
    table,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError
from alerts.queue import ring_bell
from credit.models import Client
from redemption.models import Campaign, EventSource, EventTry, InboundEvent
from redemption.selectors.event_matches import find_campaign
from redemption.selectors.event_replays import find_replay
from redemption.services.event_replays import MOST_AT_ONCE, ask_for_replays, replay_event
from redemption.services.inbound_events import BODY_KEPT

Outcome = InboundEvent.Outcome
Problem = InboundEvent.Problem

_COLOURS: Final[dict[str, str]] = {
    Outcome.RECEIVED: GREY,
    Outcome.ISSUED: GREEN,
    Outcome.WAITING: BLUE,
    Outcome.PROVISIONING: BLUE,
    Outcome.ALREADY_REDEEMED: GREY,
    Outcome.REFUSED: RED,
    Outcome.UNMATCHED: AMBER,
}
_ADVICE: Final = {
    Problem.NOT_UNDERSTOOD: "Compare the source's paths with a body of this CRM, on its page "
    "“Set up”, then replay.",
    Problem.UNKNOWN_CAMPAIGN: "Give the CRM our campaign's id, or choose the campaign in the "
    "source's set-up, then replay.",
    Problem.UNKNOWN_CONDITION: "Write this event type into a condition of the campaign as its CRM "
    "event name, then replay. An event that earns nothing may stay as it is.",
    Problem.SEVERAL_CONDITIONS: "Give each of the campaign's conditions an event name of its own, "
    "then replay.",
    Problem.UNKNOWN_CONTACT: "Add the person to the campaign with this contact id as their CRM "
    "id, then replay.",
}


@admin.register(InboundEvent)
class InboundEventAdmin(ReadOnlyAdmin):
    """Events, newest first; those that did not match wait for a person."""

    actions = ("replay_many",)
    actions_detail = ("replay",)
    list_display = ("event_id", "source", "type", "contact", "label", "why", "code", "received")
    list_filter = ("outcome", "problem", "source", "client")
    list_select_related = ("source", "client")
    ordering = ("-received_at",)
    lookups = ("pk", "event_id", "contact_id", "redemption", "replay_id")
    search_help_text = "An event's id, a contact's id, or the id of a redemption or a replay"
    fieldsets = (
        (None, {"fields": ("event_id", "of_source", "of_client", "signature", "received")}),
        ("What was understood", {"fields": ("type", "contact", "campaign", "happened", "body")}),
        ("What became of it", {"fields": ("label", "why", "code", "advice", "reward", "trail")}),
    )
    reward = link_column("redemption")
    label = state_column("outcome", _COLOURS)
    received = time_column("received_at")
    happened = time_column("occurred_at", title="happened")
    code = error_column("error_code", title="code")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundEvent]:
        rows: QuerySet[InboundEvent] = super().get_queryset(request)
        return rows.prefetch_related("trail")

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            guarded: Callable[..., HttpResponse] = self.admin_site.admin_view(
                require_GET(never_cache(view))
            )
            return path(route, guarded, name=f"redemption_inboundevent_{name}")

        return [
            page("replays/<uuid:replay_id>/", self.show_replay, "replay_page"),
            page("replays/<uuid:replay_id>/progress/", self.show_progress, "replay_progress"),
            *super().get_urls(),
        ]

    @admin.display(description="source")
    def of_source(self, event: InboundEvent) -> SafeString:
        return link_to_row(EventSource, event.source_id, event.source.name)

    @admin.display(description="client")
    def of_client(self, event: InboundEvent) -> SafeString:
        return link_to_row(Client, event.client_id, event.client.name)

    @admin.display(description="type")
    def type(self, event: InboundEvent) -> str:
        return event.event_type or NOTHING

    @admin.display(description="contact")
    def contact(self, event: InboundEvent) -> str:
        return event.contact_id or NOTHING

    @admin.display(description="campaign")
    def campaign(self, event: InboundEvent) -> SafeString | str:
        found = find_campaign(client_id=event.client_id, campaign_ref=event.campaign_ref)
        if found is None:
            return event.campaign_ref or NOTHING
        return link_to_row(Campaign, found.pk, found.name)

    @admin.display(description="body")
    def body(self, event: InboundEvent) -> str:
        if not event.body_encrypted:
            return "Not kept any more"
        until = event.received_at + BODY_KEPT
        return f"Kept encrypted for a replay, until {until:%Y-%m-%d} at the latest"

    @admin.display(description="why")
    def why(self, event: InboundEvent) -> str:
        return " ".join(filter(None, (event.get_problem_display(), event.details))) or NOTHING

    @admin.display(description="what to do")
    def advice(self, event: InboundEvent) -> str:
        if event.outcome == Outcome.REFUSED:
            return "See what the code means; once that is mended, replay."
        return _ADVICE.get(Problem(event.problem), NOTHING) if event.problem else NOTHING

    @admin.display(description="tries")
    def trail(self, event: InboundEvent) -> SafeString | str:
        return table(
            ("when", "outcome", "why", "code", "who"), [_step(row) for row in event.trail.all()]
        )

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether there is something to be tried again."""
        if not self.admin_site.has_permission(request):
            return False
        if object_id is None:
            return True
        event = self.get_object(request, str(object_id))
        return event is not None and event.outcome in InboundEvent.OPEN

    @action(  # type: ignore[untyped-decorator]
        description="Replay",
        icon="replay",
        permissions=["replay"],
        dialog={
            "title": "Try it again",
            "description": "It is matched under the source's set-up and the campaign as they are "
            "now; who has their reward gets no second one.",
            "form_submit_text": "Replay it",
        },
    )
    def replay(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        event = get_object_or_404(InboundEvent, pk=object_id)
        try:
            after = replay_event(
                event_id=event.pk, actor=f"user:{request.user.pk}", now=timezone.now()
            )
        except ServiceError as error:
            messages.error(request, f"{error.code.operator} {error.code.action}")
        else:
            tell = messages.warning if after.outcome in InboundEvent.OPEN else messages.success
            tell(
                request, f"{after.get_outcome_display()}. {self.why(after).strip(NOTHING)}".strip()
            )
        return leave_for(request, reverse("admin:redemption_inboundevent_change", args=[event.pk]))

    @admin.action(description="Replay those that did not come to a reward")
    def replay_many(
        self, request: HttpRequest, events: QuerySet[InboundEvent]
    ) -> HttpResponse | None:
        ids = list(events.order_by("received_at").values_list("pk", flat=True)[:MOST_AT_ONCE])
        replay_id, count = ask_for_replays(
            event_ids=ids, actor=f"user:{request.user.pk}", now=timezone.now()
        )
        if not count:
            messages.info(request, "None of them: each has its reward, or is being tried already.")
            return None
        ring_bell("redemption.tasks.process_events")
        return redirect("admin:redemption_inboundevent_replay_page", replay_id)

    def show_replay(self, request: HttpRequest, replay_id: UUID) -> HttpResponse:
        """Show how far a replay of many is."""
        return self._replay_page(request, replay_id, "admin/event_replay.html")

    def show_progress(self, request: HttpRequest, replay_id: UUID) -> HttpResponse:
        """Print the panel of a replay anew."""
        return self._replay_page(request, replay_id, "admin/parts/event_replay.html")

    def _replay_page(self, request: HttpRequest, replay_id: UUID, template: str) -> HttpResponse:
        progress = find_replay(replay_id)
        if progress is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": "Replay of events",
            "opts": self.opts,
            "progress": progress,
        }
        return TemplateResponse(request, template, context)


def _step(row: EventTry) -> tuple[Any, ...]:
    why = " ".join(filter(None, (row.get_problem_display(), row.details))) or NOTHING
    reward: SafeString | str = row.get_outcome_display()
    if row.redemption_id is not None:
        page = reverse("admin:redemption_redemption_change", args=[row.redemption_id])
        reward = format_html("{}", link(page, row.get_outcome_display()))
    return (
        moment(row.at),
        reward,
        why,
        error_code(row.error_code),
        link_to_named(row.actor) or row.actor,
    )
