"""The form by which cards come in: a file, or pasted lines."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.admin.upload_columns import Source
from alerts.services.imports import ROWS_AT_ONCE
from giftcards.services.pasted import to_card_file


class SilentTextarea(UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """A text area that prints nothing back: what was pasted is money."""

    def format_value(self, value: Any) -> str:
        return ""


class UploadForm(forms.Form):
    """A file or pasted lines; ``cleaned_data["source"]`` is what was sent."""

    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="CSV file",
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv"}),
    )
    lines = forms.CharField(
        required=False,
        strip=False,
        label="Or paste lines",
        widget=SilentTextarea(
            attrs={"rows": 5, "autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
        ),
        help_text="One card a line: the code, then PIN, number and date of expiry if there are"
        " any, with commas, semicolons or tabs between. Or a table with its header.",
    )

    def __init__(self, data: Any = None, files: Any = None) -> None:
        super().__init__(data, files)
        self.fields["file"].help_text = (
            "The columns code, pin, number, expires_on; only code is required. Up to"
            f" {ROWS_AT_ONCE:,} rows are checked while you wait, more of them (up to"
            f" {megabytes(settings.UPLOAD_MAX_BYTES)}) in the background."
        )
        self.fields["file"].widget.attrs["data-max-bytes"] = settings.UPLOAD_MAX_BYTES

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        file, lines = data.get("file"), data.get("lines") or ""
        if (file is not None) == bool(lines.strip()):
            self.add_error(None, "Choose a file or paste lines, one of the two.")
        elif file is not None:
            data["source"] = Source(file.read(), file.name, 1)
        else:
            content, first_line = to_card_file(lines)
            data["source"] = Source(content, "pasted lines", first_line)
        return data


def megabytes(count: int) -> str:
    return f"{count / 2**20:,.0f} MB"
