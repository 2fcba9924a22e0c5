"""What a file would do, and doing it once somebody has looked at that.

Note [Nothing between the steps]
The browser keeps a file of up to 10,000 rows and sends it with each step. Nothing of it rests here
between looking and confirming, neither in plain nor encrypted: not in the session, not in a table,
not on a disk. ``seen`` says that what is confirmed is what was looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, Protocol
from uuid import UUID

from django.http import HttpRequest

from alerts.admin.upload_columns import Column, Source, mapping_of
from alerts.errors import ServiceError
from alerts.keyring import derive_token
from alerts.services.imports import (
    FileAlreadyUploadedError,
    FileTooLargeError,
    ImportReport,
    Mode,
)

MODES: Final[dict[str, Mode]] = {"import_all": "all_or_nothing", "import_good": "valid_rows"}
_PROBLEMS_SHOWN: Final = 50


class Upload(Protocol):
    """Brings a file in, or tells what would become of it."""

    def __call__(self, *, mode: Mode, dry_run: bool, mapping: dict[str, str]) -> ImportReport: ...


def look_or_import(
    request: HttpRequest,
    source: Source,
    columns: list[Column],
    *,
    target_id: UUID,
    purpose: str,
    upload: Upload,
    page_of: Callable[[UUID], str],
) -> dict[str, Any]:
    """Check a file, and bring it in if that was pressed after looking; return what the page shows.

    :param target_id: where it goes: what was looked at is confirmed for that alone.
    :param purpose: of the token that says what was looked at.
    :param page_of: where an earlier upload is.
    :raises FileTooLargeError: it has more rows than are taken at once (GC-116).
    """
    mapping = mapping_of(source, columns)
    content = hashlib.sha256(source.content).hexdigest()
    seen = derive_token(f"{target_id}\n{content}\n{sorted(mapping.items())}", purpose=purpose)
    mode = MODES.get(request.POST.get("step", ""))
    is_confirmed = mode is not None and request.POST.get("seen") == seen
    try:
        report = upload(
            mode=mode if is_confirmed and mode else "valid_rows",
            dry_run=not is_confirmed,
            mapping=mapping,
        )
    except FileTooLargeError:
        raise
    except ServiceError as error:
        return {"columns": columns, **explain_refusal(error, page_of)}
    return {
        "columns": columns,
        "report": report,
        "seen": seen,
        "has_changed": mode is not None and not is_confirmed,
        "problems": report.problems[:_PROBLEMS_SHOWN],
        "problems_left": max(report.problem_count - _PROBLEMS_SHOWN, 0),
    }


def explain_refusal(error: ServiceError, page_of: Callable[[UUID], str]) -> dict[str, Any]:
    """Return what the page says where a file is refused as a whole."""
    said = [words for several in error.errors.values() for words in several]
    context: dict[str, Any] = {"refusals": said or [f"{error.code.operator} {error.code.action}"]}
    if isinstance(error, FileAlreadyUploadedError) and error.batch_id is not None:
        context["earlier"] = page_of(error.batch_id)
    return context
