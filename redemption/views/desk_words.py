"""What the desk says: the script for each state, and words for what became of things."""

from __future__ import annotations

import dataclasses
from typing import Literal

from django.utils.translation import gettext as _

from redemption.models import CallSession, Redemption

Tone = Literal["good", "warn", "bad", "calm"]
Outcome = CallSession.Outcome
State = Redemption.State


@dataclasses.dataclass(frozen=True, slots=True)
class Script:
    """What to say and what to do next; ``tone`` only repeats it."""

    title: str
    say: str
    do: str = ""
    tone: Tone = "calm"


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """How something stands, in a few words."""

    text: str
    tone: Tone
    more: str = ""


def script_for(state: str, *, first_name: str = "", colleague: str = "") -> Script:
    """Return the lines for what the screen shows."""
    name = first_name or _("there")
    scripts = {
        "idle": lambda: Script(
            _("Ready for the next call"),
            _("“Thank you for calling. May I have the code from your letter or message?”"),
            _("Type or scan the code, or look them up by phone, last name or CRM id."),
        ),
        "incoming": lambda: Script(
            _("Somebody is calling"),
            _("“Thank you for calling. Am I speaking with %(name)s?”") % {"name": name},
            _("Press Enter to take the call; it begins then."),
        ),
        "choose": lambda: Script(
            _("More than one person fits"),
            _("“May I have your full name and the town you live in?”"),
            _("Choose the person with the arrow keys or a number."),
        ),
        "invalid": lambda: Script(
            _("This code isn't known"),
            _("“Would you read it to me once more, letter by letter?”"),
            _(
                "O and 0, I, L and 1 are taken as the same. Look for U, which no code has. "
                "If it still isn't found, search by phone or last name."
            ),
            "warn",
        ),
        "nobody": lambda: Script(
            _("Nobody found"),
            _("“I can't find you by that. Do you have your letter or message at hand?”"),
            _("Try the code, another number, or the last name alone."),
            "warn",
        ),
        "ready": lambda: Script(
            _("Everything is ready"),
            _("“Thank you, %(name)s. I'll check a few points with you, then you get your card.”")
            % {"name": name},
            _("Tick what you have checked, ask where to send the card, and press Give the card."),
            "good",
        ),
        "out_of_stock": lambda: Script(
            _("Out of cards for now"),
            _(
                "“Your reward is safe, %(name)s. We are out of these cards for the moment, and it "
                "will be sent to you by itself within a day.”"
            )
            % {"name": name},
            _("You can still give it: it waits in line, and a text goes out as soon as it can."),
            "warn",
        ),
        "redeemed": lambda: Script(
            _("Already redeemed"),
            _("“I see that this reward was given already. Let me check whether it reached you.”"),
            _("Make sure who is calling. Then send it again, to the same or a corrected address."),
            "warn",
        ),
        "in_progress": lambda: Script(
            _("On its way already"),
            _("“Your reward is being prepared, %(name)s. There is nothing more you need to do.”")
            % {"name": name},
            _("This page follows by itself. If it takes long, promise to call back."),
        ),
        "waiting_opt_in": lambda: Script(
            _("They must agree to texts first"),
            _("“I'll send you a text now. Please answer YES, and your card follows at once.”"),
            _("Give the card: the question goes out by text. E-mail needs no answer."),
            "warn",
        ),
        "asked": lambda: Script(
            _("Waiting for their YES"),
            _("“I've sent you a text, %(name)s. Answer YES, and your card follows at once.”")
            % {"name": name},
            _("This page follows by itself; you can end the call, the card comes anyway."),
            "warn",
        ),
        "in_line": lambda: Script(
            _("Waiting in line"),
            _("“Your reward is kept for you, %(name)s. It is sent by itself within a day.”")
            % {"name": name},
            _("Nothing is left to do. If they would rather be called, promise it."),
            "warn",
        ),
        "to_approve": lambda: Script(
            _("Waiting for approval"),
            _("“Your reward is being checked, %(name)s. It comes by itself after that.”")
            % {"name": name},
            _("Nothing is left to do: whoever approves it sends it on its way."),
            "warn",
        ),
        "waiting_approval": lambda: Script(
            _("Waiting for approval"),
            _("“Your reward still has to be approved. It comes by itself once that is done.”"),
            _("You can give it now: it waits for the approval, and nothing more is to be done."),
            "warn",
        ),
        "not_active": lambda: Script(
            _("This offer is not open"),
            _("“This offer is closed at the moment. May I note your number and call you back?”"),
            _("Promise a call back, or end the call as “no reward due”."),
            "warn",
        ),
        "expired": lambda: Script(
            _("The time for this code has passed"),
            _("“I'm sorry, this code could be used until the date in your letter.”"),
            _("Only the client can extend it. Note what the caller says."),
            "warn",
        ),
        "cap_reached": lambda: Script(
            _("The limit for now is reached"),
            _("“All of today's rewards are given out. Your code stays good: may I call you back?”"),
            _("A limit of the day opens again tomorrow. Promise a call back."),
            "warn",
        ),
        "out_of_credit": lambda: Script(
            _("Rewards are paused"),
            _("“We can't give this out today. Your code stays good. May I call you back?”"),
            _("The team has been told. Promise a call back."),
            "warn",
        ),
        "not_offered": lambda: Script(
            _("This card is not offered now"),
            _("“This card isn't offered at the moment. Your code stays good.”"),
            _("Promise a call back and tell your supervisor."),
            "warn",
        ),
        "held": lambda: Script(
            _("A colleague is helping this person"),
            _("“You are being helped by my colleague already. I'll pass this on.”"),
            _("You can look. %(colleague)s can act; ask them, or wait until they are done.")
            % {"colleague": colleague},
            "warn",
        ),
        "given": lambda: Script(
            _("The card is theirs"),
            _("“Your card is on its way, %(name)s. Would you like me to read the code to you?”")
            % {"name": name},
            _("Wait for the text to arrive if you like, then end the call."),
            "good",
        ),
        "arrived": lambda: Script(
            _("The card has reached them"),
            _("“It is on your phone now, %(name)s. Is there anything else I can do for you?”")
            % {"name": name},
            _("Nothing is left to do: end the call."),
            "good",
        ),
        "text_failed": lambda: Script(
            _("The text did not arrive"),
            _("“The message didn't get through. Is this number right? I can also e-mail it.”"),
            _("Correct the number, send an e-mail instead, or read the card out."),
            "bad",
        ),
    }
    return scripts.get(state, scripts["not_active"])()


