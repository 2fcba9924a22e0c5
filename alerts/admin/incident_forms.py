"""The forms of incidents: opening one, its template, what its buttons ask."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.models import Incident
from alerts.runbook import Component

COMPONENT_WORDS: Final = {
    Component.FORM: "Redeem form",
    Component.DESK: "Phone desk",
    Component.API: "Partner API",
    Component.TEXTS: "Texts",
    Component.STOCK: "Card stock",
    Component.PROVIDERS: "Card providers",
}
_COMPONENTS: Final = [(part.value, words) for part, words in COMPONENT_WORDS.items()]


def _line(**attributes: str) -> UnfoldAdminTextInputWidget:
    return UnfoldAdminTextInputWidget(attrs=attributes)


def _text(rows: int) -> UnfoldAdminTextareaWidget:
    return UnfoldAdminTextareaWidget(attrs={"rows": rows})


class _MomentField(forms.DateTimeField):
    """A moment in UTC, to the minute, in the browser's own widget."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
        super().__init__(widget=widget, input_formats=formats, **options)

    def prepare_value(self, value: Any) -> Any:
        return value.strftime("%Y-%m-%dT%H:%M") if hasattr(value, "strftime") else value


class OpenForm(forms.Form):
    """An incident that no alert tells of."""

    title = forms.CharField(max_length=200, label="What is wrong, in a line", widget=_line())
    severity = forms.ChoiceField(
        choices=Incident.Severity.choices, initial="P2", widget=UnfoldAdminSelectWidget()
    )
    components = forms.MultipleChoiceField(
        choices=_COMPONENTS,
        required=False,
        label="What it touches",
        help_text="The public status page shows these as troubled.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    started_at = _MomentField(
        required=False, label="Since when (UTC)", help_text="Left empty: since now."
    )


class TemplateForm(forms.Form):
    """What is known of an incident, and what was learnt."""

    title = forms.CharField(max_length=200, widget=_line())
    severity = forms.ChoiceField(
        choices=Incident.Severity.choices, widget=UnfoldAdminSelectWidget()
    )
    components = forms.MultipleChoiceField(
        choices=_COMPONENTS,
        required=False,
        label="What it touches",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    started_at = _MomentField(label="Began (UTC)")
    detected_at = _MomentField(label="Noticed (UTC)")
    public_title = forms.CharField(
        max_length=160,
        required=False,
        label="Public words",
        help_text="What the status page says of it, to everybody: no name of a client or person. "
        "Left empty, it is not told there.",
        widget=_line(),
    )
    revenue_per_hour = forms.IntegerField(
        min_value=0,
        required=False,
        label="Revenue lost per hour, in whole units of money",
        help_text="Above 10,000 it is P0, from 1,000 on P1, below that P2.",
        widget=_line(inputmode="numeric"),
    )
    reputation = forms.ChoiceField(
        choices=[("", "Not judged yet"), *Incident.Reputation.choices],
        required=False,
        label="Harm to the reputation",
        widget=UnfoldAdminSelectWidget(),
    )
    cause = forms.CharField(
        required=False,
        help_text="What broke, and why nothing stopped it. Of things and rules, not of people.",
        widget=_text(4),
    )
    resolution = forms.CharField(required=False, help_text="What ended it.", widget=_text(3))
    lessons = forms.CharField(
        required=False,
        help_text="What went well, what did not, where we were lucky.",
        widget=_text(4),
    )

    def clean_started_at(self) -> Any:
        return self._unless_same("started_at")

    def clean_detected_at(self) -> Any:
        return self._unless_same("detected_at")

    def _unless_same(self, name: str) -> Any:
        """Keep the seconds of a moment that was not changed: the form shows minutes."""
        before, given = self.initial.get(name), self.cleaned_data[name]
        if before and before.replace(second=0, microsecond=0) == given:
            return before
        return given


class ActionForm(forms.Form):
    """Something to be done."""

    words = forms.CharField(max_length=300, label="What is to be done", widget=_line())
    owner = forms.CharField(max_length=100, label="By whom", widget=_line())
    due_on = forms.DateField(
        required=False,
        label="By when",
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )


def changed_fields(form: forms.Form) -> dict[str, Any]:
    """Return what a valid form would change, by the names of its fields."""
    changed = {name: form.cleaned_data[name] for name in form.changed_data}
    # A moment whose minutes are the same was not changed.
    return {name: value for name, value in changed.items() if value != form.initial.get(name)}


def initial_of(incident: Incident) -> dict[str, Any]:
    """Return what the template's form begins with."""
    return {name: getattr(incident, name) for name in TemplateForm.base_fields}
