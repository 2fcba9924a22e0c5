"""What the states of campaigns and redemptions are called on a client's pages."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from redemption.models import Campaign, Redemption
from redemption.selectors.budgets import CampaignBudget
from redemption.selectors.campaigns import CampaignFacts
from sms.phones import mask_email, mask_phone


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """A state in words; ``tone`` is calm, good, warn or bad, and only repeats them."""

    words: str
    tone: str


def campaign_state(facts: CampaignFacts, budget: CampaignBudget, *, now: datetime) -> State:
    """Say how a campaign stands: by its status, its dates and what it can pay."""
    if facts.status == Campaign.Status.DEPLETED:
        return State(_("Out of credit"), "bad")
    if facts.status == Campaign.Status.DRAFT:
        return State(_("Draft, not open yet"), "calm")
    if facts.status == Campaign.Status.PAUSED:
        return State(_("Paused"), "warn")
    if facts.status == Campaign.Status.ENDED or (facts.ends_at and facts.ends_at < now):
        return _ended(facts, now)
    if facts.starts_at and facts.starts_at > now:
        return State(_("Starts on %(day)s") % {"day": day_words(facts.starts_at)}, "calm")
    if budget.is_short:
        return State(_("Running, but out of credit"), "bad")
    if not budget.charges:
        return State(_("Running, but gives no card"), "warn")
    return State(_("Running"), "good")


def _ended(facts: CampaignFacts, now: datetime) -> State:
    until = facts.claim_expires_at
    if until is None or until < now:
        return State(_("Ended"), "calm")
    return State(
        _("Ended, codes are good until %(day)s") % {"day": day_words(until)},
        "calm",
    )


def redemption_state(state: str, *, is_test: bool) -> State:
    """Say what became of a redemption, as its client's people need it."""
    if is_test:
        return State(_("Test"), "calm")
    words, tone = _REDEMPTIONS[Redemption.State(state)]
    return State(_(words), tone)


_REDEMPTIONS: Final = {
    Redemption.State.PENDING: (gettext_noop("Under way"), "calm"),
    Redemption.State.PROVISIONING: (gettext_noop("Under way"), "calm"),
    Redemption.State.ISSUED: (gettext_noop("Card issued"), "good"),
    Redemption.State.DELIVERED: (gettext_noop("Card shown"), "good"),
    Redemption.State.CONFIRMED: (gettext_noop("Text arrived"), "good"),
    Redemption.State.WAITING_STOCK: (gettext_noop("Waits for a card"), "warn"),
    Redemption.State.WAITING_OPT_IN: (gettext_noop("Waits for the opt-in"), "warn"),
    Redemption.State.WAITING_APPROVAL: (gettext_noop("Waits for an approval"), "warn"),
    Redemption.State.UNCONFIRMED: (gettext_noop("Provider's answer unknown"), "warn"),
    Redemption.State.FAILED: (gettext_noop("Failed"), "bad"),
    Redemption.State.CANCELLED: (gettext_noop("Cancelled"), "calm"),
}


def contact_words(method: str, to: str) -> str:
    """Say where a reward went, so that its owner recognises it and nobody else learns it."""
    if method == "sms":
        return mask_phone(to)
    return mask_email(to) if method == "email" else _("on screen")


def day_words(at: date) -> str:
    """Print a day: ``"Nov. 21, 2026"``."""
    return date_format(at, "DATE_FORMAT")
