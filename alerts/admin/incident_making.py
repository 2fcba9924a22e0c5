"""The button on an alert's page that makes an incident of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import action

from alerts.admin.dialogs import leave_for
from alerts.models import Alert
from alerts.selectors.incidents import incident_path
from alerts.services.incidents import open_incident_from_alert


class MakesIncidents:
    """Mixin: an alert becomes an incident, once."""

    @action(  # type: ignore[untyped-decorator]
        description="Make an incident",
        icon="emergency",
        dialog={
            "title": "Make an incident of it",
            "description": "It gets a number and a timeline, whom it harms is counted, and who is"
            " on call is told at once. If there is one already, you are taken to it.",
            "form_submit_text": "Make an incident",
        },
    )
    def make_incident(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        """Open an incident from the alert, or lead to the one that was."""
        user_id: Any = request.user.pk
        try:
            incident, is_new = open_incident_from_alert(
                alert_id=UUID(object_id), user_id=user_id, now=timezone.now()
            )
        except (ValueError, Alert.DoesNotExist) as error:
            raise Http404 from error
        if is_new:
            messages.success(request, f"{incident.number} is open, and who is on call is told.")
        else:
            messages.info(request, f"It is {incident.number} already.")
        return leave_for(request, incident_path(incident.pk))
