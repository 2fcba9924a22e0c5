from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.csvfiles import (
    FileProblem,
    Header,
    Row,
    RowProblem,
    TooManyRowsProblem,
    is_spreadsheet_number,
    read_header,
    read_rows,
)

FIELDS = ("code", "pin")
SAVE_AS = 'In the spreadsheet, choose "Save as" and "CSV UTF-8".'
LATIN_1 = f"Line 3 has unreadable characters. {SAVE_AS}"
TOO_LONG = "The row that begins on line 2 is longer than 64 kB. Is a quotation mark left open?"


def read(content: bytes | str, **options: object) -> list[Row | RowProblem]:
    raw = content.encode() if isinstance(content, str) else content
    arguments: dict[str, object] = {"fields": FIELDS, "required": {"code"}} | options
    return list(read_rows(io.BytesIO(raw), **arguments))  # type: ignore[arg-type]


def cells(content: bytes | str, **options: object) -> list[tuple[str, ...]]:
    rows = read(content, **options)
    assert all(isinstance(row, Row) for row in rows), rows
    return [tuple(row.cells.values()) for row in rows if isinstance(row, Row)]


class Source:
    """A file that is made while it is read, in pieces of its own choosing."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces

    def read(self, size: int, /) -> bytes:
        return next(self.pieces, b"")


class TestReadRows:
    def test_gives_each_row_with_its_line(self) -> None:
        assert read("code,pin\nA1,0012\n\nB2,\n") == [
            Row(2, {"code": "A1", "pin": "0012"}),
            Row(4, {"code": "B2", "pin": ""}),
        ]

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    @pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_reads_what_spreadsheets_write(
        self, encoding: str, line_end: str, delimiter: str
    ) -> None:
        lines = ["code,pin", "Ä1,0012", '"B""2","3"', ""]
        text = line_end.join(lines).replace(",", delimiter)
        assert cells(text.encode(encoding)) == [("Ä1", "0012"), ('B"2', "3")]

    @pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r", "\r\n \r\n,\r\n"])
    def test_needs_no_line_end_at_the_end(self, end: str) -> None:
        assert cells(f"code,pin\nA1,1{end}") == [("A1", "1")]

    @pytest.mark.parametrize(
        "header",
        [
            "code,pin",
            " CODE , Pin ",
            '"code","PIN"',
            "\ufeffcode,pin",
            "code,pin,,",
            "\n \ncode,pin",
        ],
    )
    def test_knows_the_header_in_any_case(self, header: str) -> None:
        assert cells(f"{header}\nA1,1") == [("A1", "1")]

    def test_takes_spaces_and_dashes_in_a_name_for_underscores(self) -> None:
        options = {"fields": ["expires_on", "last_name"], "required": ["expires_on"]}
        assert cells("Expires On;Last-Name\n2027-01-31;Li", **options) == [("2027-01-31", "Li")]

    def test_follows_the_mapping(self) -> None:
        mapping = {"code": "Gift Code", "pin": "code"}
        assert cells("code,gift code\n12,A1", mapping=mapping) == [("A1", "12")]

    def test_leaves_out_columns_it_was_not_asked_for(self) -> None:
        assert cells("note,pin,code,note\nx,1,A1,y") == [("A1", "1")]

    def test_gives_an_empty_cell_for_a_column_that_is_not_there(self) -> None:
        assert cells("code\nA1\n0012") == [("A1", ""), ("0012", "")]

    def test_keeps_text_as_it_is_written_but_for_the_space_around(self) -> None:
        content = 'code,pin\n\t0001 , 1.23E+15\n"a ""b"", c","line 1\r\nline 2"\n'
        assert cells(content) == [("0001", "1.23E+15"), ('a "b", c', "line 1\nline 2")]

    def test_chooses_the_delimiter_that_finds_the_columns(self) -> None:
        assert cells('code;"a, b, c, d";pin\nA1;x;1') == [("A1", "1")]
        assert cells("sep=;\r\ncode;pin\r\nA1;1") == [("A1", "1")]
        assert cells("code\tpin,x\nA1\t1", fields=["code"]) == [("A1",)]

    def test_counts_lines_as_an_editor_does_inside_quotes_too(self) -> None:
        rows = read('\ncode,pin\n"A\n1",1\n\nB2,2\n')
        assert [row.line for row in rows] == [3, 6]

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("A1", "Cells in this row: 1; columns: 2."),
            ("A1,1,x", "Cells in this row: 3; columns: 2."),
            ('"A1"x,1', "A quotation mark is out of place in this row."),
        ],
    )
    def test_tells_a_bad_row_and_goes_on(self, row: str, message: str) -> None:
        assert read(f"code,pin\nA0,0\n{row}\nB2,2\n") == [
            Row(2, {"code": "A0", "pin": "0"}),
            RowProblem(3, "", message),
            Row(4, {"code": "B2", "pin": "2"}),
        ]

    def test_tells_a_quotation_mark_that_is_never_closed(self) -> None:
        assert read('code,pin\n"A1,1\nB2,2\n') == [
            RowProblem(2, "", "A quotation mark is out of place in this row.")
        ]

    def test_takes_empty_cells_at_the_end_for_a_spreadsheets_habit(self) -> None:
        assert cells("code,pin\nA1,1,,\nB2,,\n") == [("A1", "1"), ("B2", "")]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "The file is empty."),
            (b"\xef\xbb\xbf", "The file is empty."),
            (b"\n \n\n", "The file is empty."),
            (b"pin\n1", 'The column "code" is missing. Is the first line a header?'),
            (b"code,CODE\n1,2", 'The column "code" is there 2 times.'),
            ("code\nA1\nMüller\n".encode("latin-1"), LATIN_1),
            (b"code\r\nA1\r\n\xff\xfe\r\n", LATIN_1),
            ("code\nA1\nJos\ufffd\n".encode(), LATIN_1),
            ("code\nA1\nB2".encode("utf-16")[:-1], LATIN_1),
            (b"code\nA\x001\n", f"Line 2 is not text. {SAVE_AS}"),
            (
                "code\nA1\n".encode("utf-16-le"),
                f"Line 1 is not text. {SAVE_AS}",
            ),
            (
                b"PK\x03\x04\x14\x00\x06\x00",
                f"This is a spreadsheet or an archive, not CSV. {SAVE_AS}",
            ),
            (b"code\n" + b"x" * 65_536, TOO_LONG),
            (b'code\n"' + b"x\n" * 40_000, TOO_LONG),
        ],
    )
    def test_refuses_a_file_it_cannot_read(self, content: bytes, message: str) -> None:
        with pytest.raises(FileProblem) as caught:
            read(content)
        assert str(caught.value) == message

    def test_refuses_a_mapped_column_that_is_not_there(self) -> None:
        with pytest.raises(FileProblem, match='The column "Card PIN" is missing'):
            read("code,pin\nA1,1", mapping={"pin": "Card PIN"})

    def test_never_quotes_the_file(self) -> None:
        with pytest.raises(FileProblem) as caught:
            read("AMZN-7QX2,1234\nAMZN-7QX3,5678\n")
        assert "AMZN" not in str(caught.value)

    def test_tells_a_bad_header_before_any_row_is_asked_for(self) -> None:
        with pytest.raises(FileProblem):
            read_rows(io.BytesIO(b"pin\n1"), fields=FIELDS, required={"code"})

    def test_stops_after_so_many_rows(self) -> None:
        content = "code\nA1\n\nB2\n"
        assert len(read(content, max_rows=2)) == 2
        with pytest.raises(TooManyRowsProblem, match=r"^The file has more than 1,000 rows\.$"):
            read("code\n" + "A1\n" * 1001, max_rows=1000)

    def test_takes_the_longest_row_allowed(self) -> None:
        # With its line end 65,536 characters.
        assert cells(b"code\n" + b"x" * 65_535) == [("x" * 65_535, "")]

    def test_reads_any_size_in_the_same_memory(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"code,pin\n"
            for number in range(400):
                yield b"".join(b"A%06d-%03d,0012\r\n" % (number, i) for i in range(100))

        rows = read_rows(Source(pieces()), fields=FIELDS, required={"code"})
        next(rows)
        tracemalloc.start()
        try:
            count = sum(1 for _ in rows)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count == 39_999
        assert peak_bytes < 200_000

    def test_stops_an_endless_line_before_it_fills_the_memory(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"code\n"
            while True:
                yield b"x" * 10_000

        with pytest.raises(FileProblem, match="longer than 64 kB"):
            list(read_rows(Source(pieces()), fields=FIELDS, required={"code"}))

    cell = st.text(
        st.characters(
            exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], exclude_characters="\ufffd"
        ),
        min_size=1,
        max_size=8,
    )

    @given(
        st.lists(st.tuples(cell, cell), max_size=5),
        st.sampled_from([",", ";", "\t"]),
        st.sampled_from(["\n", "\r\n", "\r"]),
        st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        st.integers(1, 7),
    )
    def test_reads_back_what_a_writer_wrote_however_it_comes_in(
        self,
        written: list[tuple[str, str]],
        delimiter: str,
        line_end: str,
        encoding: str,
        piece_bytes: int,
    ) -> None:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end)
        writer.writerows([FIELDS, *written])
        raw = text.getvalue().encode(encoding)
        first, rest = raw[:4], raw[4:]
        pieces = [rest[i : i + piece_bytes] for i in range(0, len(rest), piece_bytes)]
        rows = read_rows(Source(iter([first, *pieces])), fields=FIELDS, required={"code"})
        assert [tuple(row.cells.values()) for row in rows if isinstance(row, Row)] == written

    @given(st.binary(max_size=60).map(lambda raw: b"code,pin\n" + raw))
    def test_reads_or_refuses_whatever_bytes_come(self, content: bytes) -> None:
        try:
            rows = read(content)
        except FileProblem:
            return
        lines = [row.line for row in rows]
        assert lines == sorted(set(lines))


class TestReadHeader:
    def test_gives_the_names_as_they_are_written(self) -> None:
        assert read_header(io.BytesIO(b"\n Gift Code ;PIN\nA1;1")) == Header(
            ("Gift Code", "PIN"), ";", 2
        )

    def test_refuses_what_is_no_text(self) -> None:
        with pytest.raises(FileProblem, match="Line 1 is not text"):
            read_header(io.BytesIO(b"\x00\x01"))


class TestIsSpreadsheetNumber:
    @pytest.mark.parametrize("text", ["1.23E+15", "1,23e+15", "6E+11", "12.0E+2"])
    def test_knows_a_mangled_number(self, text: str) -> None:
        assert is_spreadsheet_number(text)

    @pytest.mark.parametrize(
        "text", ["12E45", "1234567890123456", "E+15", "1.23E+15X", "A1E+5", ""]
    )
    def test_leaves_codes_alone(self, text: str) -> None:
        assert not is_spreadsheet_number(text)
