"""Our own words for e-mails about rewards, where nobody has written a template."""

import dataclasses
from collections.abc import Mapping
from typing import Final

from sms.models import MessageTemplate

Purpose = MessageTemplate.Purpose


@dataclasses.dataclass(frozen=True, slots=True)
class Letter:
    """A subject and the paragraphs below it, each left out when it needs a value that lacks."""

    subject: str
    paragraphs: tuple[str, ...]

    def body(self, values: Mapping[str, str]) -> str:
        """Return the paragraphs that make sense with these values."""
        usable = [
            paragraph
            for paragraph in self.paragraphs
            if "{{support_phone}}" not in paragraph or values.get("support_phone")
        ]
        body = "\n\n".join(usable)
        # Without a name there is nobody to greet by it.
        return body if values.get("first_name") else body.replace(" {{first_name}},", ",")


_LETTERS: Final[Mapping[tuple[str, str], Letter]] = {
    (Purpose.REWARD, "en"): Letter(
        "Your {{amount}} {{brand}} gift card from {{company}}",
        (
            "Hello {{first_name}},",
            (
                "Thank you for taking part. Your {{amount}} {{brand}} gift card from {{company}} "
                "is ready. Open it here:"
            ),
            "{{reveal_link}}",
            (
                "Please open it on a device of your own: from then on the card shows there and "
                "nowhere else."
            ),
            "If you have questions, call {{support_phone}}.",
        ),
    ),
    (Purpose.REWARD, "es"): Letter(
        "Su tarjeta {{brand}} de {{amount}} de {{company}}",
        (
            "Hola {{first_name}},",
            (
                "Gracias por participar. Su tarjeta {{brand}} de {{amount}} de {{company}} "
                "ya está lista. Ábrala aquí:"
            ),
            "{{reveal_link}}",
            (
                "Ábrala en un dispositivo suyo: desde entonces la tarjeta se ve allí y en ningún "
                "otro lugar."
            ),
            "Si tiene preguntas, llame al {{support_phone}}.",
        ),
    ),
    (Purpose.REMINDER, "en"): Letter(
        "Your {{amount}} {{brand}} gift card still waits",
        (
            "Hello {{first_name}},",
            (
                "Your {{amount}} {{brand}} gift card from {{company}} is ready and has not been "
                "opened yet. Open it here:"
            ),
            "{{reveal_link}}",
            "If you have questions, call {{support_phone}}.",
        ),
    ),
    (Purpose.REMINDER, "es"): Letter(
        "Su tarjeta {{brand}} de {{amount}} sigue esperando",
        (
            "Hola {{first_name}},",
            (
                "Su tarjeta {{brand}} de {{amount}} de {{company}} está lista y aún no se ha "
                "abierto. Ábrala aquí:"
            ),
            "{{reveal_link}}",
            "Si tiene preguntas, llame al {{support_phone}}.",
        ),
    ),
    (Purpose.APOLOGY, "en"): Letter(
        "We are sorry: here is another {{brand}} gift card",
        (
            "Hello {{first_name}},",
            (
                "The {{brand}} gift card that you got from {{company}} was not right, and we are "
                "sorry for it. Please don't use it any more. Here is another one of {{amount}}:"
            ),
            "{{reveal_link}}",
            "If you have questions, call {{support_phone}}.",
        ),
    ),
    (Purpose.APOLOGY, "es"): Letter(
        "Lo sentimos: aquí tiene otra tarjeta {{brand}}",
        (
            "Hola {{first_name}},",
            (
                "La tarjeta {{brand}} que recibió de {{company}} no era correcta, y lo sentimos. "
                "Por favor, no la use más. Aquí tiene otra de {{amount}}:"
            ),
            "{{reveal_link}}",
            "Si tiene preguntas, llame al {{support_phone}}.",
        ),
    ),
    (Purpose.DELAY_NOTICE, "en"): Letter(
        "Your {{brand}} gift card takes a little longer",
        (
            "Hello {{first_name}},",
            (
                "Your {{brand}} gift card from {{company}} takes a little longer: {hours} hours at "
                "most. It comes by itself; there is nothing to do."
            ),
            "If you have questions, call {{support_phone}}.",
        ),
    ),
    (Purpose.DELAY_NOTICE, "es"): Letter(
        "Su tarjeta {{brand}} tarda un poco más",
        (
            "Hola {{first_name}},",
            (
                "Su tarjeta de regalo {{brand}} de {{company}} tarda un poco más: {hours} horas "
                "como máximo. Llega por sí sola; no tiene que hacer nada."
            ),
            "Si tiene preguntas, llame al {{support_phone}}.",
        ),
    ),
}
_SAME_AS: Final = {Purpose.RESEND: Purpose.REWARD}


def choose_letter(*, purpose: str, language: str, hours: int) -> Letter | None:
    """Return the letter for a purpose, in English where the language is not ours.

    :param hours: by when a reward is promised that waits.
    """
    known = _SAME_AS.get(Purpose(purpose), Purpose(purpose))
    letter = _LETTERS.get((known, language)) or _LETTERS.get((known, "en"))
    if letter is None:
        return None
    return Letter(
        letter.subject,
        tuple(part.replace("{hours}", str(max(2, hours))) for part in letter.paragraphs),
    )
