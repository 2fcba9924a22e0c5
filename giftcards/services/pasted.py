"""Lines that somebody pastes: a file with a header, or just codes."""

from __future__ import annotations

from typing import Final

from alerts.csvfiles import find_fields, header_of
from giftcards.services.card_rows import FIELDS

_DELIMITERS: Final = ("\t", ";", ",")


def to_card_file(text: str) -> tuple[bytes, int]:
    """Make a file of pasted lines; return it with the number of its first line.

    Lines whose first one names no column of ours and has a digit in its first cell are cards
    themselves, in the order code, PIN, number, date of expiry. They get a header, as line 0.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    content = "\n".join([*lines, ""]).encode("utf-8", "replace") if lines else b""
    header = header_of(content)
    if header is None or find_fields(header, fields=FIELDS):
        return content, 1
    if not any(symbol.isdigit() for symbol in header.names[0] if header.names):
        return content, 1
    delimiter = max(_DELIMITERS, key=lambda mark: sum(line.count(mark) for line in lines))
    width = min(max(line.count(delimiter) for line in lines) + 1, len(FIELDS))
    # Spreadsheets give every line all its cells; people don't.
    filled = [
        line + delimiter * (width - 1 - line.count(delimiter))
        if line.strip() and '"' not in line
        else line
        for line in lines
    ]
    return "\n".join([delimiter.join(FIELDS[:width]), *filled, ""]).encode("utf-8", "replace"), 0
