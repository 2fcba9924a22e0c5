"""Taking out of a text what nobody should be able to bring into it.

Note [Names]
A person's name is the only part of a message that a stranger may have written: by a form, a CRM,
a file of recipients. So a name is on one line, has at most ``NAME_LENGTH`` characters, no tower of
accents and no address: phones and mail programs make a link of ``evil.example`` wherever it stands,
and under a company's name people trust it. An address is taken apart rather than the name
refused, because the reward has to arrive: ``https://evil.example/win`` becomes
``evil. example/win``, which nothing can be tapped of, and "J.R. Smith" stays as it is.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

NAME_LENGTH: Final = 40
_MARKS_ON_A_LETTER: Final = 4

# Control characters but the line feed, halves of surrogate pairs, and what is unseen but counted:
# soft hyphens, zero-width spaces, fillers, byte order marks. The zero-width joiner stays, for it
# holds emoji together, and so does the non-joiner, which Persian is written with.
_UNWANTED = (
    "\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b"
    "\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
)
# They turn the reading direction, so that a name could make another address of a link. They are
# removed and not isolated: isolating marks are counted, and older phones print them as boxes.
_BIDI_CONTROLS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# Unseen letters, which only the flags of a few countries are made with.
_TAG_LETTERS = "(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
_REMOVED: Final = re.compile(f"[{_UNWANTED}{_BIDI_CONTROLS}]|{_TAG_LETTERS}")
_LINE_END: Final = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]{0,30}:[/\\]+", re.IGNORECASE)
# A dot, also one of those that addresses may be written with, amid what could be an address.
_INNER_DOT: Final = re.compile(r"([.。．｡])(?=[^\s.\-'’][^\s.]|\d)")
_BLANKS: Final = re.compile(r"\s+")
_LINES: Final = re.compile(r"[\t\n]+")


def clean_text(text: str) -> str:
    """Return a text with plain line ends, without control characters and direction marks.

    Letters and their accents are put together: ``é`` as one character is in GSM-7, as two it
    makes a text cost double.
    """
    plain = _REMOVED.sub("", _LINE_END.sub("\n", text).replace("\t", " "))
    return unicodedata.normalize("NFC", plain)


def clean_line(text: str) -> str:
    """Return a cleaned text on one line."""
    return clean_text(_LINES.sub(" ", _LINE_END.sub("\n", text)))


def clean_name(text: str) -> str:
    """Return a person's name as a message may show it; empty when nothing of it is left.

    Note [Names].
    """
    # Whatever is unseen goes first, else it could keep an address together.
    name = _limit_marks(_BLANKS.sub(" ", clean_text(text)))
    name = _INNER_DOT.sub(r"\1 ", _SCHEME.sub("", name))
    return _BLANKS.sub(" ", name).strip()[:NAME_LENGTH].strip(" \u200c\u200d")


def _limit_marks(text: str) -> str:
    """Leave at most a few accents on each letter: more of them run over the lines around."""
    kept: list[str] = []
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _MARKS_ON_A_LETTER:
            kept.append(character)
    return "".join(kept)
