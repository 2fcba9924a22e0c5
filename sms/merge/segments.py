"""What a text costs: the alphabets of 3GPP TS 23.038 and the messages it is cut into."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

_GSM_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
GSM: Final = _GSM_BASIC | _GSM_EXTENSION


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


def count_segments(text: str) -> Segments:
    """Count the messages that ``text`` is sent as.

    A single GSM-7 message holds 160 characters, each of several 153; in UCS-2 it is 70 and 67.
    What counts as two is never cut in the middle, so a message may end one short.
    """
    costly = "".join(dict.fromkeys(c for c in text if c not in GSM))
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
