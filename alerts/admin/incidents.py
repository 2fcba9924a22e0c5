"""Incidents: the list, the page where one is gone through, its form and its printed report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from alerts.admin.base import PlatformAdmin, ReadOnlyAdmin
from alerts.admin.cells import AMBER, BLUE, GREEN, RED, state_column, time_column
from alerts.admin.incident_forms import (
    ActionForm,
    OpenForm,
    TemplateForm,
    changed_fields,
    initial_of,
)
from alerts.admin.incident_view import show_incident, show_report
from alerts.errors import ValidationFailedError
from alerts.models import ActionItem, EscalationContact, Incident
from alerts.selectors.incidents import duration_of, duration_words, incident_path
from alerts.services.action_items import add_action_item, finish_action_item
from alerts.services.incidents import (
    IncidentStateError,
    acknowledge_incident,
    describe_incident,
    mitigate_incident,
    note_incident,
    open_incident,
    reopen_incident,
    resolve_incident,
)

SEVERITY_COLOURS: Final = {"P0": RED, "P1": RED, "P2": AMBER, "P3": BLUE}
STATE_COLOURS: Final = {
    "open": RED,
    "acknowledged": AMBER,
    "mitigated": BLUE,
    "resolved": GREEN,
}
_SAID: Final = {
    "acknowledge": "You are on it.",
    "note": "Your note is in the timeline.",
    "mitigate": "It is marked as mitigated.",
    "resolve": "It is resolved.",
    "reopen": "It is open again, and whoever is on call was told.",
    "done": "It is marked as done.",
    "action": "It is on the list.",
}


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """An incident's page has its own buttons; each is one service."""

    list_display = (
        "number", "title", "severity_label", "state_label", "customers_affected", "detected",
        "took",
    )  # fmt: skip
    list_filter = ("state", "severity", "detected_at")
    lookups = ("pk", "number")
    search_help_text = "An incident's number, in full"
    severity_label = state_column("severity", SEVERITY_COLOURS)
    state_label = state_column("state", STATE_COLOURS)
    detected = time_column("detected_at", title="noticed")

    @admin.display(description="took")
    def took(self, incident: Incident) -> str:
        return duration_words(duration_of(incident=incident, now=timezone.now()))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.admin_site.has_permission(request))

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of the form and the report, before those of the base."""
        guard = self.admin_site.admin_view
        return [
            path("<uuid:key>/edit/", guard(self.edit), name="alerts_incident_edit"),
            path("<uuid:key>/report/", guard(self.report), name="alerts_incident_report"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Open an incident that no alert tells of."""
        form = OpenForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                incident = open_incident(
                    **form.cleaned_data, user_id=_user(request), now=timezone.now()
                )
            except ValidationFailedError as error:
                _add_errors(form, error)
            else:
                messages.success(request, f"{incident.number} is open, and who is on call is told.")
                return redirect(incident_path(incident.pk))
        return self._form(request, form, title="Open an incident", button="Open it", back="")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show an incident; a POST is one of its buttons."""
        incident = self.find_row(request, object_id)
        action_form = ActionForm(prefix="action")
        if request.method == "POST":
            step = request.POST.get("step", "")
            if step == "action":
                action_form = ActionForm(request.POST, prefix="action")
            if _take(request, incident, step, action_form):
                return redirect(incident_path(incident.pk))
        return never_cache(show_incident)(
            request, site=self.admin_site, incident=incident, action_form=action_form
        )

    def edit(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Fill in the template."""
        incident = self.find_row(request, str(key))
        form = TemplateForm(request.POST or None, initial=initial_of(incident))
        if request.method == "POST" and form.is_valid():
            try:
                describe_incident(
                    incident_id=incident.pk,
                    user_id=_user(request),
                    changes=changed_fields(form),
                    now=timezone.now(),
                )
            except ValidationFailedError as error:
                _add_errors(form, error)
            else:
                messages.success(request, f"{incident.number} is brought up to date.")
                return redirect(incident_path(incident.pk))
        return self._form(
            request,
            form,
            title=f"{incident.number}: what is known",
            button="Keep it",
            back=incident_path(incident.pk),
        )

    def report(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Show the report to print or to hand on."""
        return show_report(request, incident=self.find_row(request, str(key)))

    def _form(
        self, request: HttpRequest, form: Any, *, title: str, button: str, back: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "form": form,
            "button": button,
            "back": back or reverse("admin:alerts_incident_changelist"),
        }
        return TemplateResponse(request, "admin/incident_form.html", context)


@admin.register(EscalationContact)
class EscalationContactAdmin(PlatformAdmin):
    """Whom to tell of an incident; somebody who was told once is switched off, not deleted."""

    list_display = ("name", "role", "email", "phone", "order", "active")
    list_filter = ("role", "is_active")
    fields = ("name", "role", "email", "phone", "order", "is_active")

    @admin.display(description="active", boolean=True)
    def active(self, contact: EscalationContact) -> bool:
        return contact.is_active


def _take(request: HttpRequest, incident: Incident, step: str, action_form: ActionForm) -> bool:
    """Do what a button asks; tell whether the page is to be loaded anew."""
    now = timezone.now()
    given: dict[str, Any] = {"incident_id": incident.pk, "user_id": _user(request), "now": now}
    words: dict[str, Any] = {"words": request.POST.get("words", "")}
    steps: dict[str, Callable[[], Any]] = {
        "acknowledge": lambda: acknowledge_incident(**given),
        "note": lambda: note_incident(**given, **words),
        "mitigate": lambda: mitigate_incident(**given, **words),
        "resolve": lambda: resolve_incident(**given, **words),
        "reopen": lambda: reopen_incident(**given, **words),
        "done": lambda: finish_action_item(**given, item_id=int(request.POST.get("item", "0"))),
        "action": lambda: add_action_item(**given, **action_form.cleaned_data),
    }
    if step not in steps:
        raise Http404
    if step == "action" and not action_form.is_valid():
        return False
    try:
        steps[step]()
    except IncidentStateError:
        messages.warning(request, "Somebody was faster: see how it stands now.")
    except ValidationFailedError as error:
        messages.warning(request, " ".join(word for said in error.errors.values() for word in said))
    except (ActionItem.DoesNotExist, ValueError) as error:
        raise Http404 from error
    else:
        messages.success(request, _SAID[step])
    return True


def _add_errors(form: Any, error: ValidationFailedError) -> None:
    for name, words in error.errors.items():
        form.add_error(name if name in form.fields else None, words)


def _user(request: HttpRequest) -> UUID:
    key: Any = request.user.pk
    return UUID(str(key))
