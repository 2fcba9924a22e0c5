"""The same words in cheaper characters: what word processors put in, and what GSM-7 lacks."""

from __future__ import annotations

import dataclasses
import unicodedata
from typing import Final

from sms.merge.segments import GSM

_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′´`ʼ", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‹", "<"),
        **dict.fromkeys("›", ">"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009", " "),
        **dict.fromkeys("\u200a\u202f\u205f\u3000", " "),
        **dict.fromkeys("•·▪", "*"),
        "…": "...",
        "×": "x",
        "⁄": "/",
        "™": "(TM)",
        "®": "(R)",
        "©": "(C)",
        "ﬁ": "fi",
        "ﬂ": "fl",
    }
)


@dataclasses.dataclass(frozen=True, slots=True)
class PlainWords:
    """A character as people call it, and what could stand in its place, if anything."""

    character: str
    name: str
    instead: str


def make_plain(text: str) -> str:
    """Return a text with plain quotes, dashes, spaces and dots in place of typographic ones."""
    return text.translate(_PLAIN)


def drop_accents(text: str) -> str:
    """Return a text without the accents that GSM-7 lacks: ``á`` becomes ``a``, ``é`` stays."""
    return "".join(c if c in GSM else _without_accent(c) for c in text)


def describe_character(character: str) -> PlainWords:
    """Name a character that makes a text cost more."""
    instead = make_plain(character)
    if instead == character:
        instead = _without_accent(character)
    name = unicodedata.name(character, "").lower() or f"U+{ord(character):04X}"
    return PlainWords(character, name, "" if instead == character else instead)


def _without_accent(character: str) -> str:
    bare = unicodedata.normalize("NFD", character)[0]
    return bare if bare in GSM else character
