"""Our own words as a template to begin with, where somebody wants others."""

from __future__ import annotations

import math

from django.conf import settings

from redemption.services.letters import choose_letter
from redemption.services.opt_in_texts import choose_requests
from redemption.services.words import choose_words
from sms.models import MessageTemplate
from sms.selectors.templates import language_of


def own_words(*, purpose: str, channel: str, locale: str) -> tuple[str, str] | None:
    """Return subject and body of what is sent where there is no template; None where nothing is."""
    hours = math.ceil(settings.REWARD_WITHIN / 3600)
    language = language_of(locale)
    if channel == MessageTemplate.Channel.EMAIL:
        if purpose == MessageTemplate.Purpose.OPT_IN:
            return None
        letter = choose_letter(purpose=purpose, language=language, hours=hours)
        return (letter.subject, "\n\n".join(letter.paragraphs)) if letter else None
    if purpose == MessageTemplate.Purpose.OPT_IN:
        return "", choose_requests(language=language)[0]
    bodies = choose_words(purpose=purpose, language=language, hours=hours)
    return ("", bodies[0]) if bodies else None
