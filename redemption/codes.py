"""Redemption codes: made, read as people type them, and checked for typos.

A generated code is 12 symbols of Crockford's base 32 (60 bits, no I, L, O, U) and a check symbol
of the same alphabet, printed ``4-4-5``.

Note [Check symbol]
    Symbols are numbers of the field GF(32), with 2 as a primitive element and
    x^5 + x^2 + 1 as the reducing polynomial. A code is right when
    ``s1*2^12 + s2*2^11 + … + s13*2^0 = 0``: a Reed-Solomon code with one check symbol, or Damm's
    algorithm over the quasigroup ``a∘b = 2a + b``. Since the thirteen weights are all different
    and none is 0, it finds

    - every wrong symbol,
    - every exchange of two different symbols, neighbours or not,
    - every twin error, neighbours (``aa`` for ``bb``) or not (``aca`` for ``bcb``),

    and 31 of 32 of all else. A weighted sum modulo 37, as Crockford's own, finds as much but
    needs five more symbols that nobody can read out on the phone. ``static/js/code-check.js``
    does the same in the page.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from typing import Final

# What a test code is exchanged for: it looks like a card's code and is worth nothing.
TEST_CARD_CODE: Final = "TEST-0000-0000-0000"

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
REDUCING_POLYNOMIAL: Final = 0b100101
CODE_SYMBOLS: Final = 13
SHORTEST_IMPORTED: Final = 4
LONGEST_IMPORTED: Final = 64

_VALUES: Final = {symbol: value for value, symbol in enumerate(ALPHABET)}
_DOUBLED: Final = tuple(
    value << 1 if value < 16 else value << 1 ^ REDUCING_POLYNOMIAL for value in range(32)
)
_GENERATED: Final = re.compile(rf"[{ALPHABET}]{{{CODE_SYMBOLS}}}")
_WELL_FORMED: Final = re.compile(rf"[0-9A-Z]{{{SHORTEST_IMPORTED},{LONGEST_IMPORTED}}}")
# Every byte stands for one of 32 symbols equally often, because 256 is a multiple of 32.
_SYMBOL_OF_BYTE: Final = bytes(ord(ALPHABET[byte % 32]) for byte in range(256))

_LONGEST_TEXT: Final = 256
# What people and mail programs put between symbols: space, dash, and invisible characters.
_DROPPED_CATEGORIES: Final = frozenset({"Zs", "Zl", "Zp", "Pd", "Cf"})
_FOLDED: Final = str.maketrans("OIL", "011", "-−\t\n\v\f\r ")


class CodeFormatError(ValueError):
    """A code from another system can't be taken; the message is a sentence that says why."""


def generate_code() -> str:
    """Return a new code, normalised, with 60 random bits; ``format_code`` prints it."""
    symbols = secrets.token_bytes(CODE_SYMBOLS - 1).translate(_SYMBOL_OF_BYTE).decode()
    return symbols + check_symbol(symbols)


def normalise_code(text: str) -> str:
    """Bring what was typed, pasted or scanned into the one spelling that is stored and looked up.

    Upper case, O read as 0, I and L as 1; without spaces, dashes of any kind and invisible
    characters. Imported codes are folded in the same way, so that there is one way to look up.
    Never refuses: what is no code finds none. Text over 256 characters gives ``""``.
    """
    if len(text) > _LONGEST_TEXT:
        return ""
    if not text.isascii():
        compatible = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in compatible if unicodedata.category(c) not in _DROPPED_CATEGORIES)
    return text.upper().translate(_FOLDED)


def format_code(normalised: str) -> str:
    """Print a code for people: a generated one grouped 4-4-5, any other as it is."""
    if not looks_generated(normalised):
        return normalised
    return f"{normalised[:4]}-{normalised[4:8]}-{normalised[8:]}"


def check_symbol(symbols: str) -> str:
    """Return the symbol that makes ``symbols`` of the alphabet right (see Note [Check symbol])."""
    return ALPHABET[_DOUBLED[_remainder(symbols)]]


def has_valid_check_symbol(normalised: str) -> bool:
    """Tell whether a code that looks generated is free of typos; False for any other shape."""
    return looks_generated(normalised) and _remainder(normalised) == 0


def looks_generated(normalised: str) -> bool:
    """Tell whether a code has the shape of ours; a code from another system may have it too."""
    return _GENERATED.fullmatch(normalised) is not None


def is_well_formed(normalised: str) -> bool:
    """Tell whether it can be a code at all: 4 to 64 letters and digits."""
    return _WELL_FORMED.fullmatch(normalised) is not None


def parse_imported_code(text: str) -> str:
    """Normalise a code that another system made.

    :raises CodeFormatError: it has other characters than letters, digits, dashes and spaces, or
        is not 4 to 64 characters long.
    """
    normalised = normalise_code(text)
    if is_well_formed(normalised):
        return normalised
    if len(text) > _LONGEST_TEXT or len(normalised) > LONGEST_IMPORTED:
        raise CodeFormatError(f"A code has at most {LONGEST_IMPORTED} letters and digits.")
    if len(normalised) < SHORTEST_IMPORTED:
        raise CodeFormatError(f"A code has at least {SHORTEST_IMPORTED} letters and digits.")
    raise CodeFormatError("A code has only letters A to Z, digits and dashes.")


def find_collisions(codes: Iterable[str]) -> dict[str, list[str]]:
    """Return the codes that are written differently but are one when looked up.

    :returns: the normalised code and its spellings, in the order given (``AB01`` for ``AB-01``
        and ``ABO1``). A code that comes twice in the same spelling is no collision of spelling.
    """
    spellings: dict[str, dict[str, None]] = {}
    for code in codes:
        spellings.setdefault(normalise_code(code), {})[code] = None
    return {code: list(written) for code, written in spellings.items() if len(written) > 1}


def _remainder(symbols: str) -> int:
    remainder = 0
    for symbol in symbols:
        remainder = _DOUBLED[remainder] ^ _VALUES[symbol]
    return remainder
