"""What every import of a file has in common: how it may end, and what it tells."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Any, BinaryIO, ClassVar, Final, Literal
from uuid import UUID

from alerts.codes import ErrorCode
from alerts.csvfiles import FileProblem, RowProblem, TooManyRowsProblem
from alerts.errors import ServiceError, ValidationFailedError
from alerts.keyring import digest

Mode = Literal["all_or_nothing", "valid_rows"]
# Rows read so far, and the share of the file that was (0 to 1).
Progress = Callable[[int, float], None]

# What is checked and written while somebody waits; the commands take any number.
ROWS_AT_ONCE: Final = 10_000
# A file with more mistakes than a person reads; the rest is counted.
PROBLEMS_KEPT: Final = 10_000
SPREADSHEET_HINT: Final = (
    "A spreadsheet has rounded this number: format the column as text there and fill it in again."
)
_CHUNK_BYTES: Final = 1 << 20


@dataclasses.dataclass(eq=False, kw_only=True)
class FileAlreadyUploadedError(ServiceError):
    """A file with exactly this content was imported before."""

    code: ClassVar = ErrorCode.FILE_ALREADY_UPLOADED

    batch_id: UUID | None = None
    imported_at: datetime


@dataclasses.dataclass(eq=False, kw_only=True)
class FileTooLargeError(ServiceError):
    """The file has more rows than are taken in this way."""

    code: ClassVar = ErrorCode.TOO_LARGE


@dataclasses.dataclass(eq=False, kw_only=True)
class ChangedMeanwhileError(ServiceError):
    """Somebody else brought in some of the same rows while this file was being checked."""

    code: ClassVar = ErrorCode.STATE_FORBIDS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What became of a file. Its problems name lines and fields, never what stood there.

    ``imported``: ``accepted`` rows were written. ``refused``: nothing was, because of the
    ``rejected`` rows. ``previewed``: nothing was, and ``accepted`` is what would have been.
    ``problems`` are the first of ``problem_count``, by line; a row may have several.
    """

    state: Literal["imported", "refused", "previewed"]
    batch_id: UUID | None
    rows: int
    accepted: int
    rejected: int
    problems: tuple[RowProblem, ...]
    problem_count: int
    warnings: tuple[str, ...] = ()

    def kept(self) -> dict[str, Any]:
        """Return what a repeat of the request is told, where nothing was written to read."""
        return {
            "accepted": self.accepted,
            "rejected": self.rejected,
            "rejects": [problem._asdict() for problem in self.problems],
        }


class Rejects:
    """Collects what is wrong with the rows of a file, in bounded memory."""

    def __init__(self) -> None:
        self.rows = 0
        self.problem_count = 0
        self._kept: list[RowProblem] = []

    def add_row(self, problems: Iterable[RowProblem]) -> None:
        """Count a row out, for one or several reasons; rows come in the order of their lines."""
        self.rows += 1
        for problem in problems:
            self.problem_count += 1
            if len(self._kept) < PROBLEMS_KEPT:
                self._kept.append(problem)

    def add_found(self, problems: Iterable[RowProblem], *, rows: int) -> None:
        """Add the ``rows`` rows that only the database could find.

        :param problems: what is wrong with the first of them by line: of all of them, or of at
            least :data:`PROBLEMS_KEPT`.
        """
        found = list(problems)
        self.rows += rows
        # A row may have several; of those beyond the first we know only that they are bad.
        self.problem_count += rows + len(found) - len({problem.line for problem in found})
        both = sorted([*self._kept, *found], key=lambda problem: problem.line)
        self._kept = both[:PROBLEMS_KEPT]

    @property
    def problems(self) -> tuple[RowProblem, ...]:
        """The first problems, by line."""
        return tuple(self._kept)


class MeasuredSource:
    """A file that tells how much of it has been read."""

    def __init__(self, source: BinaryIO, *, progress: Progress | None) -> None:
        self._source = source
        self._size = source.seek(0, io.SEEK_END)
        source.seek(0)
        self._read = 0
        self._progress = progress

    def read(self, size: int, /) -> bytes:
        """Read the next bytes."""
        chunk = self._source.read(size)
        self._read += len(chunk)
        return chunk

    def tell_progress(self, rows: int) -> None:
        """Tell whoever wants to know that ``rows`` rows have been read."""
        if self._progress is not None:
            self._progress(rows, self._read / self._size if self._size else 1.0)


def digest_file(source: BinaryIO, *, purpose: str) -> bytes:
    """Return the 32 bytes by which a file is recognised when it comes again.

    A keyed digest of its SHA-256: who has only the database can't try out what a short file
    said. The file is read and rewound.
    """
    source.seek(0)
    sha256 = hashlib.sha256()
    while chunk := source.read(_CHUNK_BYTES):
        sha256.update(chunk)
    source.seek(0)
    return digest(sha256.hexdigest(), purpose=purpose)


def clean_file_name(name: str) -> str:
    """Return a file's name without folders, as it can be kept."""
    return PurePath(name.replace("\0", "")).name[:255]


def check_mapping(mapping: Mapping[str, str], *, fields: Iterable[str]) -> None:
    """Check that a mapping names fields that there are.

    :raises ValidationFailedError: it doesn't.
    """
    known = list(fields)
    unknown = [field for field in mapping if field not in known]
    if unknown:
        raise ValidationFailedError(
            errors={"mapping": [f"There is no field {unknown[0]!r}, only {', '.join(known)}."]}
        )


def error_of(problem: FileProblem) -> ServiceError:
    """Return the error that an unreadable file is."""
    if isinstance(problem, TooManyRowsProblem):
        return FileTooLargeError(errors={"file": [str(problem)]})
    return ValidationFailedError(errors={"file": [str(problem)]})
