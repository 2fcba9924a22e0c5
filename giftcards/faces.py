"""How gift cards look on the pages of those who are given them."""

import re
from typing import Final

_TONES: Final = 6
_GROUP: Final = re.compile(r"[^\s-]+[\s-]*")
_PLAIN_GROUP: Final = 4


def tone_of(brand: str) -> int:
    """Return the colour, 1 to 6, that the cards of the brand with this name have everywhere."""
    return sum(brand.encode()) % _TONES + 1


def group_code(code: str) -> tuple[str, ...]:
    """Cut a card's code in groups to be read out, spaces and dashes kept.

    One that comes without separators is cut in fours.
    """
    groups = _GROUP.findall(code)
    if len(groups) > 1:
        return tuple(groups)
    return tuple(code[at : at + _PLAIN_GROUP] for at in range(0, len(code), _PLAIN_GROUP))


def list_steps(instructions: str) -> tuple[str, ...]:
    """Return a brand's instructions line by line, empty lines left out."""
    return tuple(line.strip() for line in instructions.splitlines() if line.strip())