def outcome_choices() -> list[tuple[str, str]]:
    """Return the ways a call can end, in the order of their keys."""
    return [
        (Outcome.REWARDED.value, _("Reward given")),
        (Outcome.HELPED.value, _("Helped")),
        (Outcome.CALL_BACK.value, _("Call back")),
        (Outcome.NOT_ENTITLED.value, _("No reward due")),
        (Outcome.NOT_FOUND.value, _("Nobody found")),
        (Outcome.CUT_OFF.value, _("Cut off")),
    ]


def door_words(door: str) -> str:
    """Say by which door a reward was asked for."""
    return {
        "web": _("on the web form"),
        "desk": _("at this desk"),
        "crm": _("by the CRM"),
        "api": _("by a partner"),
    }.get(door, door)


def source_words(source: str) -> str:
    """Say where a card came from."""
    return {
        "csv": _("from stock"),
        "buffer": _("bought ahead"),
        "api": _("bought on the spot"),
    }.get(source, "")


def reward_words(state: str) -> Said:
    """Say how a reward stands."""
    return {
        State.PENDING: Said(_("Being prepared"), "calm"),
        State.PROVISIONING: Said(_("Being prepared"), "calm"),
        State.UNCONFIRMED: Said(
            _("Being prepared"), "warn", _("The provider has not answered yet; we keep asking.")
        ),
        State.ISSUED: Said(_("Given"), "good"),
        State.DELIVERED: Said(_("Given"), "good"),
        State.CONFIRMED: Said(_("Given"), "good"),
        State.WAITING_STOCK: Said(
            _("Waits for cards"), "warn", _("It is sent by itself as soon as there are some.")
        ),
        State.WAITING_OPT_IN: Said(
            _("Waits for a YES"), "warn", _("They were asked by text whether texts are welcome.")
        ),
        State.WAITING_APPROVAL: Said(
            _("Waits for approval"), "warn", _("It is sent by itself once it is approved.")
        ),
        State.FAILED: Said(_("Failed"), "bad", _("Their code is good again: give it anew.")),
        State.CANCELLED: Said(_("Taken back"), "bad", _("The code stays used.")),
    }.get(State(state), Said(state, "calm"))


def message_words(state: str, channel: str) -> Said:
    """Say what became of a text or an e-mail."""
    is_text = channel == "sms"
    on_its_way = Said(_("Text on its way") if is_text else _("E-mail on its way"), "calm")
    sent = Said(
        _("Text sent") if is_text else _("E-mail sent"),
        "calm",
        _("Not confirmed by their phone yet.") if is_text else "",
    )
    return {
        "accepted": sent,
        "sent": sent,
        "delivered": Said(_("Text arrived") if is_text else _("E-mail arrived"), "good"),
        "manually_delivered": Said(_("Told by a person"), "good"),
        "undelivered": Said(_("Text did not arrive") if is_text else _("E-mail came back"), "bad"),
        "failed": Said(_("Could not be sent"), "bad"),
        "suppressed": Said(_("Not sent: they have replied STOP"), "bad"),
        "cancelled": Said(_("Not sent any more"), "calm"),
        "unknown": Said(
            _("Not known yet"), "warn", _("The provider did not answer; we keep asking.")
        ),
    }.get(state, on_its_way)
