"""How much of everything against everything a run asks.

All addresses read bodies, headers and parameters with the same code, so a run tries each kind of
nonsense at a third of them, another third for the next kind: every address meets many kinds, and
every kind many addresses. ``make schema-test`` (``API_MATRIX=full``) tries each at each.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final, TypeVar

Row = TypeVar("Row")

IS_FULL: Final = os.environ.get("API_MATRIX") == "full"
_SHARES: Final = 3


def share(rows: Sequence[Row], number: int) -> Sequence[Row]:
    """Return those of the rows that meet the kind with this number."""
    return rows if IS_FULL else rows[number % _SHARES :: _SHARES]
