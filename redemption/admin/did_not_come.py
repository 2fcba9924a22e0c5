"""The page "The text did not come": all there is to know about one reward's messages, and what to
do, in one place for whoever has the recipient on the phone."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.decorators import action

from alerts.admin.cells import (
    NOTHING,
    RED,
    label,
    link,
    link_to_named,
    link_to_row,
    moment,
    table,
)
from redemption.admin.changing import find_row
from redemption.models import Redemption
from redemption.selectors.taking_back import may_resend
from sms.admin.consents import OPT_IN_COLOURS
from sms.admin.messages import STATE_COLOURS
from sms.models import ConsentEvent, DeliveryAttempt, Message, OptIn, StatusEvent
from sms.selectors.meanings import ErrorWords, explain_errors
from sms.selectors.phone_health import find_bad_phone

State = Message.State
Section = tuple[str, SafeString | str]
_BRINGS_REWARD: Final = ("reward", "resend", "apology")

_VERDICTS: Final = {
    State.QUEUED: "It waits for its next attempt, at {due}.",
    State.SENDING: "It is handed to the provider this moment.",
    State.UNKNOWN: "The provider has not said whether it has it. It is looked up by itself, at "
    "{due}, before anything is sent again.",
    State.ACCEPTED: "The provider has it since {accepted}; no phone has confirmed it. Texts take "
    "up to some minutes. After that, ask whether the number is right, and send it again.",
    State.SENT: "It is with the carrier since {accepted}; no phone has confirmed it. After some "
    "minutes, ask whether the number is right, and send it again.",
    State.DELIVERED: "The carrier has confirmed it at {delivered}: it is on that phone. Ask "
    "whether {to} is theirs, and let them look for {sender} and among blocked senders.",
    State.UNDELIVERED: "It was given up.",
    State.FAILED: "It was given up.",
    State.SUPPRESSED: "It was not sent, because the person has replied STOP.",
    State.CANCELLED: "It is not wanted any more: it was sent anew, or the reward was taken back.",
    State.MANUALLY_DELIVERED: "Somebody has brought it by hand and said so.",
}
_AGAIN: Final = (
    "The same card to {to}. Nothing is charged. What still waits to be sent is cancelled."
)
_ELSEWHERE: Final = (
    "The same card to a number you enter. The link that went out before is dead from then on: "
    "whoever got it can't open it."
)
_BY_EMAIL: Final = "The same card to {email}, with a new link; the old one is dead from then on."
_BY_HAND: Final = (
    "For a card that you have read out. Nothing more is sent; the link goes on working. The card "
    "counts as seen: it never goes back to stock."
)
_REPLACED: Final = (
    "Another card of the same brand and value, when this one does not work. The old one is void, "
    "and so is its link. Not for a text that did not come."
)


class DidNotCome:
    """Mixin: the page, beside the buttons that it explains."""

    admin_site: Any
    opts: Any
    has_replace_permission: Any

    @action(description="The text did not come", icon="sms_failed")  # type: ignore[untyped-decorator]
    def did_not_come(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._did_not_come)(request, object_id)

    def _did_not_come(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = find_row(object_id)
        messages = list(
            # The question for their consent is about the same reward.
            Message.objects.filter(reference_id=redemption.pk).order_by("created_at", "pk")
        )
        attempts = list(
            DeliveryAttempt.objects.filter(message__in=messages).order_by("requested_at", "pk")
        )
        events = list(StatusEvent.objects.filter(message__in=messages).order_by("pk"))
        rows: list[Message | DeliveryAttempt | StatusEvent] = [*messages, *attempts, *events]
        errors = explain_errors({row.error_code for row in rows if row.error_code})
        sections: list[Section] = [
            ("Who and what", _describe_reward(redemption)),
            (
                "What to do",
                _describe_ways(
                    redemption, can_replace=self.has_replace_permission(request, object_id)
                ),
            ),
            ("The number", _describe_phone(redemption)),
            ("Links out", _list_links(redemption)),
            ("Messages", _list_messages(messages)),
            ("Attempts, and what the provider said", _list_attempts(attempts, errors)),
            ("What these errors mean", _list_errors(errors)),
            ("What the provider reported later", _list_events(events)),
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": "The text did not come",
            "opts": self.opts,
            "verdict": _verdict(messages, errors),
            "sections": sections,
            "back_url": reverse("admin:redemption_redemption_change", args=[redemption.pk]),
        }
        return TemplateResponse(request, "admin/did_not_come.html", context)


def _verdict(messages: list[Message], errors: dict[str, ErrorWords]) -> list[str]:
    """Say how the latest message that brings the reward stands, and what its error asks for."""
    brought = [one for one in messages if one.purpose in _BRINGS_REWARD] or messages
    if not brought:
        return ["No message was asked for: the card was shown or returned where it was asked for."]
    last = brought[-1]
    words = _VERDICTS[State(last.state)].format(
        due=_time(last.next_attempt_at),
        accepted=_time(last.accepted_at),
        delivered=_time(last.delivered_at),
        to=last.to,
        sender=last.sender or "our sender",
    )
    said = [f"The last message, to {last.to}: {words}"]
    if last.error_code in errors:
        known = errors[last.error_code]
        said.append(f"Error {known.code}: {known.meaning} {known.advice}".replace("  ", " "))
    return said


def _describe_reward(redemption: Redemption) -> SafeString | str:
    person, card = redemption.recipient, redemption.card
    name = f"{person.first_name} {person.last_name}".strip() or f"…{person.code_last4}"
    return _facts(
        ("Recipient", link_to_row(type(person), person.pk, name)),
        ("On file", ", ".join(filter(None, (person.phone, person.email))) or NOTHING),
        ("Asked to send it to", redemption.contact_to or "nowhere"),
        ("Campaign", redemption.campaign.name),
        ("Card", f"…{card.last4}, {card.get_status_display().lower()}" if card else "none"),
        ("Card seen", moment(card.disclosed_at) if card and card.disclosed_at else "not yet"),
        ("Reward", f"{redemption.get_state_display()}{' (test)' if redemption.is_test else ''}"),
    )


def _describe_ways(redemption: Redemption, *, can_replace: bool) -> SafeString | str:
    """List the buttons with what each would do; those that can't be pressed say so."""
    can_send = may_resend(redemption)
    ways = (
        ("Send again", "resend", "?to=same", can_send, _AGAIN),
        ("Another number", "resend", "?to=other", can_send, _ELSEWHERE),
        ("E-mail instead", "resend", "?to=email", can_send, _BY_EMAIL),
        ("Delivered by hand", "by_hand", "", can_send, _BY_HAND),
        ("Replace the card", "replace", "", can_replace, _REPLACED),
    )
    named = {
        "to": redemption.contact_to or "an address you enter",
        "email": redemption.recipient.email or "an address you enter",
    }
    return table(
        ("Button", "What it does"),
        [
            (
                link(f"{_address(redemption, way)}{query}", words)
                if is_possible
                else f"{words} (not possible now)",
                does.format(**named),
            )
            for words, way, query, is_possible, does in ways
        ],
    )


