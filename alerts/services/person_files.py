"""The file that a person is handed: all that is kept about them, for machines and to read."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.template.loader import render_to_string

from alerts.selectors.person_sections import Section


def read_section(section: Section) -> dict[str, Any]:
    """Return a section's key and title, and its rows as they are handed out, by column."""
    model = section.rows.model
    columns = [
        field
        for field in model._meta.concrete_fields  # noqa: SLF001  Django's public door
        if field.name not in section.left_out
    ]
    rows = [
        {field.name: _printable(getattr(row, field.attname)) for field in columns}
        for row in section.rows
    ]
    return {"key": section.key, "title": section.title, "rows": rows}


def _printable(value: Any) -> Any:
    if isinstance(value, memoryview | bytes):
        return base64.b64encode(bytes(value)).decode()
    return value


def pack_person(sections: Iterable[dict[str, Any]], *, now: datetime) -> bytes:
    """Return a ZIP archive: ``data.json`` is for machines, ``index.html`` for people."""
    sections = list(sections)
    data = {"exported_at": now, "sections": {one["key"]: one["rows"] for one in sections}}
    filled = [one for one in sections if one["rows"]]
    page = render_to_string("privacy/person.html", {"exported_at": now, "sections": filled})
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "data.json", json.dumps(data, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
        )
        archive.writestr("index.html", page)
    return file.getvalue()
