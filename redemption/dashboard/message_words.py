"""How the report about messages prints its figures, each with what it means."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from redemption.dashboard.agency import Figure
from redemption.dashboard.report_words import share_words, wait_words
from redemption.selectors.message_days import ErrorSums, MessageGroup, MessageSums
from sms.models import MessageTemplate
from sms.selectors.meanings import ErrorWords

# Of the texts that were tried; under the second somebody is woken.
TARGET: Final = 0.98
ALARM: Final = 0.80


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """A figure with its definition."""

    label: str
    value: str
    words: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A day, campaign or channel as it stands on the page."""

    name: str
    messages: str
    attempts: str
    accepted: str
    delivered: str
    rate: str
    tone: str
    undelivered: str
    failed: str
    suppressed: str
    by_hand: str
    in_doubt: str
    median: str
    p95: str
    segments: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """An error code as it stands on the page."""

    code: str
    meaning: str
    advice: str
    attempts: str
    ends: str


def show_figures(sums: MessageSums) -> list[Figure]:
    """Return the figures that the page begins with."""
    rate = sums.delivery_rate
    return [
        Figure(
            label=_("Messages"),
            value=_count(sums.messages),
            words=_("in %(count)s attempts") % {"count": _count(sums.attempts)},
        ),
        Figure(
            label=_("Accepted"),
            value=_count(sums.accepted),
            words=_("taken by a provider, which is not delivery"),
        ),
        Figure(
            label=_("Confirmed delivered"),
            value=_count(sums.delivered),
            words=_("of %(count)s texts that were tried") % {"count": _count(sums.tried)},
        ),
        Figure(
            label=_("Delivery rate"),
            value=share_words(rate),
            words=_("target: %(percent)s") % {"percent": share_words(TARGET)},
            tone=tone_of_rate(rate),
        ),
        Figure(
            label=_("From claim to arrival"),
            value=wait_words(sums.median_wait),
            words=_("95 of 100 in %(time)s") % {"time": wait_words(sums.p95_wait)}
            if sums.p95_wait is not None
            else _("no text has been confirmed"),
        ),
    ]


def tone_of_rate(rate: float | None) -> str:
    """Return good at the target or above it, warn below, bad where most people wait in vain."""
    if rate is None:
        return ""
    return "good" if rate >= TARGET else "warn" if rate >= ALARM else "bad"


def list_meanings(sums: MessageSums) -> list[Meaning]:
    """Return every figure of the page with its definition."""
    rows = [
        (
            _("Messages"),
            _count(sums.messages),
            _(
                "Texts and e-mails that were promised in the period (UTC days): rewards, resends, "
                "delay notices, reminders and opt-in requests. Those about test codes and tests of "
                "templates are left out."
            ),
        ),
        (
            _("Attempts"),
            _count(sums.attempts),
            _("How often one of these messages was handed to a provider, also after the period."),
        ),
        (
            _("Accepted"),
            _count(sums.accepted),
            _("Messages that a provider has taken. That is not delivery: many fail after it."),
        ),
        (
            _("Confirmed delivered"),
            _count(sums.delivered),
            _("Texts whose arrival the carrier has confirmed. Of an e-mail nobody confirms it."),
        ),
        (
            _("Delivery rate"),
            share_words(sums.delivery_rate),
            _(
                "Confirmed delivered, of the texts that were tried: accepted, given up or in "
                "doubt. What went out a moment ago lowers it until it is confirmed."
            ),
        ),
        (
            _("Undelivered"),
            _count(sums.undelivered),
            _("A provider took it and could not deliver it; no attempt is left."),
        ),
        (
            _("Failed"),
            _count(sums.failed),
            _("No provider took it, or it failed on its way; no attempt is left."),
        ),
        (
            _("Suppressed"),
            _count(sums.suppressed),
            _("Not sent, because the person has opted out of texts."),
        ),
        (
            _("Delivered by hand"),
            _count(sums.by_hand),
            _("A person read the reward out or showed it, and said so."),
        ),
        (
            _("In doubt"),
            _count(sums.in_doubt),
            _("The provider has not said whether it has the message; it is looked up."),
        ),
        (
            _("Under way"),
            _count(sums.under_way),
            _("Waits for an attempt, or was accepted and is not confirmed; e-mails stay here."),
        ),
        (
            _("Cancelled"),
            _count(sums.cancelled),
            _("Not wanted any more: the reward was taken back, or sent anew."),
        ),
        (
            _("From claim to arrival"),
            wait_words(sums.median_wait),
            _(
                "From the claim of the card to the confirmation of its first text: the time for "
                "half of them, and for 95 of 100 (%(time)s). Rounded up: to seconds, from 100 "
                "seconds on to two digits."
            )
            % {"time": wait_words(sums.p95_wait)},
        ),
        (
            _("Segments"),
            _count(sums.segments),
            _("What the texts were cut into, as carriers count them, where the provider said so."),
        ),
        (
            _("Price of texts"),
            price_words(sums),
            _(
                "What the provider asks for the attempts whose price it has told (%(count)s), in "
                "the currency of its account."
            )
            % {"count": _count(sums.priced)},
        ),
    ]
    return [Meaning(label=label, value=value, words=words) for label, value, words in rows]


def describe_row(
    key: str, sums: MessageSums, group: MessageGroup, names: Mapping[UUID, str]
) -> MessageRow:
    """Lay out a day, campaign or channel."""
    return MessageRow(
        name=name_of(key, group, names),
        messages=_count(sums.messages),
        attempts=_count(sums.attempts),
        accepted=_count(sums.accepted),
        delivered=_count(sums.delivered),
        rate=share_words(sums.delivery_rate),
        tone=tone_of_rate(sums.delivery_rate),
        undelivered=_count(sums.undelivered),
        failed=_count(sums.failed),
        suppressed=_count(sums.suppressed),
        by_hand=_count(sums.by_hand),
        in_doubt=_count(sums.in_doubt),
        median=wait_words(sums.median_wait),
        p95=wait_words(sums.p95_wait) if sums.p95_wait is not None else "",
        segments=_count(sums.segments),
    )


def name_of(key: str, group: MessageGroup, names: Mapping[UUID, str]) -> str:
    """Return what a row is called."""
    if group == "day":
        return date_format(date.fromisoformat(key), "DATE_FORMAT")
    if group == "channel":
        return _(str(MessageTemplate.Channel(key).label))
    return names.get(UUID(key), "") if key else _("About no campaign")


def describe_errors(errors: Iterable[ErrorSums], words: Mapping[str, ErrorWords]) -> list[ErrorRow]:
    """Lay out the error codes with what they mean and what to do."""
    return [
        ErrorRow(
            code=one.code,
            meaning=words[one.code].meaning or _("The provider's documentation explains it"),
            advice=words[one.code].advice,
            attempts=_count(one.attempts),
            ends=_count(one.ends),
        )
        for one in errors
    ]


def price_words(sums: MessageSums) -> str:
    """Print a sum of prices: ``"12.345"``; a dash where no price is known."""
    return f"{sums.price:,f}" if sums.priced else "–"


def _count(number: int | Decimal) -> str:
    return f"{number:,}"
