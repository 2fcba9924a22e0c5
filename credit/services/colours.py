"""A client's colour, made fit to be read: WCAG 2.2 AA in light and in dark.

The colours that it stands on are those of static/css/giftline.css.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Final

Rgb = tuple[int, int, int]

READABLE: Final = 4.5
_HEX: Final = re.compile(r"#[0-9a-f]{6}")
_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)
# What the pages are written on, and how much of the colour is mixed into the soft ground.
_PAPER, _SURFACE = (0xF6, 0xF6, 0xF1), _WHITE
_DARK_PAPER, _DARK_SURFACE, _DARK_INK = (0x0F, 0x17, 0x14), (0x18, 0x22, 0x1E), (0x0D, 0x1A, 0x16)
_SOFT: Final = 0.11
_STEPS: Final = 50


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shades:
    """A colour as the pages use it; ``is_changed`` when light pages had to darken it."""

    light: str
    dark: str
    is_changed: bool


def read_colour(text: str) -> str:
    """Return ``#rrggbb`` in small letters from what was typed, ``""`` where it is no colour."""
    colour = text.strip().lower()
    if re.fullmatch(r"#?[0-9a-f]{3}", colour):
        colour = "".join(digit * 2 for digit in colour.removeprefix("#"))
    colour = "#" + colour.removeprefix("#")
    return colour if _HEX.fullmatch(colour) else ""


def shades_of(colour: str) -> Shades:
    """Return the shades nearest to a colour in which words can be read.

    Light pages write white on it, and with it on paper; dark ones the other way round. It goes
    towards black or white until all of these reach 4.5 to 1.
    """
    given = _rgb(colour)
    light = _until_readable(given, _BLACK, _grounds_in_light)
    dark = _until_readable(given, _WHITE, _grounds_in_dark)
    return Shades(light=_hex(light), dark=_hex(dark), is_changed=light != given)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG counts it, 1 to 21."""
    return _contrast(_rgb(one), _rgb(other))


def _grounds_in_light(colour: Rgb) -> list[Rgb]:
    return [_WHITE, _PAPER, _mix(_SURFACE, colour, _SOFT)]


def _grounds_in_dark(colour: Rgb) -> list[Rgb]:
    return [_DARK_INK, _DARK_PAPER, _DARK_SURFACE, _mix(_DARK_SURFACE, colour, _SOFT)]


def _until_readable(colour: Rgb, towards: Rgb, grounds: Callable[[Rgb], list[Rgb]]) -> Rgb:
    for step in range(_STEPS + 1):
        mixed = _mix(colour, towards, step / _STEPS)
        if all(_contrast(mixed, ground) >= READABLE for ground in grounds(mixed)):
            return mixed
    return towards


def _contrast(one: Rgb, other: Rgb) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(one: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(colour: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
