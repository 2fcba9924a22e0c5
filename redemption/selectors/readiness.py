"""What a campaign still lacks before its first code is redeemed, in words that say what to do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from django.db.models import Q

from alerts.scope import EVERYTHING, seeing
from credit.money import display_amount
from credit.selectors.balances import balance_on
from giftcards.providers import configured_providers
from giftcards.selectors.stock import Supply, find_supply
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.selectors.code_strength import strength_of
from redemption.selectors.offers import with_offer
from sms.models import MessageTemplate
from sms.providers import NotConfiguredError, choose_provider
from sms.selectors.templates import load_templates

# Nothing goes without the first; the others are for a person to judge.
Verdict = Literal["stop", "warn", "fine"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to see to; with ``stop`` the campaign can't be activated."""

    name: str
    verdict: Verdict
    words: str


@seeing(EVERYTHING)
def check_readiness(campaign: Campaign, *, now: datetime) -> tuple[Check, ...]:
    """Return what stands for and against activating a campaign, in the order of its making."""
    conditions = list(
        with_offer(campaign.conditions.filter(is_active=True))
        .select_related("brand")
        .order_by("number")
    )
    return (
        _client(campaign),
        _dates(campaign, now),
        _account(campaign, conditions),
        _conditions(conditions),
        _stock(campaign, conditions, now),
        *_texts(campaign),
        _codes(campaign),
        _recipients(campaign),
        _tried(campaign),
    )


def what_stops(checks: tuple[Check, ...]) -> list[str]:
    """Return the sentences that speak against activating; empty when nothing does."""
    return [f"{check.name}: {check.words}" for check in checks if check.verdict == "stop"]


def _client(campaign: Campaign) -> Check:
    client = campaign.client
    if client.is_active and client.agency.is_active:
        return Check(name="Client", verdict="fine", words=f"{client.name} is active.")
    asleep = client if not client.is_active else client.agency
    return Check(
        name="Client", verdict="stop", words=f"{asleep.name} is switched off: switch it on first."
    )


def _dates(campaign: Campaign, now: datetime) -> Check:
    ends, claims = campaign.ends_at, campaign.claim_expires_at
    if claims is not None and claims < now:
        return Check(
            name="Dates", verdict="stop", words="Its claim expiry has passed: move it or leave it."
        )
    if claims is None and ends is not None and ends < now:
        return Check(name="Dates", verdict="stop", words="Its end has passed: move it.")
    if claims is not None and ends is not None and claims < ends:
        return Check(
            name="Dates",
            verdict="warn",
            words="Codes expire before the campaign ends: is that meant?",
        )
    begins = (
        f"Codes work from {campaign.starts_at:%Y-%m-%d %H:%M} UTC"
        if campaign.starts_at is not None and campaign.starts_at > now
        else "Codes work at once"
    )
    until = claims or ends
    words = f"{begins}, {f'until {until:%Y-%m-%d %H:%M} UTC' if until else 'without an end'}."
    return Check(name="Dates", verdict="fine", words=words)


def _account(campaign: Campaign, conditions: list[Condition]) -> Check:
    account = campaign.account
    if account is None:
        return Check(
            name="Budget", verdict="stop", words="No account pays: choose who is billed and save."
        )
    left = balance_on(account) or 0
    if any(condition.currency != account.currency for condition in conditions):
        return Check(
            name="Budget",
            verdict="stop",
            words=f"{account.name} is kept in {account.currency}, and a condition is not.",
        )
    words = f"{account.name} pays, and has {display_amount(left, account.currency)}."
    dearest = max((condition.card_value_minor or 0 for condition in conditions), default=0)
    if left < dearest or left <= 0:
        words += " That pays for no reward: allocate credit to it."
        return Check(name="Budget", verdict="warn", words=words)
    return Check(name="Budget", verdict="fine", words=words)


