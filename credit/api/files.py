"""A file of rows as a request carries it: as its body, as a part of a form, or as JSON.

Whichever it is, the importer gets a CSV file. It stays in memory: codes are money, and a
temporary file would outlive a crash.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request

from alerts.errors import ValidationFailedError
from alerts.services.imports import ROWS_AT_ONCE, FileTooLargeError
from credit.api.inputs import StrictSerializer, read_body

# No code has it and no reader of lines breaks on it: it stands for what can't be in a cell.
_UNREADABLE: Final = "\x7f"


class FormRequest(StrictSerializer):
    """A form with the file in it."""

    # That there is nothing in it is the importer's to say.
    file = serializers.FileField(allow_empty_file=True)


@dataclasses.dataclass(frozen=True, slots=True)
class SentFile:
    """A CSV file in memory; ``first_line`` is the number of its first line."""

    content: bytes
    name: str
    first_line: int = 1


class CSVParser(BaseParser):
    """``text/csv``: the body is the file."""

    media_type = "text/csv"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        _refuse_large(parser_context)
        return SentFile(stream.read(), "upload.csv")


class FormParser(MultiPartParser):
    """``multipart/form-data``: the file is the part ``file``."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        # Files are not part of what the framework's own limit counts.
        _refuse_large(parser_context)
        return super().parse(stream, media_type, parser_context)


def _refuse_large(parser_context: Any) -> None:
    length = int((parser_context or {})["request"].META.get("CONTENT_LENGTH") or 0)
    if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise RequestDataTooBig("The body is over 10 MB.")


def read_file(
    request: Request, *, rows: str, as_json: type[StrictSerializer], fields: Sequence[str]
) -> SentFile:
    """Return the file that a request carries.

    :param rows: the name of the list that a JSON body has, ``cards``.
    :param as_json: what reads a JSON body.
    :param fields: what a row may have.
    :raises ValidationFailedError: there is none, or more than a file (GC-012).
    :raises FileTooLargeError: the JSON has more rows than are taken at once (GC-116).
    """
    data: Any = request.data
    if isinstance(data, SentFile):
        return data
    if isinstance(data, QueryDict):
        return _read_form(request, data)
    # A body of no bytes never reaches its parser.
    if (request.content_type or "").partition(";")[0].strip().lower() == CSVParser.media_type:
        return SentFile(b"", "upload.csv")
    sent = data.get(rows) if isinstance(data, dict) else None
    if isinstance(sent, list) and len(sent) > ROWS_AT_ONCE:
        raise FileTooLargeError(errors={rows: [f"Send at most {ROWS_AT_ONCE:,} {rows}."]})
    return _write_csv(read_body(as_json, request)[rows], name=f"{rows}.json", fields=fields)


def say_for_key(request: Request) -> list[Any]:
    """Return what a request asks for, as the fingerprint of its Idempotency-Key reads it."""
    data: Any = request.data
    said: Any = data
    if isinstance(data, SentFile):
        said = hashlib.sha256(data.content).hexdigest()
    elif isinstance(data, QueryDict):
        said = {name: [_say_part(part) for part in parts] for name, parts in data.lists()}
    return [sorted(request.query_params.lists()), said]


def _say_part(part: Any) -> str:
    if not isinstance(part, UploadedFile):
        return str(part)
    part.seek(0)
    return hashlib.sha256(part.read()).hexdigest()


def _read_form(request: Request, data: QueryDict) -> SentFile:
    file = read_body(FormRequest, request)["file"]
    if len(data.getlist("file")) > 1:
        raise ValidationFailedError(errors={"file": ["Send one file in this field."]})
    file.seek(0)
    return SentFile(file.read(), file.name)


def _write_csv(rows: list[dict[str, Any]], *, name: str, fields: Sequence[str]) -> SentFile:
    """Return rows as a file in which the first of them is line 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(fields)
    for row in rows:
        writer.writerow([_one_line(row.get(field) or "") for field in fields])
    return SentFile(text.getvalue().encode(), name, first_line=0)


def _one_line(cell: str) -> str:
    # What is no text would be refused as a fault of the whole file, and a line break would move
    # the number of every line after it.
    return "".join(c if c.isprintable() and c != "\ufffd" else _UNREADABLE for c in cell)
