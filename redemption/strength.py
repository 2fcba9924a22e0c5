"""How hard the codes of a campaign are to guess."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from typing import Final

from redemption.codes import ALPHABET, has_valid_check_symbol

# Below this, a campaign demands a second factor. Whoever has a thousand addresses, each with 20
# failures a day, hits one of a million codes in 140 years at 50 bits, but in 50 days at 40.
ENOUGH_ENTROPY_BITS: Final = 50

_DIGITS: Final = frozenset("0123456789")
_HEXADECIMAL: Final = _DIGITS | frozenset("ABCDEF")
# Normalised codes have no I, L and O.
_LETTERS: Final = frozenset("ABCDEFGHJKMNPQRSTUVWXYZ")
# From the smallest to the largest.
_ALPHABETS: Final = (_DIGITS, _HEXADECIMAL, _LETTERS, frozenset(ALPHABET), _DIGITS | _LETTERS)

# From so many codes on, a symbol that never changes is a prefix and not chance, …
_CODES_TO_SEE_A_CONSTANT: Final = 5
# … and what a position shows is all that it can show.
_CODES_TO_SEE_AN_ALPHABET: Final = 50


@dataclasses.dataclass
class _Shape:
    """The codes of one length."""

    symbols: list[set[str]]
    count: int = 0
    all_checked: bool = True

    def entropy_bits(self) -> float:
        together = set[str]().union(*self.symbols)
        positions = self.symbols
        if self.all_checked:
            # The last symbol follows from the others.
            positions = positions[:-1]
        return sum(self._position_bits(seen, together) for seen in positions)

    def _position_bits(self, seen: set[str], together: set[str]) -> float:
        if self.count >= _CODES_TO_SEE_A_CONSTANT and len(seen) == 1:
            return 0.0
        return _alphabet_bits(seen if self.count >= _CODES_TO_SEE_AN_ALPHABET else together)


def estimate_entropy_bits(normalised_codes: Iterable[str]) -> float:
    """Estimate from codes alone how many bits of chance are in each.

    It counts the positions that vary and the alphabet seen there (digits, hexadecimal, letters,
    both). The more codes, the better; a thousand are plenty. It is an upper bound: numbers in
    sequence look as good as random ones of that many digits, which are weak all the same. Of
    several lengths the weakest counts. 60 for our own codes, 0 for none.
    """
    shapes: dict[int, _Shape] = {}
    for code in normalised_codes:
        shape = shapes.get(len(code))
        if shape is None:
            shape = shapes[len(code)] = _Shape(symbols=[set() for _ in code])
        shape.count += 1
        shape.all_checked = shape.all_checked and has_valid_check_symbol(code)
        for seen, symbol in zip(shape.symbols, code, strict=True):
            seen.add(symbol)
    return min((shape.entropy_bits() for shape in shapes.values()), default=0.0)


def are_guessable(normalised_codes: Iterable[str]) -> bool:
    """Tell whether codes are too weak to stand without a second factor (under 50 bits)."""
    return estimate_entropy_bits(normalised_codes) < ENOUGH_ENTROPY_BITS


def _alphabet_bits(seen: set[str]) -> float:
    sizes = (len(alphabet) for alphabet in _ALPHABETS if seen <= alphabet)
    return math.log2(next(sizes, len(seen)))
