"""Our own words for messages about rewards, where nobody has written a template.

Several for each, the warmest first: the first that fits one segment is sent. All of them keep
to the letters of GSM-7, which lacks the Spanish á, í, ó and ú: one of those would cost as much
as two segments.
"""

from collections.abc import Mapping
from typing import Final

from sms.models import MessageTemplate

Purpose = MessageTemplate.Purpose

_STOP: Final = {
    "en": "\nReply STOP to opt out.",
    "es": "\nResponda STOP para darse de baja.",
}
_SENTENCES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    (Purpose.REWARD, "en"): (
        "Hi {{first_name}}, your {{amount}} {{brand}} gift card from {{company}}: {{reveal_link}}",
        "{{company}}: your {{amount}} {{brand}} gift card is ready: {{reveal_link}}",
        "{{company}}: your {{amount}} gift card is ready: {{reveal_link}}",
        "Your gift card: {{reveal_link}}",
    ),
    (Purpose.REWARD, "es"): (
        "Hola {{first_name}}, su tarjeta {{brand}} de {{amount}} de {{company}}: {{reveal_link}}",
        "{{company}}: su tarjeta {{brand}} de {{amount}} le espera: {{reveal_link}}",
        "{{company}}: su tarjeta de regalo de {{amount}} le espera: {{reveal_link}}",
        "Su tarjeta de regalo: {{reveal_link}}",
    ),
    (Purpose.DELAY_NOTICE, "en"): (
        "{{company}}: your {{brand}} gift card is on its way and will reach you in 24 hours.",
        "{{company}}: your gift card is on its way and will reach you in 24 hours.",
        "Your gift card is on its way and will reach you in 24 hours.",
    ),
    (Purpose.DELAY_NOTICE, "es"): (
        "{{company}}: su tarjeta de regalo {{brand}} le llega en menos de 24 horas.",
        "{{company}}: su tarjeta de regalo le llega en menos de 24 horas.",
        "Su tarjeta de regalo le llega en menos de 24 horas.",
    ),
}
_SAME_AS: Final = {Purpose.RESEND: Purpose.REWARD}


def choose_words(*, purpose: str, language: str) -> tuple[str, ...]:
    """Return the bodies for a purpose, the best first; English where the language is not ours.

    Empty when nobody can send such a message without a template.
    """
    known = _SAME_AS.get(Purpose(purpose), purpose)
    spoken = language if language in _STOP else "en"
    return tuple(body + _STOP[spoken] for body in _SENTENCES.get((known, spoken), ()))