def _conditions(conditions: list[Condition]) -> Check:
    if not conditions:
        return Check(name="Conditions", verdict="stop", words="Add one: what earns which card?")
    for condition in conditions:
        if condition.brand is None or condition.card_value_minor is None:
            words = f"Number {condition.number} lacks its brand or value."
            return Check(name="Conditions", verdict="stop", words=words)
        if not condition.is_offered:  # type: ignore[attr-defined]  # added by with_offer
            value = display_amount(condition.card_value_minor, condition.currency)
            words = f"{condition.brand.name} of {value} is not offered to this client."
            return Check(name="Conditions", verdict="stop", words=words)
    earned = ", ".join(
        f"{condition.brand.name if condition.brand else ''} "
        f"{display_amount(condition.card_value_minor or 0, condition.currency)}"
        for condition in conditions
    )
    return Check(name="Conditions", verdict="fine", words=f"They earn {earned}.")


def _stock(campaign: Campaign, conditions: list[Condition], now: datetime) -> Check:
    empty = [
        condition
        for condition in conditions
        if find_supply(
            pool_id=condition.pool_id,
            client_id=campaign.client_id,
            brand_id=condition.brand_id,
            value_minor=condition.card_value_minor,
            currency=condition.currency,
            providers=configured_providers(),
            now=now,
        )
        is Supply.NOWHERE
    ]
    if not empty:
        words = "There are cards, or they can be bought." if conditions else "Nothing to look for."
        return Check(name="Stock", verdict="fine", words=words)
    numbers = ", ".join(str(condition.number) for condition in empty)
    follows = "people would wait" if campaign.queue_when_empty else "people would be sent away"
    words = f"No card for condition {numbers}, and none can be bought: {follows}."
    return Check(name="Stock", verdict="warn", words=words)


def _texts(campaign: Campaign) -> Iterator[Check]:
    try:
        choose_provider(MessageTemplate.Channel.SMS)
    except NotConfiguredError as error:
        yield Check(name="Texts", verdict="warn", words=f"They can't be sent: {error}.")
    else:
        reward = _whose_words(campaign, MessageTemplate.Purpose.REWARD)
        yield Check(name="Texts", verdict="fine", words=f"The reward's text has {reward}.")
    if campaign.opt_in_required:
        opt_in = _whose_words(campaign, MessageTemplate.Purpose.OPT_IN)
        yield Check(
            name="Opt-in", verdict="fine", words=f"People are asked by text first, with {opt_in}."
        )


def _whose_words(campaign: Campaign, purpose: str) -> str:
    template = load_templates(client_ids={campaign.client_id}).find(
        client_id=campaign.client_id,
        campaign_id=campaign.pk,
        purpose=purpose,
        channel=MessageTemplate.Channel.SMS,
        locale=campaign.locale,
    )
    if template is None:
        return "our own words"
    if template.campaign_id is not None:
        return "the campaign's own template"
    return "the client's template" if template.client_id else "the platform's template"


def _codes(campaign: Campaign) -> Check:
    strength = strength_of(campaign)
    if strength.level == "weak":
        return Check(name="Codes", verdict="warn", words=strength.words)
    return Check(name="Codes", verdict="fine", words=strength.words)


def _recipients(campaign: Campaign) -> Check:
    people = Recipient.objects.filter(campaign=campaign, is_test=False)
    if not people.exists():
        words = "Nobody has a code yet: upload people, or make codes."
        return Check(name="People", verdict="warn", words=words)
    if campaign.second_factor:
        unknown = people.filter(Q(**{campaign.second_factor: ""})).count()
        if unknown:
            asked = campaign.get_second_factor_display().lower()
            words = (
                f"{unknown:,} have no {asked} on file: they can't redeem by themselves, and have "
                "to call."
            )
            return Check(name="People", verdict="warn", words=words)
    return Check(name="People", verdict="fine", words="There are people with codes.")


def _tried(campaign: Campaign) -> Check:
    if campaign.test_mode:
        words = "Test mode is on: every code walks as a test, and nobody gets a card."
        return Check(name="Test", verdict="warn", words=words)
    tried = Redemption.objects.filter(campaign=campaign, is_test=True, issued_at__isnull=False)
    if not tried.exists():
        words = "Nobody has walked the way with a test code yet: make one."
        return Check(name="Test", verdict="warn", words=words)
    return Check(name="Test", verdict="fine", words="Somebody has walked the way with a test code.")
