"""What is asked of whoever hands out or erases what is kept of a person, in every app."""

from __future__ import annotations

from datetime import datetime

from django import forms
from django.http import HttpResponse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept with your name. Say how they asked, not who they are: “by e-mail, ticket"
        " 4711”.",
        error_messages={"required": "Say why, for whoever asks later."},
    )


def typed_word(word: str) -> forms.CharField:
    """Return a field for a word that nobody types by mistake."""
    return forms.CharField(
        max_length=20,
        label=f"Type “{word}”: nobody can undo it",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": f"Type the word {word}."},
    )


def personal_data_file(archive: bytes, *, now: datetime) -> HttpResponse:
    """Hand a person's data out as a ZIP file."""
    return HttpResponse(
        archive,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="personal-data-{now:%Y-%m-%d}.zip"'},
    )