def _address(redemption: Redemption, way: str) -> str:
    return reverse(f"admin:redemption_redemption_{way}", args=[redemption.pk])


def _describe_phone(redemption: Redemption) -> SafeString | str:
    if redemption.contact_method != "sms":
        return "The reward does not go by text."
    phone = redemption.contact_to
    bad = find_bad_phone(phone=phone)
    held = OptIn.objects.filter(client=redemption.client_id, phone=phone).order_by("pk").first()
    health: SafeString | str = "nothing speaks against it"
    if bad is not None:
        words = explain_errors([bad.error_code])[bad.error_code]
        health = format_html(
            "{} {} {}",
            label(f"No text arrives there: error {bad.error_code}", RED),
            moment(bad.failed_at),
            words.meaning,
        )
    consent: SafeString | str = "never asked"
    if held is not None:
        consent = format_html(
            "{} {} {}",
            label(held.get_state_display(), OPT_IN_COLOURS[held.state]),
            moment(held.changed_at),
            held.way,
        )
    steps = ConsentEvent.objects.filter(client=redemption.client_id, phone=phone).order_by("pk")
    facts = _facts(("Number", phone), ("Texts arrive", health), ("Consent to texts", consent))
    kept = table(
        ("When", "Consent", "Way", "Who", "Why"),
        [
            (
                moment(step.at),
                label(step.get_state_display(), OPT_IN_COLOURS[step.state]),
                step.way,
                link_to_named(step.actor) or step.actor,
                step.reason or NOTHING,
            )
            for step in steps
        ],
    )
    return format_html("{}{}", facts, kept if steps else "")


def _list_links(redemption: Redemption) -> SafeString | str:
    return table(
        ("Version", "Made", "Opened", "Valid until", "Dead since"),
        [
            (
                row.version,
                moment(row.created_at),
                moment(row.bound_at) if row.bound_at else "not yet",
                f"{row.expires_at:%Y-%m-%d}",
                moment(row.revoked_at),
            )
            for row in redemption.reveal_links.order_by("version")
        ],
    )


def _list_messages(messages: list[Message]) -> SafeString | str:
    return table(
        ("When", "What", "To", "State", "Accepted", "Delivered", "Error", "Message"),
        [
            (
                moment(one.created_at),
                f"{one.get_purpose_display()}, {one.get_channel_display().lower()}",
                one.to,
                label(one.get_state_display(), STATE_COLOURS[one.state]),
                moment(one.accepted_at),
                moment(one.delivered_at),
                one.error_code or NOTHING,
                link_to_row(Message, one.pk),
            )
            for one in messages
        ],
    )


def _list_attempts(
    attempts: list[DeliveryAttempt], errors: dict[str, ErrorWords]
) -> SafeString | str:
    return table(
        ("When", "Message", "Try", "Became", "Error", "In the provider's words", "Provider's id"),
        [
            (
                moment(one.requested_at),
                link_to_row(Message, one.message_id),
                one.number,
                one.get_status_display(),
                f"{one.error_code}: {errors[one.error_code].meaning}"
                if one.error_code
                else NOTHING,
                one.error_message or NOTHING,
                one.provider_id or NOTHING,
            )
            for one in attempts
        ],
    )


def _list_errors(errors: dict[str, ErrorWords]) -> SafeString | str:
    return table(
        ("Error", "What it means", "What to do"),
        [
            (one.code, one.meaning or "See the provider's documentation.", one.advice)
            for _, one in sorted(errors.items())
        ],
    )


def _list_events(events: list[StatusEvent]) -> SafeString | str:
    return table(
        ("Received", "Message", "Status", "Error", "Provider's id"),
        [
            (
                moment(one.received_at),
                link_to_row(Message, one.message_id),
                one.status,
                one.error_code or NOTHING,
                one.provider_id,
            )
            for one in events
        ],
    )


def _facts(*pairs: tuple[str, Any]) -> SafeString:
    rows = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs)
    return format_html('<dl class="mb-4">{}</dl>', rows)


def _time(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "no time that is known"
