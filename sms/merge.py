"""Merge tags in the texts we send, and what such a text costs.

A template is data: its tags are replaced in one pass and nothing in it is ever evaluated.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Final, Literal

TAGS: Final = (
    "first_name", "last_name", "amount", "brand", "code", "pin", "redemption_url",
    "expiration_date", "reveal_link", "opt_in_link", "support_phone", "company",
)  # fmt: skip

_TAG: Final = re.compile(r"\{\{[ \t]*(?P<name>[a-z_]+)[ \t]*\}\}")
# Whatever a person may have meant as a tag.
_LIKE_A_TAG: Final = re.compile(r"\{\{(?P<inside>[^{}]*)\}\}|\{\{|\}\}")

# Control characters but the line feed, halves of surrogate pairs, and what is unseen but counted:
# zero-width spaces, byte order marks. The zero-width joiner stays: it holds emoji together.
_UNWANTED = "\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200b\u2060\ufeff\ufff9-\ufffb"
# They turn the reading direction, so that a name could make another address of a link.
_BIDI_CONTROLS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_REMOVED: Final = re.compile(f"[{_UNWANTED}{_BIDI_CONTROLS}]")
_LINE_END: Final = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_BLANK: Final = re.compile(r"[\t\n]+")

_GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
_GSM: Final = _GSM_BASIC | _GSM_EXTENSION


@dataclasses.dataclass(frozen=True)
class Segments:
    """What a text costs.

    :param characters: as the network counts them: ``€`` is 2 in GSM-7, most emoji 2 in UCS-2.
    :param segments: how many messages are paid; 0 for an empty text.
    :param costly: the characters that GSM-7 lacks, each once: without them it would be cheaper.
    """

    encoding: Literal["GSM-7", "UCS-2"]
    characters: int
    segments: int
    costly: str = ""


def check_template(body: str) -> list[str]:
    """Return a sentence for each thing wrong with a template; none when it can be saved."""
    if not body.strip():
        return ["Write the text of the message."]
    problems = []
    for match in _LIKE_A_TAG.finditer(body):
        known = _TAG.fullmatch(match[0])
        if match["inside"] is None:
            problems.append("Here is half a tag. Write it with two braces: {{first_name}}.")
        elif known is None or known["name"] not in TAGS:
            problems.append(f"{match[0]} is no tag. Choose from: {', '.join(TAGS)}.")
    return list(dict.fromkeys(problems))


def merge_tags(body: str, values: Mapping[str, str]) -> str:
    """Put ``values`` in place of the tags of ``body``.

    A known tag without a value leaves nothing; an unknown one stays as it is written. A value
    goes in as it is, on one line: tags in it stay text. Control characters and marks that turn
    the reading direction are removed.
    """

    def replace(match: re.Match[str]) -> str:
        if match["name"] not in TAGS:
            return match[0]
        return _BLANK.sub(" ", _LINE_END.sub("\n", values.get(match["name"], "")))

    # Everything else is cleaned at the end, when nothing can join up any more to a tag.
    return clean_text(_TAG.sub(replace, _LINE_END.sub("\n", body)))


def clean_text(text: str) -> str:
    """Return a text with plain line ends, without control characters and direction marks."""
    return _REMOVED.sub("", _LINE_END.sub("\n", text).replace("\t", " "))


def count_segments(text: str) -> Segments:
    """Count the messages that ``text`` is sent as.

    A single GSM-7 message holds 160 characters, each of several 153; in UCS-2 it is 70 and 67.
    What counts as two is never cut in the middle, so a message may end one short.
    """
    costly = "".join(dict.fromkeys(c for c in text if c not in _GSM))
    if costly:
        widths = [2 if character > "\uffff" else 1 for character in text]
        return Segments("UCS-2", sum(widths), _pack(widths, single=70, each=67), costly)
    widths = [2 if character in _GSM_EXTENSION else 1 for character in text]
    return Segments("GSM-7", sum(widths), _pack(widths, single=160, each=153))


def _pack(widths: list[int], *, single: int, each: int) -> int:
    if sum(widths) <= single:
        return min(len(widths), 1)
    segments, room = 0, 0
    for width in widths:
        if width > room:
            segments, room = segments + 1, each
        room -= width
    return segments
