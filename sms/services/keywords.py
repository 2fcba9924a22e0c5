"""What a text to us says, where it says one of the words that mean something.

Only a text that is nothing but the word counts, in any case and with any punctuation, as the
provider reads it too: "don't stop" is no opt-out.
"""

import enum
import unicodedata
from typing import Final


class Keyword(enum.Enum):
    """What the person wants."""

    STOP = "stop"
    START = "start"
    YES = "yes"
    HELP = "help"
    NONE = "none"


_WORDS: Final = {
    **dict.fromkeys(
        (
            *("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"),
            *("pleasestop", "stopplease", "stoptexting", "stoptextingme", "removeme"),
            *("alto", "parar", "baja", "darsedebaja", "cancelar", "detener", "nomas"),
        ),
        Keyword.STOP,
    ),
    **dict.fromkeys(("start", "unstop", "optin", "alta", "iniciar"), Keyword.START),
    **dict.fromkeys(("yes", "y", "yesplease", "si", "acepto", "iagree"), Keyword.YES),
    **dict.fromkeys(("help", "info", "ayuda", "helpme"), Keyword.HELP),
}
# The provider's own reading, which its account holder may have taught other words.
_TYPES: Final = {"STOP": Keyword.STOP, "START": Keyword.START, "HELP": Keyword.HELP}


def read_keyword(*, body: str, opt_out_type: str) -> Keyword:
    """Return what a text asks for; the provider's reading goes before ours.

    A YES is also a START to the provider: then it is a YES.
    """
    word = _WORDS.get(_letters(body), Keyword.NONE)
    told = _TYPES.get(opt_out_type.upper())
    if told is None or (told is Keyword.START and word is Keyword.YES):
        return word
    return told


def _letters(text: str) -> str:
    """Return the letters alone, small and without accents: ``"Sí!"`` is ``"si"``."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(symbol for symbol in plain if symbol.isalnum())
