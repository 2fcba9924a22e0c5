"""What a customer is told about the text or e-mail to them, by what has become of it."""

from typing import Final, Literal

from django.utils.translation import gettext as _

# Accepted is not delivered: nobody is told that a text has arrived before their phone says so.
Outcome = Literal["sending", "sent", "arrived", "failed", "opted_out"]

_OUTCOMES: Final[dict[str, Outcome]] = {
    "accepted": "sent",
    "sent": "sent",
    "delivered": "arrived",
    "manually_delivered": "arrived",
    "undelivered": "failed",
    "failed": "failed",
    "cancelled": "failed",
    "suppressed": "opted_out",
}
# Nothing more will become of it by itself.
FINAL: Final = frozenset({"arrived", "failed", "opted_out"})


def outcome_of(state: str) -> Outcome:
    """Return what a message's state comes to for the one it goes to."""
    return _OUTCOMES.get(state, "sending")


def opt_in_title(outcome: Outcome) -> str:
    """Return the headline over a reward that waits for an answer to our text."""
    return {
        "sending": _("Please answer our text"),
        "sent": _("Please answer our text"),
        "arrived": _("Please answer our text"),
        "failed": _("Our text didn't reach you"),
        "opted_out": _("You have stopped our texts"),
    }[outcome]


def opt_in_words(outcome: Outcome, *, to: str, phone: str) -> str:
    """Say how a reward goes on that waits for an answer to our text.

    :param to: where the text goes, masked.
    :param phone: whom to call, where that is known.
    """
    words = {
        "sending": _(
            "We are sending a text message to %(to)s. Reply YES to it, or tap its link, and your "
            "reward follows."
        ),
        "sent": _(
            "We have sent a text message to %(to)s. Reply YES to it, or tap its link, and your "
            "reward follows. If it hasn't come after some minutes, call %(phone)s."
        ),
        "arrived": _(
            "Our text message has arrived at %(to)s. Reply YES to it, or tap its link, and your "
            "reward follows."
        ),
        "failed": _(
            "We couldn't reach %(to)s by text. Your reward is reserved for you. Call %(phone)s: we "
            "can send it to another number, or by e-mail."
        ),
        "opted_out": _(
            "You have replied STOP to our texts, so we have sent none to %(to)s. Your reward is "
            "reserved for you. To get it by text, send START to the number our texts came from. "
            "Or call %(phone)s: we can send it to another number, or by e-mail."
        ),
    }[outcome]
    return words % {"to": to, "phone": phone or _("our support")}


def stopped_words(*, phone: str) -> str:
    """Say that what a reward waits for will not be told by text, and what to do."""
    return _(
        "You have replied STOP to our texts, so we can't text you when it is ready. This page "
        "shows your card then. To be told by text, send START to the number our texts came from; "
        "or call %(phone)s and we send it to another number, or by e-mail."
    ) % {"phone": phone or _("our support")}
