"""An incident as it is shown: on the page where it is gone through, and on paper."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from alerts.admin.cells import link_to_named, link_to_thing
from alerts.admin.incident_forms import COMPONENT_WORDS, ActionForm
from alerts.models import ActionItem, EscalationStep, Incident, TimelineEntry
from alerts.runbook import Component, Grade, runbook_url
from alerts.selectors.impact import count_impact
from alerts.selectors.incidents import (
    RESPONSE_TARGETS,
    duration_of,
    duration_words,
    find_response,
    suggest_incident_grade,
)

_TARGET_WORDS: Final = {
    grade: duration_words(target) if target else "at once"
    for grade, target in RESPONSE_TARGETS.items()
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the timeline."""

    at: datetime
    kind: str
    kind_words: str
    words: str
    who: Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Todo:
    """One thing to be done."""

    item_id: int
    words: str
    owner: str
    due_on: Any
    done_at: datetime | None
    is_late: bool


def show_incident(
    request: HttpRequest, *, site: Any, incident: Incident, action_form: ActionForm
) -> HttpResponse:
    """Show the page where an incident is gone through."""
    now = timezone.now()
    affected = count_impact(
        since=incident.started_at,
        until=incident.resolved_at or now,
        client_id=incident.client_id,
    )
    suggestion = suggest_incident_grade(incident=incident, affected=affected)
    request.current_app = site.name
    return TemplateResponse(
        request,
        "admin/incident.html",
        {
            **site.each_context(request),
            **_facts(incident, now),
            "title": f"{incident.number} {incident.title}",
            "affected": affected,
            "suggestion": suggestion,
            "is_other_grade": suggestion.grade != incident.severity,
            "action_form": action_form,
            "alert_link": link_to_thing("alert", incident.alert_id),
            "client_link": link_to_thing("client", incident.client_id),
            "edit_url": reverse("admin:alerts_incident_edit", args=[incident.pk]),
            "report_url": reverse("admin:alerts_incident_report", args=[incident.pk]),
        },
    )


def show_report(request: HttpRequest, *, incident: Incident) -> HttpResponse:
    """Show the report, which is one to print: no buttons, no side bar."""
    return render(request, "admin/incident_report.html", _facts(incident, timezone.now()))


def _facts(incident: Incident, now: datetime) -> dict[str, Any]:
    grade = Grade(incident.severity)
    return {
        "incident": incident,
        "took": duration_words(duration_of(incident=incident, now=now)),
        "target_words": _TARGET_WORDS[grade],
        "response": find_response(incident=incident, now=now),
        "answered_after": (
            duration_words(incident.acknowledged_at - incident.detected_at)
            if incident.acknowledged_at
            else ""
        ),
        "components": [COMPONENT_WORDS[Component(part)] for part in incident.components],
        "runbook_url": runbook_url(incident.kind) if incident.kind else reverse("admin:runbook"),
        "lines": list(_lines(incident.timeline.order_by("at", "pk"))),
        "steps": EscalationStep.objects.filter(incident=incident)
        .select_related("contact")
        .order_by("at", "pk"),
        "todos": [_todo(item, now) for item in incident.action_items.order_by("due_on", "pk")],
        "now": now,
    }


def _lines(entries: Iterable[TimelineEntry]) -> Iterable[Line]:
    for entry in entries:
        yield Line(
            at=entry.at,
            kind=entry.kind,
            kind_words=entry.get_kind_display(),
            words=entry.words,
            who=link_to_named(entry.actor) if entry.actor != "system" else "",
        )


def _todo(item: ActionItem, now: datetime) -> Todo:
    return Todo(
        item_id=item.pk,
        words=item.words,
        owner=item.owner,
        due_on=item.due_on,
        done_at=item.done_at,
        is_late=bool(item.due_on and not item.done_at and item.due_on < now.date()),
    )
