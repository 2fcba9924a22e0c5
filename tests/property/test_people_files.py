"""Files of people with anything in them: every row is taken or told, and nothing is quoted."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.csvfiles import FileProblem, read_rows, safe_cell
from alerts.services.imports import Rejects
from redemption.services.recipient_rows import COLUMNS, FIELDS, RecipientReader

# Cells as people have them, and as nobody should.
CELLS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "", " ", "Ana", "  José\nMaría ", "O'Neil", "=1+1", "@SUM(A1)", "\t-2", "+12025550143",
            "(202) 555-0143", "911", "1.2E+9", "ana@example.com", "ana@", "US", "uk", "A-1",
            "QR4K-7M2P-XN9T", "00123", "x" * 300, "\u202eabc", 'say "hi"',
        ]
    ),
)  # fmt: skip
ROWS = st.lists(st.lists(CELLS, min_size=len(FIELDS), max_size=len(FIELDS)), max_size=8)


def read(raw: bytes) -> tuple[list[dict[str, Any]], Rejects]:
    rejects = Rejects()
    reader = RecipientReader(batch_id=uuid4(), rejects=rejects)
    rows = read_rows(io.BytesIO(raw), fields=FIELDS, required=())
    return [dict(zip(COLUMNS, row, strict=True)) for row in reader.read(rows)], rejects


def write(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([FIELDS, *rows])
    return text.getvalue().encode("utf-8", "replace")


class TestRecipientReader:
    @settings(max_examples=150)
    @given(ROWS)
    def test_takes_or_tells_every_row(self, rows: list[list[str]]) -> None:
        try:
            people, rejects = read(write(rows))
        except FileProblem:
            # A NUL or what is no character: said of the file, with its line.
            assert any("\0" in cell or "\ufffd" in cell for row in rows for cell in row)
            return
        not_blank = [row for row in rows if any(cell.strip() for cell in row)]
        assert len(not_blank) <= len(people) + rejects.rows <= len(rows)
        lines = [person["line"] for person in people]
        told = {problem.line for problem in rejects.problems}
        assert len(told) == rejects.rows
        assert lines == sorted(set(lines))
        assert not told & set(lines)
        for person in people:
            assert len(person["code_digest"]) == 32
            assert re.fullmatch(r"\+[0-9]{7,15}|", person["phone"])
            assert re.fullmatch(r"[A-Z]{2}|", person["country"])
            for field in ("first_name", "last_name", "city", "region", "email", "postal_code"):
                assert person[field].isprintable()
                assert person[field] == " ".join(person[field].split())
                assert not safe_cell(person[field]).startswith(("=", "+", "-", "@", "\t"))

    @settings(max_examples=150)
    @given(st.binary(max_size=80).map(lambda raw: b"first_name,phone\n" + raw))
    def test_survives_any_bytes(self, raw: bytes) -> None:
        try:
            people, rejects = read(raw)
        except FileProblem:
            return
        assert all(person["first_name"] or person["phone"] for person in people)
        assert rejects.problem_count >= rejects.rows
