"""A client's logo: whatever was uploaded is drawn anew, small, as a PNG without anything else.

So no byte of a stranger's file is ever sent to a customer: no hidden script, no place where the
photo was taken. SVG is not taken, since it is a page that can do things, not a picture.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import warnings
from typing import Final

from PIL import Image, UnidentifiedImageError

from alerts.errors import ValidationFailedError

MAX_UPLOAD_BYTES: Final = 1_000_000
# Twice what the pages show, for screens with fine points.
MAX_WIDTH, MAX_HEIGHT = 440, 96
_SMALLEST: Final = 24
_MAX_PIXELS: Final = 20_000_000
_MAX_BYTES: Final = 24_000
_FORMATS: Final = ("PNG", "WEBP", "JPEG")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Logo:
    """A logo as it is kept; ``digest`` names exactly these bytes."""

    png: bytes = dataclasses.field(repr=False)
    digest: str
    width: int
    height: int


def read_logo(data: bytes) -> Logo:
    """Draw an uploaded picture anew.

    :raises ValidationFailedError: it is no picture, too large or too small (GC-012, ``logo``).
    """
    if len(data) > MAX_UPLOAD_BYTES:
        raise _refusal("The file is over 1 MB. A logo needs no more than a few hundred points.")
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            # A file of some bytes can stand for a picture of gigabytes.
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > _MAX_PIXELS:
                raise _refusal("The picture has too many points. Make it smaller.")
            drawn = image.convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError) as error:
        raise _refusal("This is no PNG, WebP or JPEG picture that we can read.") from error
    except (SyntaxError, Image.DecompressionBombWarning) as error:
        raise _refusal("This is no PNG, WebP or JPEG picture that we can read.") from error
    if min(drawn.width, drawn.height) < _SMALLEST:
        raise _refusal(f"The picture is too small: {_SMALLEST} points each way at least.")
    drawn.thumbnail((MAX_WIDTH, MAX_HEIGHT))
    png = _as_png(drawn)
    return Logo(
        png=png,
        digest=hashlib.sha256(png).hexdigest()[:16],
        width=drawn.width,
        height=drawn.height,
    )


def _as_png(image: Image.Image) -> bytes:
    png = _save(image)
    if len(png) > _MAX_BYTES:
        # A photograph rather than a logo: fewer colours keep the page light.
        png = _save(image.quantize(colors=128, method=Image.Quantize.FASTOCTREE))
    if len(png) > _MAX_BYTES:
        raise _refusal("The picture has too much detail for a logo. Use one with plain areas.")
    return png


def _save(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _refusal(words: str) -> ValidationFailedError:
    return ValidationFailedError(errors={"logo": [words]})
