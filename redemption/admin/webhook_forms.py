"""What is asked for on the pages of webhook endpoints."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.providers.outgoing_addresses import LONGEST_URL
from alerts.services.webhook_events import EVENTS
from credit.models import Agency, Client
from redemption.services.webhook_endpoints import DEFAULT_OVERLAP_HOURS

_OVERLAPS: Final = (
    (0, "At once: it may have been stolen"),
    (24, "After a day"),
    (7 * 24, "After a week"),
    (30 * 24, "After 30 days"),
)


class NewEndpointForm(forms.Form):
    """Whose it is, where it is and what it is told of."""

    client = forms.ModelChoiceField(
        Client.objects.none(),
        required=False,
        empty_label="The platform’s: it hears of everything",
        widget=UnfoldAdminSelectWidget,
    )
    agency = forms.ModelChoiceField(
        Agency.objects.none(),
        required=False,
        empty_label="Of no agency",
        help_text="Instead of a client: it hears of the agency and all its clients.",
        widget=UnfoldAdminSelectWidget,
    )
    url = forms.CharField(
        max_length=LONGEST_URL,
        label="Address",
        help_text="https, at a public address, port 443 or 8443.",
        widget=UnfoldAdminTextInputWidget(
            attrs={"placeholder": "https://hooks.acorn.example/giftline", "autocomplete": "off"}
        ),
    )
    events = forms.MultipleChoiceField(
        choices=[(name, f"{name} – {words}") for name, words in EVENTS.items()],
        initial=list(EVENTS),
        label="It is told of",
        widget=forms.CheckboxSelectMultiple,
    )
    description = forms.CharField(max_length=120, required=False, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Asked when the form is shown: before that nobody has said who is looking.
        self.fields["client"].queryset = Client.objects.all()  # type: ignore[attr-defined]
        self.fields["agency"].queryset = Agency.objects.all()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("client") and cleaned.get("agency"):
            self.add_error("agency", "Choose a client or an agency, not both.")
        return cleaned


class OverlapForm(forms.Form):
    """How long the old secret goes on beside the new one."""

    hours = forms.TypedChoiceField(
        choices=_OVERLAPS,
        coerce=int,
        initial=DEFAULT_OVERLAP_HOURS,
        label="The old secret ends",
        widget=UnfoldAdminSelectWidget,
    )


class SinceForm(forms.Form):
    """From when on what was given up is sent once more."""

    since = forms.SplitDateTimeField(
        label="Of what happened since (UTC)", widget=UnfoldAdminSplitDateTimeWidget
    )
