"""CSV as people send it: any delimiter, any line end, any encoding but a guessed one.

Files are read as a stream in constant memory, whatever is in them. What is wrong with a file
raises ``FileProblem``; what is wrong with a row is a ``RowProblem`` among the rows, so that the
others can still be told about or imported. Messages never quote the file: a file without a
header has a secret in its first line.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

LONGEST_RECORD: Final = 65_536
_CHUNK_BYTES: Final = 65_536
_DELIMITERS: Final = (",", ";", "\t")

_SEPARATOR_LINE: Final = re.compile(r"sep=([,;\t])", re.IGNORECASE)
_SPREADSHEET_NUMBER: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+[0-9]+")
# What a spreadsheet takes for a formula, also behind spaces and in full width.
_FORMULA_STARTS: Final = frozenset("=+-@|%＝＋－＠")
_SAVE_AS_UTF8: Final = 'In the spreadsheet, choose "Save as" and "CSV UTF-8".'


class FileProblem(ValueError):  # noqa: N818  said of the file, as RowProblem is of a row
    """The file can't be read; the message is a sentence for who sent it."""


class TooManyRowsProblem(FileProblem):
    """The file has more rows than are taken at once."""


class ByteSource(Protocol):
    """What can be read from: an open file, an upload, a request's body."""

    def read(self, size: int, /) -> bytes: ...


class Row(NamedTuple):
    """A row with a cell for every field; ``line`` counts from 1 as editors do."""

    line: int
    cells: dict[str, str]


class RowProblem(NamedTuple):
    """Something wrong with one row; ``field`` is empty when it is about the row as a whole."""

    line: int
    field: str
    message: str


@dataclasses.dataclass(frozen=True)
class Header:
    """The first line of a file.

    :param names: as they are written, trimmed.
    :param line: where it stands; blank lines may come before it.
    """

    names: tuple[str, ...]
    delimiter: str
    line: int


def read_header(file: ByteSource) -> Header:
    """Read the names of a file's columns, for a person to say which is which.

    The file is read on from where it stands and not rewound.

    :raises FileProblem: the file is empty or no text.
    """
    return _read_header(_Lines(file), frozenset())


def header_of(content: bytes) -> Header | None:
    """Return the header of a file in memory, None when it is none that can be read."""
    try:
        return read_header(io.BytesIO(content))
    except FileProblem:
        return None


def find_fields(header: Header, *, fields: Sequence[str]) -> dict[str, int]:
    """Return the place of each field whose name a header has, the first of several."""
    simplified = [_simplify(name) for name in header.names]
    return {field: simplified.index(field) for field in fields if field in simplified}


def read_rows(
    file: ByteSource,
    *,
    fields: Sequence[str],
    required: Collection[str],
    mapping: Mapping[str, str] | None = None,
    max_rows: int | None = None,
    first_line: int = 1,
) -> Iterator[Row | RowProblem]:
    """Read the rows of a file with a header; columns that are no field are left out.

    Cells are trimmed and otherwise text as it is written: leading zeros stay. The header's names
    match in any case, with spaces or dashes for underscores.

    :param fields: what the columns are called here; a field without a column has empty cells.
    :param required: the fields that must have a column.
    :param mapping: the header's name of a field, where it has another.
    :param first_line: the number of the file's first line: 0 when whoever calls has put a header
        before lines that had none, and their numbers are to stay.
    :raises FileProblem: a column is missing or there twice, or the file is no text; at once, or
        at a line further down when the rows are read.
    :raises TooManyRowsProblem: after ``max_rows`` rows, not counting blank lines.
    """
    headers = {field: (mapping or {}).get(field, field) for field in fields}
    lines = _Lines(file, first_line=first_line)
    header = _read_header(lines, {_simplify(name) for name in headers.values()})
    columns = _find_columns(header, headers, required=set(required) | set(mapping or {}))
    return _read_rows(lines, header, columns, fields, max_rows)


def is_spreadsheet_number(text: str) -> bool:
    """Tell whether a spreadsheet has written a long number its own way: ``1.23E+15``."""
    return _SPREADSHEET_NUMBER.fullmatch(text) is not None


def safe_cell(text: str) -> str:
    """Return a text of somebody's on one line that a spreadsheet shows and does not run."""
    line = "".join(character if character.isprintable() else " " for character in text).strip()
    return f"'{line}" if line[:1] in _FORMULA_STARTS else line


