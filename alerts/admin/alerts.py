"""Alerts: what is wrong now, and who has taken it on."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
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
    SEVERITY_COLOURS,
    label,
    link,
    link_to_row,
    link_to_thing,
    moment,
    state_column,
    table,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.admin.incident_making import MakesIncidents
from alerts.admin.notices import NOTICE_COLOURS, TellsOfFailures, place_of
from alerts.models import Alert, Notice
from alerts.runbook import runbook_url
from alerts.selectors.notices import list_notices_of
from alerts.services.alerts import AlertResolvedError, acknowledge_alert, resolve_alert

STATE_COLOURS = {"open": RED, "acknowledged": AMBER, "resolved": GREEN}


@admin.register(Alert)
class AlertAdmin(MakesIncidents, TellsOfFailures, ReadOnlyAdmin):
    """Alerts come and go by services; a person acknowledges or resolves them by an action."""

    actions = ("acknowledge", "resolve")
    actions_detail = ("acknowledge_one", "make_incident", "resolve_one")
    list_display = (
        "subject",
        "severity_label",
        "state_label",
        "told",
        "count",
        "last_seen",
        "first_seen",
    )
    list_filter = ("state", "severity", "kind", "monitor", "last_seen_at")
    lookups = ("pk", "dedupe_key")
    search_help_text = "An alert's id or its key, in full"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "subject",
                    "message",
                    "severity_label",
                    "state_label",
                    "kind",
                    "what_to_do",
                )
            },
        ),
        ("Who was told", {"fields": ("notices",)}),
        (
            "How often",
            {
                "fields": (
                    "count",
                    "first_seen_at",
                    "last_seen_at",
                    "severity_since",
                    "found_by",
                    "dedupe_key",
                    "client",
                )
            },
        ),
        ("Who is on it", {"fields": ("taken_by", "acknowledged_at", "reminded", "resolved_at")}),
        ("Details", {"fields": ("data",)}),
    )
    first_seen = time_column("first_seen_at")
    last_seen = time_column("last_seen_at")
    severity_label = state_column("severity", SEVERITY_COLOURS)
    state_label = state_column("state", STATE_COLOURS)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alert]:
        """Return alerts with how many notices of each were sent, wait and were given up.

        Counted alert by alert, of those that a page shows: joined and grouped, a page of fifty
        would read every notice there is.
        """
        rows: QuerySet[Alert] = super().get_queryset(request)
        of_alert = Notice.objects.filter(alert=OuterRef("pk")).order_by().values("alert")
        counts = of_alert.annotate(notices=Count("pk")).values("notices")
        return rows.annotate(
            **{
                f"notices_{state}": Coalesce(Subquery(counts.filter(state=state)), 0)
                for state in Notice.State.values
            }
        )

    @admin.display(description="told")
    def told(self, alert: Any) -> SafeString | str:
        """Show how far the notices are, the worst of it as a colour."""
        sent, waiting, failed = alert.notices_sent, alert.notices_queued, alert.notices_failed
        everyone = sent + waiting + failed
        if not everyone:
            return "Nobody"
        colour = RED if failed else AMBER if waiting else GREEN
        return label(f"{sent} of {everyone}", colour)

    @admin.display(description="what to do")
    def what_to_do(self, alert: Alert) -> SafeString:
        return link(runbook_url(alert.kind), "The runbook's chapter")

    @admin.display(description="found by")
    def found_by(self, alert: Alert) -> str:
        return f"The monitor “{alert.monitor}”" if alert.monitor else "What happened, not a monitor"

    @admin.display(description="reminders")
    def reminded(self, alert: Alert) -> str:
        return str(alert.reminders or NOTHING)

    @admin.display(description="notices")
    def notices(self, alert: Alert) -> SafeString | str:
        found = list_notices_of(alert_id=alert.pk)
        if not found:
            return "Nobody: no channel was set up for its severity and client"
        return table(
            ("Notice", "Channel", "Place", "State", "Tries", "When", "Last problem"),
            [
                (
                    link_to_row(Notice, notice.pk, notice.get_event_display()),
                    notice.get_channel_display(),
                    place_of(notice),
                    label(notice.get_state_display(), NOTICE_COLOURS[notice.state]),
                    notice.tries,
                    moment(notice.sent_at or notice.created_at),
                    notice.last_error or NOTHING,
                )
                for notice in found
            ],
        )

    @admin.display(description="client")
    def client(self, alert: Alert) -> str:
        return link_to_thing("client", alert.client_id)

    @admin.display(description="acknowledged by")
    def taken_by(self, alert: Alert) -> str:
        return link_to_thing("user", alert.acknowledged_by)

    @admin.action(description="Acknowledge: I am on it")
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        for alert in queryset:
            _acknowledge(alert, request)

    @admin.action(description="Resolve: it is over")
    def resolve(self, request: HttpRequest, queryset: QuerySet[Alert]) -> None:
        for alert in queryset:
            _resolve(alert, request)

    @action(  # type: ignore[untyped-decorator]
        description="Acknowledge",
        icon="front_hand",
        dialog={
            "title": "I am on it",
            "description": "Others see your name and leave it to you.",
            "form_submit_text": "Acknowledge",
        },
    )
    def acknowledge_one(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        _acknowledge(self.find_row(request, object_id), request)
        return _back_to(request, object_id)

    @action(  # type: ignore[untyped-decorator]
        description="Resolve",
        icon="task_alt",
        dialog={
            "title": "It is over",
            "description": "If the same thing happens again, a new alert is raised.",
            "form_submit_text": "Resolve",
        },
    )
    def resolve_one(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        _resolve(self.find_row(request, object_id), request)
        return _back_to(request, object_id)


def _acknowledge(alert: Alert, request: HttpRequest) -> None:
    user_id: Any = request.user.pk
    try:
        acknowledge_alert(alert_id=alert.pk, user_id=user_id, now=timezone.now())
    except AlertResolvedError:
        messages.warning(request, f"“{alert.subject}” was resolved already.")
    else:
        messages.success(request, f"You are on “{alert.subject}”.")


def _resolve(alert: Alert, request: HttpRequest) -> None:
    # Of the same key there may be a newer alert, which is another one.
    if alert.state != Alert.State.RESOLVED and resolve_alert(
        dedupe_key=alert.dedupe_key, now=timezone.now()
    ):
        messages.success(request, f"Resolved “{alert.subject}”.")
    else:
        messages.info(request, f"“{alert.subject}” was resolved already.")


def _back_to(request: HttpRequest, object_id: str) -> HttpResponse:
    return leave_for(request, reverse("admin:alerts_alert_change", args=[object_id]))
