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
    (Purpose.REMINDER, "en"): (
        "Hi {{first_name}}, your {{amount}} {{brand}} gift card still waits: {{reveal_link}}",
        "{{company}}: your {{amount}} {{brand}} gift card still waits: {{reveal_link}}",
        "{{company}}: your {{amount}} gift card still waits: {{reveal_link}}",
        "Your gift card still waits: {{reveal_link}}",
    ),
    (Purpose.REMINDER, "es"): (
        "Hola {{first_name}}, su tarjeta {{brand}} de {{amount}} sigue esperando: {{reveal_link}}",
        "{{company}}: su tarjeta {{brand}} de {{amount}} sigue esperando: {{reveal_link}}",
        "{{company}}: su tarjeta de regalo de {{amount}} sigue esperando: {{reveal_link}}",
        "Su tarjeta de regalo sigue esperando: {{reveal_link}}",
    ),
    (Purpose.APOLOGY, "en"): (
        "{{company}}: sorry, your {{brand}} gift card was not right. Another one: {{reveal_link}}",
        "{{company}}: sorry, your gift card was not right. A new one: {{reveal_link}}",
        "Sorry, your gift card was not right. A new one: {{reveal_link}}",
    ),
    (Purpose.APOLOGY, "es"): (
        "{{company}}: perdón, su tarjeta {{brand}} no era correcta. Otra nueva: {{reveal_link}}",
        "{{company}}: lo sentimos, su tarjeta no era correcta. Una nueva: {{reveal_link}}",
        "Lo sentimos, su tarjeta no era correcta. Una nueva: {{reveal_link}}",
    ),
    (Purpose.DELAY_NOTICE, "en"): (
        "{{company}}: your {{brand}} gift card takes a little longer: {hours} hours at most.",
        "{{company}}: your gift card takes a little longer: {hours} hours at most.",
        "Your gift card takes a little longer: {hours} hours at most.",
    ),
    (Purpose.DELAY_NOTICE, "es"): (
        "{{company}}: su tarjeta {{brand}} tarda un poco. Le llega en menos de {hours} horas.",
        "{{company}}: su tarjeta de regalo tarda un poco. Le llega en menos de {hours} horas.",
        "Su tarjeta de regalo tarda un poco. Le llega en menos de {hours} horas.",
    ),
}
_SAME_AS: Final = {Purpose.RESEND: Purpose.REWARD}


def choose_words(*, purpose: str, language: str, hours: int = 24) -> tuple[str, ...]:
    """Return the bodies for a purpose, the best first; English where the language is not ours.

    Empty when nobody can send such a message without a template.

    :param hours: by when a reward is promised that waits.
    """
    known = _SAME_AS.get(Purpose(purpose), purpose)
    spoken = language if language in _STOP else "en"
    return tuple(
        body.replace("{hours}", str(max(2, hours))) + _STOP[spoken]
        for body in _SENTENCES.get((known, spoken), ())
    )
