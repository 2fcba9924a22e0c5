"""An e-mail's words as a simple page: the same text, with its link as a button."""

import re
from typing import Final

from django.template.loader import render_to_string

from sms.services.parties import RenderedText

_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_LINK: Final = re.compile(r"https?://\S+")
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
_BUTTONS: Final = {"en": "Open", "es": "Abrir"}


def write_html(rendered: RenderedText, *, locale: str) -> str:
    """Return the e-mail as HTML; a paragraph that is nothing but a link becomes a button."""
    language = locale.split("-")[0].lower()
    paragraphs = [part.strip() for part in _PARAGRAPHS.split(rendered.body)]
    return render_to_string(
        "email/message.html",
        {
            "language": language if _LANGUAGE.fullmatch(language) else "en",
            "subject": rendered.subject,
            "from_name": rendered.from_name,
            "button": _BUTTONS.get(language, _BUTTONS["en"]),
            "paragraphs": [
                {"text": part, "is_link": bool(_LINK.fullmatch(part))}
                for part in paragraphs
                if part
            ],
        },
    )
