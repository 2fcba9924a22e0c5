"""What the providers' error codes mean, and what a person can do, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from sms.models import ErrorPolicy
from sms.policies import (
    NO_ANSWER,
    NOT_AUTHENTICATED,
    NOT_CONFIGURED,
    TOO_MANY_REQUESTS,
    UNEXPECTED,
    UNREACHABLE,
    Reaction,
    policy_of,
)
from sms.selectors.policies import load_policies

_MEANINGS: Final[Mapping[str, Any]] = {
    UNREACHABLE: _("No connection to the provider came about, so nothing was sent"),
    NO_ANSWER: _("The provider did not say whether it has the message"),
    TOO_MANY_REQUESTS: _("We asked the provider more quickly than it allows"),
    NOT_CONFIGURED: _("The channel is not set up"),
    UNEXPECTED: _("The message could not be written"),
    NOT_AUTHENTICATED: _("The provider does not know our credentials"),
    "14107": _("Too many messages between the same two numbers"),
    "21211": _("Not a phone number"),
    "21408": _("Our account may not text this country"),
    "21603": _("No sender is set up"),
    "21606": _("The sender is not ours"),
    "21608": _("A trial account may text verified numbers only"),
    "21610": _("The person has replied STOP"),
    "21611": _("The sender's queue is full"),
    "21612": _("The number can't be reached from our sender"),
    "21614": _("Not a mobile number"),
    "21635": _("A landline"),
    "30001": _("Our account's queue is full"),
    "30002": _("Our account is suspended"),
    "30003": _("The phone is off or out of reach"),
    "30004": _("Blocked by the phone or its carrier"),
    "30005": _("The number does not exist any more"),
    "30006": _("A landline, or a carrier that takes no texts"),
    "30007": _("Filtered by the carrier as unwanted"),
    "30008": _("Unknown fault at the carrier"),
    "30022": _("The carrier's limit per second was reached"),
    "30034": _("Our sender is not registered with the carriers"),
    "30036": _("It could not be delivered before it expired"),
    "30450": _("Filtered because of its words"),
    "smtp-530": _("The mail server wants a log-in"),
    "smtp-534": _("The mail server wants a better log-in"),
    "smtp-535": _("The mail server does not know our log-in"),
    "smtp-538": _("The mail server wants an encrypted connection"),
    "smtp-554": _("Taken for unwanted mail"),
    "smtp-address": _("Not an address that mail can be sent to"),
    "smtp-connect": _("The mail server can't be reached"),
    "smtp-sender": _("The mail server takes no mail from our address"),
    "smtp-tls": _("No encrypted connection to the mail server came about"),
}
_FAMILIES: Final[Mapping[str, Any]] = {
    "smtp-4": _("The mail server did not take it for now"),
    "smtp-5": _("The mail server refused it, mostly because there is no such address"),
}
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

    :param meaning: the operators' own note where they have written one; "" of a code that
        nobody has described.
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
            meaning=str(notes.get(code) or _MEANINGS.get(code) or _FAMILIES.get(code[:6], "")),
            reaction=(reaction := policy_of(policies, code).reaction),
            advice=str(_ADVICE[reaction]),
        )
        for code in codes
    }
