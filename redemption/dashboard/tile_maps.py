"""A map of the US on which each state is a tile of the same size: small ones are seen as well."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Final

from redemption.selectors.us_states import NAMES, TILES

_SIZE: Final = 44
_GAP: Final = 4
_SHADES: Final = 4


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A state; ``shade`` is 0 of none, then 1 to 4, each of a quarter of the largest."""

    code: str
    name: str
    x: int
    y: int
    middle: int
    count: int
    words: str
    shade: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TileMap:
    """All states, with the steps that the shades stand for."""

    width: int
    height: int
    size: int
    tiles: tuple[Tile, ...]
    steps: tuple[tuple[int, str], ...]


def draw_tiles(counts: Mapping[str, int]) -> TileMap:
    """Place a tile for each state, those without a count as well."""
    largest = max(counts.values())
    tiles = []
    for code, (column, row) in TILES.items():
        count, x = counts.get(code, 0), column * (_SIZE + _GAP)
        tiles.append(
            Tile(
                code=code,
                name=NAMES[code],
                x=x,
                y=row * (_SIZE + _GAP),
                middle=x + _SIZE // 2,
                count=count,
                words=_short(count) if count else "",
                shade=math.ceil(count * _SHADES / largest),
            )
        )
    ends = [largest * shade // _SHADES for shade in range(1, _SHADES + 1)]
    return TileMap(
        width=11 * (_SIZE + _GAP) - _GAP,
        height=8 * (_SIZE + _GAP) - _GAP,
        size=_SIZE,
        tiles=tuple(tiles),
        steps=tuple((shade, f"{end:,}") for shade, end in enumerate(ends, start=1)),
    )


def _short(count: int) -> str:
    """Print a count in four characters: ``"950"``, ``"1.2k"``, ``"31k"``."""
    if count < 1000:
        return str(count)
    return f"{count / 1000:.1f}k" if count < 9950 else f"{round(count / 1000)}k"
