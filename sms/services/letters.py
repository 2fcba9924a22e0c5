"""An e-mail's words as a simple page: the same text, with its link as a button."""

import re
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from credit.services.colours import shades_of
from credit.services.looks import Look
from sms.services.parties import RenderedText

_PARAGRAPHS: Final = re.compile(r"\n\s*\n")
_LINK: Final = re.compile(r"https?://\S+")
_LANGUAGE: Final = re.compile(r"[a-z]{2}")
# The colour of static/css/giftline.css, where a client has none of its own.
_OUR_COLOUR: Final = "#10604d"
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
            **_look_of(rendered.look),
            "button": _BUTTONS.get(language, _BUTTONS["en"]),
            "paragraphs": [
                {"text": part, "is_link": bool(_LINK.fullmatch(part))}
                for part in paragraphs
                if part
            ],
        },
    )


def _look_of(look: Look | None) -> dict[str, object]:
    context: dict[str, object] = {"colour": _OUR_COLOUR}
    if look is not None and look.colour:
        context["colour"] = shades_of(look.colour).light
    if look is not None and look.logo_digest:
        path = reverse("look-logo", args=[look.client_id, look.logo_digest])
        context["logo_url"] = f"{settings.PUBLIC_BASE_URL}{path}"
        context["logo_width"] = max(1, look.logo_width // 2)
        context["logo_height"] = max(1, look.logo_height // 2)
    return context