class _Lines:
    """The lines of a file, each with ``\\n`` at its end, and where we are in it."""

    def __init__(self, file: ByteSource, *, first_line: int = 1) -> None:
        self.number = first_line - 1
        self._record_begins = 1
        self._record_characters = 0
        self._lines = self._read(file)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number += 1
        if "\0" in line:
            raise FileProblem(f"Line {self.number} is not text. {_SAVE_AS_UTF8}")
        if "\ufffd" in line:
            raise FileProblem(f"Line {self.number} has unreadable characters. {_SAVE_AS_UTF8}")
        self._record_characters += len(line)
        if self._record_characters > LONGEST_RECORD:
            raise self._too_long()
        return line

    def begin_record(self) -> None:
        """Count the length anew: quotes may hold several lines together."""
        self._record_begins = self.number + 1
        self._record_characters = 0

    def _read(self, file: ByteSource) -> Iterator[str]:
        start = file.read(_CHUNK_BYTES)
        if start.startswith(b"PK\x03\x04"):
            raise FileProblem(f"This is a spreadsheet or an archive, not CSV. {_SAVE_AS_UTF8}")
        decoder = _decoder(start)
        begun, chunk = "", start
        while chunk:
            *complete, begun = (begun + decoder.decode(chunk)).split("\n")
            for line in complete:
                yield f"{line}\n"
            if len(begun) > LONGEST_RECORD:
                raise self._too_long()
            chunk = file.read(_CHUNK_BYTES)
        begun += decoder.decode(b"", final=True)
        for line in begun.removesuffix("\n").split("\n") if begun else ():
            yield f"{line}\n"

    def _too_long(self) -> FileProblem:
        return FileProblem(
            f"The row that begins on line {self._record_begins} is longer than 64 kB. "
            "Is a quotation mark left open?"
        )


def _decoder(start: bytes) -> io.IncrementalNewlineDecoder:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig"
    # What can't be decoded becomes U+FFFD, which no honest file has, and is told with its line.
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    return io.IncrementalNewlineDecoder(decoder, translate=True)


def _read_header(lines: _Lines, wanted: Collection[str]) -> Header:
    forced = None
    for line in lines:
        lines.begin_record()
        text = line.strip("\n")
        # Excel's own way to name the delimiter, on a line before the header.
        separator = _SEPARATOR_LINE.fullmatch(text.strip(" "))
        if separator is not None:
            forced = separator[1]
        elif text.strip():
            choices = (forced,) if forced else _DELIMITERS
            return max(
                (_parse_header(text, delimiter, lines.number) for delimiter in choices),
                key=lambda header: (
                    sum(_simplify(name) in wanted for name in header.names),
                    len(header.names),
                ),
            )
    raise FileProblem("The file is empty.")


def _parse_header(text: str, delimiter: str, line: int) -> Header:
    try:
        names = next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        # Then another delimiter will do better, or the columns will be missing.
        names = []
    names = [name.strip() for name in names]
    while names and not names[-1]:
        names.pop()
    return Header(tuple(names), delimiter, line)


def _find_columns(
    header: Header, headers: Mapping[str, str], *, required: Collection[str]
) -> dict[str, int]:
    """Return the place of each field that has a column."""
    simplified = [_simplify(name) for name in header.names]
    columns = {}
    for field, name in headers.items():
        places = [i for i, known in enumerate(simplified) if known == _simplify(name)]
        if len(places) > 1:
            raise FileProblem(f'The column "{name}" is there {len(places)} times.')
        if places:
            columns[field] = places[0]
        elif field in required:
            raise FileProblem(f'The column "{name}" is missing. Is the first line a header?')
    if not columns:
        raise FileProblem("No column has a name that is known here. Is the first line a header?")
    return columns


def _read_rows(
    lines: _Lines,
    header: Header,
    columns: Mapping[str, int],
    fields: Sequence[str],
    max_rows: int | None,
) -> Iterator[Row | RowProblem]:
    blank = dict.fromkeys(fields, "")
    count = 0
    for line, cells in _read_records(lines, header.delimiter):
        if not any(cells):
            continue
        count += 1
        if max_rows is not None and count > max_rows:
            raise TooManyRowsProblem(f"The file has more than {max_rows:,} rows.")
        # Spreadsheets end rows with empty cells beyond the last column.
        while len(cells) > len(header.names) and not cells[-1]:
            cells.pop()
        if isinstance(cells, _Unreadable):
            yield RowProblem(line, "", "A quotation mark is out of place in this row.")
        elif len(cells) != len(header.names):
            expected = len(header.names)
            yield RowProblem(line, "", f"Cells in this row: {len(cells)}; columns: {expected}.")
        else:
            yield Row(line, blank | {field: cells[place] for field, place in columns.items()})


class _Unreadable(list[str]):
    """The cells of a record that breaks the rules of quoting."""


def _read_records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the trimmed cells of each record and the line it begins on."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        lines.begin_record()
        line = lines.number + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:
            # The reader goes on with the next line.
            cells = _Unreadable("?")
        yield line, cells


def _simplify(name: str) -> str:
    return re.sub(r"[ \-_]+", "_", name.strip().casefold())
