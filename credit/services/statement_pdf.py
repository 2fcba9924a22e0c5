"""Statements as printable documents: PDF, drawn page by page so that length costs no memory."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, ClassVar, Final

from django.conf import settings
from django.utils.translation import get_language, gettext, gettext_noop
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4, letter
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.money import display_amount
from credit.selectors.statements import Statement, StatementLine

MAX_LINES: Final = 20_000

# DejaVu has the letters of every Latin alphabet, Greek and Cyrillic; PDF's own fonts have not.
_FONT_FOLDER: Final = Path(__file__).parents[1] / "fonts"
_REGULAR: Final = "DejaVuSansCondensed"
_BOLD: Final = "DejaVuSansCondensed-Bold"

# Where people print on letter paper; everybody else has A4.
_LETTER_CURRENCIES: Final = frozenset({"USD", "CAD", "MXN"})
_MARGIN: Final = 48
_FOOT: Final = 60
_LEADING: Final = 10.5
_MOST_NOTE_LINES: Final = 3
_INK: Final = HexColor(0x1B2421)
_FAINT: Final = HexColor(0x5C6B66)
_RULE: Final = HexColor(0xD3DCD8)
_ACCENT: Final = HexColor(0x0F5C4C)

_KIND_WORDS: Final = {
    "issue": gettext_noop("Issue"),
    "allocation": gettext_noop("Allocation"),
    "redemption": gettext_noop("Redemption"),
    "refund": gettext_noop("Refund"),
    "hold": gettext_noop("Hold"),
    "release": gettext_noop("Release"),
    "capture": gettext_noop("Capture"),
    "card_sale": gettext_noop("Card sale"),
    "adjustment": gettext_noop("Adjustment"),
}


@dataclasses.dataclass(eq=False, kw_only=True)
class StatementTooLongError(ServiceError):
    """The period has more entries than a document to be printed should have."""

    code: ClassVar = ErrorCode.TOO_LARGE


@dataclasses.dataclass(frozen=True, slots=True)
class _Column:
    title: str
    left: float
    right: float
    is_amount: bool = False


def write_pdf(
    statement: Statement, file: IO[bytes], *, now: datetime, is_compressed: bool = True
) -> None:
    """Draw a statement, in the active language.

    :param now: printed as the time the document was made.
    :raises StatementTooLongError: it has more than ``MAX_LINES`` entries (GC-116).
    """
    if statement.line_count > MAX_LINES:
        reason = (
            f"A PDF has at most {MAX_LINES:,} entries; this period has {statement.line_count:,}."
        )
        raise StatementTooLongError(errors={"as": [f"{reason} Choose CSV or fewer days."]})
    _Document(statement, file, now=now, is_compressed=is_compressed).draw()


class _Document:
    """One statement on its way onto paper; ``y`` is how far down the page it is."""

    def __init__(
        self, statement: Statement, file: IO[bytes], *, now: datetime, is_compressed: bool
    ) -> None:
        _register_fonts()
        self.statement = statement
        self.now = now
        self.width, self.height = letter if statement.currency in _LETTER_CURRENCIES else A4
        self.canvas = Canvas(
            file,
            pagesize=(self.width, self.height),
            pageCompression=int(is_compressed),
            lang=get_language(),
        )
        self.canvas.setTitle(f"{gettext('Statement')} {_period(statement)}")
        self.canvas.setSubject(_printable(statement.account_name))
        self.canvas.setAuthor(_printable(settings.COMPANY_NAME))
        self.page = 1
        self.y = self.height - _MARGIN
        right = self.width - _MARGIN
        self.columns = (
            _Column(gettext("No."), _MARGIN, _MARGIN + 38),
            _Column(gettext("Date (UTC)"), _MARGIN + 40, _MARGIN + 116),
            _Column(gettext("Kind"), _MARGIN + 120, _MARGIN + 176),
            _Column(gettext("Details"), _MARGIN + 180, right - 176),
            _Column(gettext("Amount"), right - 170, right - 88, is_amount=True),
            _Column(gettext("Balance"), right - 82, right, is_amount=True),
        )

    def draw(self) -> None:
        self._draw_head()
        self._draw_summary()
        self._draw_table_head()
        self._draw_balance(gettext("Opening balance"), self.statement.opening_minor)
        for line in self.statement.lines:
            self._draw_line(line)
        self._draw_balance(gettext("Closing balance"), self.statement.closing_minor)
        self._end_page()
        # Known only now, and used by every page's foot: PDF lets it be said afterwards.
        self.canvas.beginForm("page_count", 0, -4, 40, 12)
        self.canvas.setFont(_REGULAR, 7.5)
        self.canvas.setFillColor(_FAINT)
        self.canvas.drawString(0, 0, str(self.page))
        self.canvas.endForm()
        self.canvas.save()

    def _draw_head(self) -> None:
        self._text(_MARGIN, settings.COMPANY_NAME, size=11, font=_BOLD, colour=_ACCENT)
        made = f"{gettext('Made')} {_minute(self.now)} UTC"
        self._text(self.width - _MARGIN, made, size=7.5, colour=_FAINT, is_right=True)
        self.y -= 30
        self._text(_MARGIN, gettext("Statement"), size=19, font=_BOLD)
        self.y -= 20
        for line in self._wrap(self.statement.account_name, 11, self.width - 2 * _MARGIN)[:2]:
            self._text(_MARGIN, line, size=11)
            self.y -= 14
        account = f"{gettext('Account')} {self.statement.account_id}"
        self._text(_MARGIN, f"{_period(self.statement)}  ·  {account}", size=8, colour=_FAINT)
        self.y -= 24

    def _draw_summary(self) -> None:
        statement = self.statement
        sums = (
            (gettext("Opening balance"), statement.opening_minor),
            (gettext("In"), statement.in_minor),
            (gettext("Out"), statement.out_minor),
            (gettext("Closing balance"), statement.closing_minor),
        )
        each = (self.width - 2 * _MARGIN) / len(sums)
        for place, (title, amount_minor) in enumerate(sums):
            left = _MARGIN + place * each
            self._text(left, title, size=7.5, colour=_FAINT)
            self.y -= 14
            self._text(left, self._amount(amount_minor), size=11.5, font=_BOLD, most=each - 8)
            self.y += 14
        self.y -= 36

    def _draw_table_head(self) -> None:
        for column in self.columns:
            title = f"{column.title} ({self.statement.currency})" if column.is_amount else None
            self._cell(column, title or column.title, font=_BOLD, colour=_FAINT, size=7.5)
        self.y -= 5
        self._rule(_FAINT)
        self.y -= 13

    def _draw_balance(self, title: str, amount_minor: int) -> None:
        self._make_room(_LEADING * 2)
        self._text(self.columns[3].left, title, size=8, font=_BOLD)
        self._cell(self.columns[5], self._amount(amount_minor), font=_BOLD)
        self._end_row(_LEADING)

    def _draw_line(self, line: StatementLine) -> None:
        number, date, kind, details, amount, balance = self.columns
        room = details.right - details.left
        note = self._wrap(line.note, 8, room)
        if len(note) > _MOST_NOTE_LINES:
            note = [*note[: _MOST_NOTE_LINES - 1], f"{note[_MOST_NOTE_LINES - 1]} …"]
        height = _LEADING * (len(note) + 1)
        self._make_room(height + 6)
        self._cell(number, str(line.number), colour=_FAINT)
        self._cell(date, _minute(line.at))
        self._cell(kind, gettext(_KIND_WORDS.get(line.kind, line.kind)))
        self._cell(amount, self._amount(line.amount_minor))
        self._cell(balance, self._amount(line.balance_after_minor))
        for text in note:
            self._cell(details, text)
            self.y -= _LEADING
        self._cell(details, line.reference, size=6.5, colour=_FAINT)
        self._end_row(_LEADING)

    def _end_row(self, height: float) -> None:
        self.y -= height - 6
        self._rule(_RULE)
        self.y -= 11

    def _make_room(self, height: float) -> None:
        if self.y - height < _FOOT:
            self._end_page()
            self.page += 1
            self.y = self.height - _MARGIN
            name = f"{self.statement.account_name}  ·  {_period(self.statement)}"
            self._text(_MARGIN, name, size=8, colour=_FAINT, most=self.width - 2 * _MARGIN)
            self.y -= 20
            self._draw_table_head()

    def _end_page(self) -> None:
        self.y = 36
        right = self.width - _MARGIN - 20
        self._text(_MARGIN, settings.COMPANY_NAME, size=7.5, colour=_FAINT)
        # Translators: followed by the number of pages.
        counted = gettext("Page %(number)s of") % {"number": self.page}
        self._text(right, counted, size=7.5, colour=_FAINT, is_right=True)
        self.canvas.saveState()
        self.canvas.translate(right + 3, self.y)
        self.canvas.doForm("page_count")
        self.canvas.restoreState()
        self.canvas.showPage()

    def _amount(self, amount_minor: int) -> str:
        return display_amount(amount_minor, self.statement.currency)

    def _wrap(self, text: str, size: float, room: float) -> Sequence[str]:
        lines: list[str] = simpleSplit(_printable(text), _REGULAR, size, room) if text else []
        return lines

    def _cell(
        self,
        column: _Column,
        text: str,
        *,
        size: float = 8,
        font: str = _REGULAR,
        colour: Color = _INK,
    ) -> None:
        self._text(
            column.right if column.is_amount else column.left,
            text,
            size=size,
            font=font,
            colour=colour,
            is_right=column.is_amount,
            most=column.right - column.left,
        )

    def _text(
        self,
        x: float,
        text: str,
        *,
        size: float,
        font: str = _REGULAR,
        colour: Color = _INK,
        is_right: bool = False,
        most: float | None = None,
    ) -> None:
        shown = _printable(text)
        if most is not None:
            # Smaller rather than cut: half an amount or half a reference is worse than none.
            taken = pdfmetrics.stringWidth(shown, font, size)
            size = min(size, size * most / taken) if taken else size
        self.canvas.setFont(font, size)
        self.canvas.setFillColor(colour)
        (self.canvas.drawRightString if is_right else self.canvas.drawString)(x, self.y, shown)

    def _rule(self, colour: Color) -> None:
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(0.4)
        self.canvas.line(_MARGIN, self.y, self.width - _MARGIN, self.y)


@functools.cache
def _register_fonts() -> frozenset[int]:
    """Load the fonts, once a process; return the characters that both have."""
    fonts = [TTFont(name, _FONT_FOLDER / f"{name}.ttf") for name in (_REGULAR, _BOLD)]
    for font in fonts:
        pdfmetrics.registerFont(font)
    return frozenset.intersection(*(frozenset(font.face.charToGlyph) for font in fonts))


def _printable(text: str) -> str:
    """Return the text on one line, with a mark for each character that the fonts lack."""
    if text.isascii() and text.isprintable():
        return text
    known = _register_fonts()
    spaced = "".join(character if character.isprintable() else " " for character in text)
    return "".join(character if ord(character) in known else "?" for character in spaced)


def _period(statement: Statement) -> str:
    return f"{statement.start.isoformat()} – {statement.end.isoformat()}"


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")
