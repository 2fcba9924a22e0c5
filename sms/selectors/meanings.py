"""What the providers' error codes mean, and what a person can do, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from sms.models import ErrorPolicy
from sms.policies import UNEXPECTED, Reaction, policy_of
from sms.selectors.policies import load_policies

_ADVICE: Final[Mapping[Reaction, Any]] = {
    Reaction.RETRY: _(
        "A passing fault: it is tried again by itself. When it was given up, send it again later, "
        "or by e-mail."
    ),
    Reaction.RETRY_SLOWLY: _(
        "The phone is off or out of reach: it is tried again over the day. When it was given up, "
        "ask for another number, or send an e-mail."
    ),
    Reaction.BAD_NUMBER: _(
        "Nothing arrives there. Ask for another number or address and send it again, or read the "
        "card out."
    ),
    Reaction.OPTED_OUT: _(
        "The person has replied STOP, which only they can take back by texting START. Send an "
        "e-mail, or read the card out."
    ),
    Reaction.FILTERED: _(
        "The carrier takes the words for unwanted mail: the same text fails again. Send an e-mail, "
        "and look at the template."
    ),
    Reaction.SET_UP: _(
        "Our own set-up is broken: see the alert. It goes out by itself once that is mended; "
        "sending it again changes nothing."
    ),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ErrorWords:
    """An error code in words: what it means, how it is answered, what a person can do.

    :param meaning: the note of the operators' table, of the code or its class; "" of a code that
        is not in it.
    """

    code: str
    meaning: str
    reaction: Reaction
    advice: str


def explain_errors(codes: Iterable[str]) -> dict[str, ErrorWords]:
    """Explain error codes, as the operators' table of policies has them now."""
    policies = load_policies()
    notes = dict(ErrorPolicy.objects.exclude(note="").values_list("code", "note"))
    return {
        code: ErrorWords(
            code=code,
            meaning=notes.get(code) or notes.get(_class_of(code)) or _own_words(code),
            reaction=(reaction := policy_of(policies, code).reaction),
            advice=str(_ADVICE[reaction]),
        )
        for code in codes
    }


def _class_of(code: str) -> str:
    """Return the row of a mail server's code that has none of its own: ``smtp-5xx``."""
    return f"{code[:6]}xx" if code.startswith("smtp-") else ""


def _own_words(code: str) -> str:
    return str(_("The message could not be written.")) if code == UNEXPECTED else ""
