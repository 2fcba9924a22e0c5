"""Uploading cards from a pool's page: choose, look, confirm.

Note [Nothing between the steps]
The browser keeps the file and sends it with each step. Nothing of it rests here between looking
and confirming, neither in plain nor encrypted: not in the session, not in a table, not on a disk.
``seen`` says that what is confirmed is what was looked at.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from typing import Any, ClassVar, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.csvfiles import find_fields
from alerts.errors import ServiceError
from alerts.keyring import derive_token
from alerts.services.imports import FileAlreadyUploadedError, ImportReport, Mode
from credit.selectors.viewers import viewer_of_user
from giftcards.models import Pool
from giftcards.patterns import CodePattern, PatternError
from giftcards.services.card_rows import FIELDS, REQUIRED
from giftcards.services.pasted import columns_of, to_card_file
from giftcards.services.uploads import upload_cards

_FIELD_WORDS: Final = {
    "code": "Code",
    "pin": "PIN",
    "number": "Card number",
    "expires_on": "Date of expiry",
}
_MODES: Final[dict[str, Mode]] = {"import_all": "all_or_nothing", "import_good": "valid_rows"}
_NO_HEADER: Final = (
    "The first line looks like a card. Put the names of the columns on a line above it, or paste"
    " the lines instead of choosing the file."
)
_PROBLEMS_SHOWN: Final = 50
_LONGEST_NAME: Final = 60


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """What somebody has sent, as a file; ``first_line`` is the number of its first line."""

    content: bytes
    name: str
    first_line: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A field of a card, with the columns of the file to choose from: ``(place, words)``."""

    field: str
    words: str
    choices: list[tuple[int, str]]
    chosen: int | None


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
        help_text="Up to 10,000 rows with the columns code, pin, number, expires_on; only code is"
        " required. A larger file comes in by the command import_cards.",
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

    def __init__(self, request: HttpRequest) -> None:
        sent = request.method == "POST"
        super().__init__(request.POST if sent else None, request.FILES if sent else None)
        self._length = int(request.META.get("CONTENT_LENGTH") or 0)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        file, lines = data.get("file"), data.get("lines") or ""
        if file is None and self._length > settings.FILE_UPLOAD_MAX_MEMORY_SIZE:
            self.add_error("file", "The file is over 10 MB. Use the command import_cards for it.")
        elif (file is not None) == bool(lines.strip()):
            self.add_error(None, "Choose a file or paste lines, one of the two.")
        elif file is not None:
            data["source"] = Source(file.read(), file.name, 1)
        else:
            content, first_line = to_card_file(lines)
            data["source"] = Source(content, "pasted lines", first_line)
        return data


class PoolUploads:
    """Mixin: the button on a pool's page that brings cards in."""

    actions_detail: ClassVar[tuple[str, ...]] = ("upload_cards",)
    admin_site: Any
    opts: Any

    @action(description="Upload cards", icon="upload_file")  # type: ignore[untyped-decorator]
    def upload_cards(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._upload)(request, object_id)

    def _upload(self, request: HttpRequest, object_id: str) -> HttpResponse:
        pool = _find(object_id)
        form = UploadForm(request)
        context: dict[str, Any] = {"pool": pool, "form": form}
        if request.method == "POST" and form.is_valid():
            source: Source = form.cleaned_data["source"]
            columns = _columns(request, pool, source)
            context |= _look(request, pool, source, columns)
            report = context.get("report")
            if isinstance(report, ImportReport) and report.batch_id is not None:
                return _show_batch(request, report)
        context["is_part"] = is_part = bool(request.headers.get("HX-Request"))
        return TemplateResponse(
            request,
            "admin/parts/upload_preview.html" if is_part else "admin/upload_cards.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Upload cards into {pool.name}",
                "opts": self.opts,
                **context,
            },
        )


