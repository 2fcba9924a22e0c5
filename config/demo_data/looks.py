"""The look of the demo's client; the others keep ours."""

from __future__ import annotations

import io
import math
from datetime import datetime
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from alerts.transactions import transaction
from config.demo_data.plan import DEMO_CLIENT
from credit.models import Client, ClientLook
from credit.services.colours import read_colour
from credit.services.logos import read_logo
from credit.services.looks import change_look

_COLOUR: Final = "#0a5a94"
_SUN: Final = "#f08a24"
_SIZE: Final = (392, 96)
# Drawn larger and made small again: its edges are smooth.
_FINER: Final = 4


def seed_look(*, now: datetime) -> None:
    """Give the demo's client a colour and a logo, unless somebody has set its look."""
    with transaction():
        client = Client.objects.get(slug=DEMO_CLIENT)
        if not ClientLook.objects.filter(client=client).exists():
            change_look(
                client=client,
                colour=read_colour(_COLOUR),
                logo=read_logo(_draw_logo()),
                drops_logo=False,
                embed_origins=[],
                actor="system",
                now=now,
            )


def _draw_logo() -> bytes:
    """Draw a sun that rises from the sea, and the name beside it."""
    width, height = (side * _FINER for side in _SIZE)
    image = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(image)
    unit = height / 96
    middle, horizon = 48 * unit, 60 * unit
    for degrees in range(180, 361, 30):
        turn = math.radians(degrees)
        ends = [
            (middle + far * unit * math.cos(turn), horizon + far * unit * math.sin(turn))
            for far in (32, 42)
        ]
        draw.line(ends, fill=_SUN, width=round(6 * unit))
    circle = (middle - 23 * unit, horizon - 23 * unit, middle + 23 * unit, horizon + 23 * unit)
    draw.pieslice(circle, 180, 360, fill=_SUN)
    for top, inset in ((66, 4), (78, 16)):
        bar = (inset * unit, top * unit, (96 - inset) * unit, (top + 6) * unit)
        draw.rounded_rectangle(bar, radius=3 * unit, fill=_COLOUR)
    font = ImageFont.load_default(size=66 * unit)
    draw.text(
        (116 * unit, 72 * unit),
        "Solmara",
        fill=_COLOUR,
        font=font,
        anchor="ls",
        stroke_width=round(1.6 * unit),
    )
    buffer = io.BytesIO()
    image.resize(_SIZE, Image.Resampling.LANCZOS).save(buffer, "PNG")
    return buffer.getvalue()
