"""What a brand's card codes look like, in the notation that operators type.

``X`` is a letter or a digit, ``A`` a letter, ``9`` a digit, and anything else is itself; a
backslash makes the next symbol itself too, so that ``\\AMZN-XXXX`` begins with AMZN. Each symbol
stands for exactly one of the code: there is nothing to repeat and nothing to try twice, so that
no pattern can make an import hang. An empty pattern takes 8 to 40 letters, digits and dashes.
Letters and digits are those of ASCII, in either case.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator
from typing import Final

LONGEST_PATTERN: Final = 80
# What tells two codes apart: the rest (dashes, spaces) is ignored when a code is looked up.
FEWEST_SYMBOLS: Final = 4

_CLASSES: Final = {"X": "[A-Za-z0-9]", "A": "[A-Za-z]", "9": "[0-9]"}
_DRAWN: Final = {
    "X": string.ascii_uppercase + string.digits,
    "A": string.ascii_uppercase,
    "9": string.digits,
}
# How a code is made where the brand does not say what its own look like.
_MADE_LIKE: Final = "XXXX-XXXX-XXXX-XXXX"
_MEANINGS: Final = {"X": "a letter or digit", "A": "a letter", "9": "a digit"}
_ESCAPE: Final = "\\"
# A dash and a symbol can't be taken for each other, so looking ahead costs one step a character.
_ANY_CODE: Final = re.compile(rf"(?=(?:-*[A-Za-z0-9]){{{FEWEST_SYMBOLS}}})[A-Za-z0-9-]{{8,40}}")


class PatternError(ValueError):
    """A pattern can't be used; the message is a sentence for who wrote it."""


class CodePattern:
    """A brand's pattern, ready to be held against codes; ``str`` says it in words.

    :raises PatternError: it is too long, its last backslash stands before nothing, or it has
        fewer than four letters and digits to tell codes apart by.
    """

    def __init__(self, pattern: str) -> None:
        if len(pattern) > LONGEST_PATTERN:
            raise PatternError(f"A pattern has at most {LONGEST_PATTERN} symbols.")
        symbols = list(_read(pattern))
        if pattern and sum(s.isalnum() for _, s in symbols) < FEWEST_SYMBOLS:
            raise PatternError(f"A pattern has at least {FEWEST_SYMBOLS} letters or digits.")
        self._words = _say(symbols)
        self._symbols = symbols or [(is_class, s) for is_class, s in _read(_MADE_LIKE)]
        # A class or a character for each symbol and no repetition: one step a character.
        expression = "".join(
            _CLASSES[symbol] if is_class else re.escape(symbol) for is_class, symbol in symbols
        )
        self._expression = re.compile(expression) if pattern else _ANY_CODE

    def __str__(self) -> str:
        return self._words

    def matches(self, code: str) -> bool:
        """Tell whether the whole code looks as the pattern says."""
        return self._expression.fullmatch(code) is not None

    def make_code(self) -> str:
        """Return a code by chance that looks as the pattern says."""
        return "".join(
            secrets.choice(_DRAWN[symbol]) if is_class else symbol
            for is_class, symbol in self._symbols
        )


def _read(pattern: str) -> Iterator[tuple[bool, str]]:
    """Yield each symbol with whether it stands for a class of characters."""
    symbols = iter(pattern)
    for symbol in symbols:
        if symbol != _ESCAPE:
            yield symbol in _CLASSES, symbol
            continue
        escaped = next(symbols, None)
        if escaped is None:
            raise PatternError("The backslash at the end stands before nothing.")
        yield False, escaped


def _say(symbols: list[tuple[bool, str]]) -> str:
    if not symbols:
        return "8 to 40 letters, digits and dashes"
    used = dict.fromkeys(symbol for is_class, symbol in symbols if is_class)
    legend = ", ".join(f"{symbol} {_MEANINGS[symbol]}" for symbol in used)
    written = "".join(symbol for _, symbol in symbols)
    return f"{written} ({legend})" if legend else written