def _look(
    request: HttpRequest, pool: Pool, source: Source, columns: list[Column]
) -> dict[str, Any]:
    """Check the file, and bring it in if that is what was pressed after looking at it."""
    context: dict[str, Any] = {"columns": columns}
    missing = [one for one in columns if one.field in REQUIRED and one.chosen is None]
    if missing and any(words != name for words, name in _named(pool, source)):
        return {"refusals": [_NO_HEADER]}
    if missing:
        return {**context, "missing": missing}
    mapping = _mapping(source, columns)
    seen = _seen(pool, source, mapping)
    mode = _MODES.get(request.POST.get("step", ""))
    is_confirmed = mode is not None and request.POST.get("seen") == seen
    try:
        report = upload_cards(
            viewer=viewer_of_user(request.user.pk),  # type: ignore[arg-type]  # signed in
            pool_id=pool.pk,
            source=io.BytesIO(source.content),
            file_name=source.name,
            mode=(mode if is_confirmed and mode else "valid_rows"),
            dry_run=not is_confirmed,
            now=timezone.now(),
            mapping=mapping,
            first_line=source.first_line,
        )
    except ServiceError as error:
        return {**context, **_explain(error)}
    return {
        **context,
        "report": report,
        "seen": seen,
        "has_changed": mode is not None and not is_confirmed,
        "problems": report.problems[:_PROBLEMS_SHOWN],
        "problems_left": max(report.problem_count - _PROBLEMS_SHOWN, 0),
    }


def _columns(request: HttpRequest, pool: Pool, source: Source) -> list[Column]:
    """Return which column is which: as was chosen, else by name; none of a file without any."""
    header = columns_of(source.content, first_line=source.first_line)
    if header is None:
        return []
    by_name = find_fields(header, fields=FIELDS)
    names = [words for words, _ in _named(pool, source)]
    columns = []
    for field in FIELDS:
        chosen = request.POST.get(f"column_{field}", "")
        place = int(chosen) if chosen.isascii() and chosen.isdigit() else by_name.get(field)
        columns.append(
            Column(
                field=field,
                words=_FIELD_WORDS[field],
                choices=list(enumerate(names)),
                chosen=place if place is not None and place < len(names) else None,
            )
        )
    return columns


def _mapping(source: Source, columns: list[Column]) -> dict[str, str]:
    header = columns_of(source.content, first_line=source.first_line)
    if header is None:
        return {}
    return {
        column.field: header.names[column.chosen] for column in columns if column.chosen is not None
    }


def _named(pool: Pool, source: Source) -> list[tuple[str, str]]:
    """Return what each column is called on the page, beside its name in the file."""
    header = columns_of(source.content, first_line=source.first_line)
    names = () if header is None else header.names
    return [(_name_column(name, place, pool), name) for place, name in enumerate(names)]


def _name_column(name: str, place: int, pool: Pool) -> str:
    """Return what a column is called on the page: not by what may be a code itself."""
    try:
        is_code = CodePattern(pool.brand.code_format).matches(name)
    except PatternError:
        is_code = True
    if (
        not name
        or len(name) > _LONGEST_NAME
        or (is_code and (pool.brand.code_format or any(symbol.isdigit() for symbol in name)))
    ):
        return f"Column {place + 1}"
    return name


def _seen(pool: Pool, source: Source, mapping: dict[str, str]) -> str:
    content = hashlib.sha256(source.content).hexdigest()
    return derive_token(f"{pool.pk}\n{content}\n{sorted(mapping.items())}", purpose="card_preview")


def _explain(error: ServiceError) -> dict[str, Any]:
    said = [words for several in error.errors.values() for words in several]
    context: dict[str, Any] = {"refusals": said or [f"{error.code.operator} {error.code.action}"]}
    if isinstance(error, FileAlreadyUploadedError) and error.batch_id is not None:
        context["earlier"] = reverse("admin:giftcards_cardbatch_change", args=[error.batch_id])
    return context


def _show_batch(request: HttpRequest, report: ImportReport) -> HttpResponse:
    if report.state == "imported":
        words = f"In stock now: {report.accepted:,} cards."
        if report.rejected:
            words += f" Left out: {report.rejected:,} rows, which are listed below."
        messages.success(request, words)
    else:
        messages.error(request, "Nothing was written: the rows below have to be put right first.")
    url = reverse("admin:giftcards_cardbatch_change", args=[report.batch_id])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _find(object_id: str) -> Pool:
    try:
        return get_object_or_404(Pool.objects.select_related("brand", "client"), pk=object_id)
    except (ValidationError, ValueError):
        raise Http404 from None
