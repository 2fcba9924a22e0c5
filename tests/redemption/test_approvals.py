"""Approving recipients and turning them down: what goes on by itself, and what ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as HttpClient

from alerts.codes import ErrorCode
from alerts.errors import ValidationFailedError
from credit.models import AuditEvent
from credit.selectors.viewers import SYSTEM, Grant, Role, Viewer
from redemption.models import Campaign, Condition, Recipient, Redemption
from redemption.services.approvals import (
    Decisions,
    NotApprovedError,
    decide_recipients,
    end_rejected,
)
from redemption.services.serving import serve_waiting
from sms.models import Message
from tests.races import run_at_once
from tests.redemption.asking import ask, refused
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(2)
    Campaign.objects.update(approval_required=True)
    world.campaign.refresh_from_db()
    return world


def decide(*codes: str, world: World, **changes: Any) -> Decisions:
    facts: dict[str, Any] = {
        "viewer": SYSTEM,
        "recipient_ids": [world.recipient(code).pk for code in codes],
        "is_approved": True,
        "reason": "",
        "now": NOW,
    }
    return decide_recipients(**{**facts, **changes})


def reject(*codes: str, world: World, **changes: Any) -> Decisions:
    return decide(*codes, world=world, is_approved=False, reason="Not a customer", **changes)


class TestApproving:
    def test_lets_the_waiting_reward_go_on_by_itself(self, world: World) -> None:
        first, second = world.invite(2)
        waiting = ask(first)
        assert (waiting.state, waiting.reason_code) == ("waiting_approval", "GC-103")
        ask(second)
        assert decide(first, world=world) == Decisions(decided=1, unchanged=0, have_reward=0)
        assert serve_waiting(now=NOW, limit=10).served == 1
        assert Redemption.objects.get(pk=waiting.redemption_id).state == "issued"
        assert Redemption.objects.exclude(pk=waiting.redemption_id).get().state == (
            "waiting_approval"
        )
        assert Message.objects.get().reference_id == waiting.redemption_id

    def test_is_audited_once(self, world: World) -> None:
        (code,) = world.invite()
        decide(code, world=world, reason="Known to the clinic")
        assert decide(code, world=world).unchanged == 1
        event = AuditEvent.objects.get(action="recipient.approved")
        assert event.object_id == str(world.recipient(code).pk)
        assert event.details == {
            "before": {"approval": "pending"},
            "after": {"approval": "approved"},
            "reason": "Known to the clinic",
        }
        assert (event.actor, event.client_id) == ("system", world.client.pk)

    def test_may_come_after_all(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        reject(code, world=world)
        decide(code, world=world)
        assert ask(code).state == "issued"


class TestRejecting:
    def test_ends_what_waits_and_touches_no_card_and_no_money(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        before = world.balance()
        assert reject(code, world=world).decided == 1
        redemption = Redemption.objects.get()
        assert (redemption.state, redemption.reason_code) == ("failed", "GC-115")
        assert redemption.card_id is None
        assert world.balance() == before
        assert serve_waiting(now=NOW, limit=10).served == 0

    def test_is_said_to_the_customer(self, world: World) -> None:
        (code,) = world.invite()
        http = HttpClient()
        http.post("/redeem/", {"code": code})
        http.post("/redeem/", {"method": "sms", "phone": "202 555 0123"})
        reject(code, world=world)
        for page in (
            http.get("/redeem/").content.decode(),
            HttpClient().post("/redeem/", {"code": code}).content.decode(),
        ):
            assert "This reward was not approved" in page
            assert "GC-" not in page

    def test_refuses_the_code_from_then_on(self, world: World) -> None:
        (code,) = world.invite()
        reject(code, world=world)
        with refused(ErrorCode.STATE_FORBIDS) as refusal:
            ask(code)
        assert isinstance(refusal.value, NotApprovedError)

    def test_comes_too_late_for_who_has_their_reward(self, world: World) -> None:
        (code,) = world.invite()
        decide(code, world=world)
        ask(code)
        assert reject(code, world=world) == Decisions(decided=0, unchanged=0, have_reward=1)
        assert world.recipient(code).approval == "approved"
        assert Redemption.objects.get().state == "issued"

    def test_needs_a_reason(self, world: World) -> None:
        (code,) = world.invite()
        with pytest.raises(ValidationFailedError) as refusal:
            decide(code, world=world, is_approved=False, reason=" ")
        assert list(refusal.value.errors) == ["reason"]
        assert world.recipient(code).approval == "pending"

    def test_is_finished_by_the_next_round_after_a_crash(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        Recipient.objects.update(approval="rejected")  # killed right after that commit
        assert end_rejected(now=NOW) == 1
        assert end_rejected(now=NOW) == 0
        assert Redemption.objects.get().state == "failed"

    def test_ends_every_condition_that_waits(self, world: World) -> None:
        Condition.objects.create(
            campaign=world.campaign,
            number=2,
            name="Came again",
            brand=world.brand,
            card_value_minor=2500,
            pool=world.pool,
        )
        (code,) = world.invite()
        for number in (1, 2):
            ask(code, condition_number=number)
        reject(code, world=world)
        assert set(Redemption.objects.values_list("state", flat=True)) == {"failed"}


class TestWho:
    def test_decides_about_nobody_elses_recipients(self, world: World) -> None:
        other = build_world(name="Birch")
        (code,) = world.invite()
        stranger = Viewer(
            actor="user:1",
            client_ids=frozenset({other.client.pk}),
            grants=(Grant(role=Role.CLIENT_MANAGER, client_id=other.client.pk),),
        )
        assert decide(code, world=world, viewer=stranger).unchanged == 1
        assert world.recipient(code).approval == "pending"
        assert AuditEvent.objects.filter(action__startswith="recipient.").count() == 0

    def test_needs_more_than_to_look_on(self, world: World) -> None:
        (code,) = world.invite()
        for role in (Role.AUDITOR, Role.AGENT):
            onlooker = Viewer(
                actor="user:1",
                client_ids=frozenset({world.client.pk}),
                grants=(Grant(role=role, client_id=world.client.pk),),
            )
            assert decide(code, world=world, viewer=onlooker).unchanged == 1
        assert world.recipient(code).approval == "pending"


class TestAtOnce:
    def test_each_is_decided_and_audited_once(self, world: World) -> None:
        codes = world.invite(3)
        for code in codes:
            ask(code)
        outcomes = run_at_once(6, lambda: reject(*codes, world=world))
        assert all(isinstance(one, Decisions) for one in outcomes), outcomes
        assert AuditEvent.objects.filter(action="recipient.rejected").count() == 3
        assert set(Redemption.objects.values_list("state", flat=True)) == {"failed"}
