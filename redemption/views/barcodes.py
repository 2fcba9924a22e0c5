"""A card's code as something to scan from a screen, drawn as SVG from the code alone.

Both kinds have the white margin that a reader needs, on white also where the page is dark.
"""

from __future__ import annotations

import dataclasses
from itertools import accumulate, pairwise
from typing import Final

import segno
from django.utils.safestring import SafeString, mark_safe
from reportlab.graphics.barcode.code128 import Code128Auto

from giftcards.models import Brand

_QUIET: Final = 10
_BAR_HEIGHT: Final = 50
# Longer ones have bars too thin for a phone's screen; a square holds them easily.
_LONGEST: Final = 30


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scannable:
    """What a till can scan: kind ``"qr"``, ``"code128"`` or ``""`` for nothing."""

    kind: str = ""
    svg: SafeString | str = dataclasses.field(default="", repr=False)


def draw_scannable(code: str, *, kind: str) -> Scannable:
    """Draw a card's code as its brand's tills read it.

    :param kind: the brand's setting; a code that no barcode holds becomes a QR code.
    """
    if not code or kind == Brand.Scannable.NONE:
        return Scannable()
    if kind == Brand.Scannable.CODE_128 and len(code) <= _LONGEST and code.isascii():
        return Scannable(kind="code128", svg=_code_128(code))
    return Scannable(kind="qr", svg=_qr(code))


def bar_widths(code: str) -> list[int]:
    """Return the widths of Code 128's bars and gaps in turn, in modules; the first is a bar."""
    drawn = Code128Auto(code, quiet=False)
    drawn.validate()
    drawn.encode()
    drawn.decompose()
    return [ord(width.lower()) - ord("a") + 1 for width in drawn.decomposed]


def _code_128(code: str) -> SafeString:
    edges = list(accumulate(bar_widths(code), initial=_QUIET))
    bars = "".join(
        f"M{left} 0h{right - left}v{_BAR_HEIGHT}h-{right - left}z"
        for left, right in list(pairwise(edges))[::2]
    )
    # Numbers alone, whatever the code was.
    return mark_safe(  # noqa: S308
        f'<svg viewBox="0 0 {edges[-1] + _QUIET} {_BAR_HEIGHT}" class="bars"'
        f' preserveAspectRatio="none"><path d="{bars}"/></svg>'
    )


def _qr(code: str) -> SafeString:
    # Drawn by a library from the code alone, with no markup of its own.
    svg = segno.make(code, micro=False).svg_inline(scale=4, border=4, omitsize=True)
    return mark_safe(svg)  # noqa: S308
