"""One rule in three places: the database decides, the page foretells, the queue picks.

``redemption_check_open`` is the rule; ``find_code`` tells people what it will say before they
try, and ``serve_waiting`` leaves alone whom it would refuse. They must never disagree.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from alerts.errors import ServiceError
from credit.models import Agency, Client
from giftcards.models import (
    AgencyBrand,
    Brand,
    ClientBrand,
    ClientDenomination,
    Denomination,
)
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.selectors.codes import find_code
from redemption.services import serving
from sms.models import OptIn
from tests.database import empty_tables
from tests.redemption.asking import TEXT, ask
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

_TIMES: Final[st.SearchStrategy[datetime | None]] = st.sampled_from(
    [None, NOW - timedelta(days=2), NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)]
)
# Who may have switched the card off that the condition promises.
_SWITCHES: Final = ("brand", "value", "agency", "client", "client's value", "no such value")
_SITUATION: Final[dict[str, st.SearchStrategy[Any]]] = {
    "status": st.sampled_from(["active", *Campaign.Status.values]),
    "starts_at": _TIMES,
    "ends_at": _TIMES,
    "claim_expires_at": _TIMES,
    "approval_required": st.booleans(),
    "approval": st.sampled_from(["not_needed", *Recipient.Approval.values]),
    "opt_in_required": st.booleans(),
    "opted_in": st.booleans(),
    "client_is_active": st.integers(0, 9).map(bool),
    "agency_is_active": st.integers(0, 9).map(bool),
    "offered": st.sampled_from([True, True, True, *_SWITCHES]),
    "is_test": st.integers(0, 4).map(lambda number: number == 0),
    "test_mode": st.integers(0, 4).map(lambda number: number == 0),
    "cap_per_day": st.sampled_from([None, None, 1, 2]),
    "claimed_today": st.integers(0, 1),
    "cards": st.integers(0, 1),
}
SITUATIONS: Final = st.fixed_dictionaries(_SITUATION)
PLAIN: Final[dict[str, Any]] = {
    "status": "active", "starts_at": None, "ends_at": None, "claim_expires_at": None,
    "approval_required": False, "approval": "not_needed", "opt_in_required": False,
    "opted_in": False, "client_is_active": True, "agency_is_active": True, "offered": True,
    "is_test": False, "test_mode": False, "cap_per_day": None, "claimed_today": 0, "cards": 1,
}  # fmt: skip
# What each foretold state comes to when the code is redeemed.
COMES_TO: Final = {
    "ready": {"issued"},
    "out_of_stock": {"waiting_stock"},
    "waiting_opt_in": {"waiting_opt_in"},
    "waiting_approval": {"waiting_approval"},
    "expired": {"GC-106"},
    "not_active": {"GC-104", "GC-115"},
    "out_of_credit": {"GC-006"},
    "not_offered": {"GC-001", "GC-002"},
    "cap_reached": {"GC-105"},
}
tries = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def arrange(situation: dict[str, Any], world: World) -> None:
    """Make the world what the situation says, past all forms."""
    if None not in (situation["starts_at"], situation["ends_at"]):
        assume(situation["starts_at"] < situation["ends_at"])
    # Test mode begins before anybody has claimed in earnest.
    assume(not (situation["test_mode"] and Redemption.objects.exists()))
    Campaign.objects.update(
        **{
            name: situation[name]
            for name in (
                "status", "starts_at", "ends_at", "claim_expires_at", "approval_required",
                "opt_in_required", "test_mode", "cap_per_day",
            )
        }
    )  # fmt: skip
    Recipient.objects.update(approval=situation["approval"], phone=TEXT.to)
    Client.objects.update(is_active=situation["client_is_active"])
    Agency.objects.update(is_active=situation["agency_is_active"])
    switch_off(situation["offered"], world)
    if situation["opted_in"]:
        OptIn.objects.create(client=world.client, phone=TEXT.to, state=OptIn.State.GRANTED)


def switch_off(switch: bool | str, world: World) -> None:
    """Let one of those who may say so not offer the condition's card."""
    match switch:
        case "brand":
            Brand.objects.update(is_enabled=False)
        case "value":
            Denomination.objects.update(is_enabled=False)
        case "agency":
            AgencyBrand.objects.create(agency=world.agency, brand=world.brand, is_offered=False)
        case "client":
            ClientBrand.objects.create(client=world.client, brand=world.brand, is_offered=False)
        case "client's value":
            ClientDenomination.objects.create(
                client=world.client, denomination=world.denomination, is_offered=False
            )
        case "no such value":
            Condition.objects.update(card_value_minor=1)


def outcome_of(code: str, *, resume: bool = False) -> str:
    try:
        return ask(code, resume=resume).state
    except ServiceError as refusal:
        return refusal.code.code


class TestFindCode:
    @tries
    @given(situation=SITUATIONS)
    @example(situation={**PLAIN, "status": "ended"})
    @example(situation={**PLAIN, "status": "ended", "claim_expires_at": NOW})
    @example(situation={**PLAIN, "agency_is_active": False})
    @example(situation={**PLAIN, "offered": "brand"})
    @example(situation={**PLAIN, "offered": "agency", "cards": 0})
    @example(situation={**PLAIN, "offered": "client", "opt_in_required": True})
    @example(situation={**PLAIN, "offered": "client's value", "is_test": True})
    @example(situation={**PLAIN, "offered": "no such value"})
    @example(situation={**PLAIN, "cap_per_day": 1, "claimed_today": 1})
    @example(situation={**PLAIN, "cap_per_day": 2, "claimed_today": 1})
    @example(situation={**PLAIN, "cap_per_day": 1, "claimed_today": 1, "is_test": True})
    @example(situation={**PLAIN, "status": "draft", "test_mode": True, "cards": 0})
    def test_foretells_what_redeeming_comes_to(self, situation: dict[str, Any]) -> None:
        empty_tables()
        world = build_world()
        (code,) = world.invite(is_test=situation["is_test"])
        # What another has claimed, who is still waiting for it.
        for other in world.invite(situation["claimed_today"]):
            Campaign.objects.update(cap_per_day=1)
            ask(other)
        world.stock(situation["cards"])
        arrange(situation, world)
        facts = find_code(code=code, now=NOW)
        assert facts is not None
        outcome = outcome_of(code)
        assert outcome in COMES_TO[facts.state], situation
        assert facts.is_valid is (facts.state in {"ready", "out_of_stock", "waiting_opt_in"})


class TestServeWaiting:
    @tries
    @given(situation=SITUATIONS)
    @example(situation={**PLAIN, "status": "ended"})
    @example(situation={**PLAIN, "agency_is_active": False})
    @example(situation={**PLAIN, "offered": "value"})
    @example(situation={**PLAIN, "offered": "client"})
    def test_tries_whom_the_rule_lets_in_and_nobody_else(self, situation: dict[str, Any]) -> None:
        empty_tables()
        world = build_world()
        (code,) = world.invite()
        ask(code)
        world.stock(situation["cards"])
        arrange(situation, world)
        is_tried = (
            serving._served_by_us(NOW)
            .filter(recipient=world.recipient(code))
            .exclude(condition_id__in=serving._unoffered(NOW))
            .exists()
        )
        # A campaign that begins later has nobody waiting yet.
        if situation["starts_at"] is not None and situation["starts_at"] > NOW:
            return
        outcome = outcome_of(code, resume=True)
        refusals = {"GC-002", "GC-104", "GC-106", "GC-115", "GC-006"}
        assert is_tried is (outcome not in refusals), situation
        assert Redemption.objects.filter(state=outcome).exists() is is_tried
