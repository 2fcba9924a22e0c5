"""Rewards that a person has brought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.transactions import transaction
from credit.models import AuditEvent, Membership
from credit.selectors.viewers import SYSTEM, viewer_of_user
from credit.services.idempotency import KeyAnsweredError, claim_key
from giftcards.services.secrets import open_field
from redemption.models import DeskTask, ProvisioningTrace, Redemption
from redemption.services.by_hand import DeliveredByHand, mark_delivered_by_hand
from redemption.services.outcomes import record_outcome
from redemption.services.redeem import Contact, RedeemResult
from redemption.services.resending import resend_reward
from sms.models import Message
from sms.services.parties import MessageEvent, Outcome
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import (
    LATER,
    cancel,
    card_of,
    clean_up,
    history,
    live_links,
    message_states,
    redeem_one,
    refunds,
    row,
)
from tests.staff import make_user
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOTE = "Read out on the phone, the birthday was right"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def mark(result: RedeemResult, **changes: Any) -> DeliveredByHand:
    facts = {"viewer": SYSTEM, "note": NOTE, "now": LATER}
    return mark_delivered_by_hand(**{**facts, "redemption_id": result.redemption_id, **changes})


class TestMarkDeliveredByHand:
    def test_marks_message_reward_and_card(self, world: World) -> None:
        result = redeem_one(world)
        marked = mark(result)
        message = Message.objects.get()
        assert marked.message_id == message.pk
        assert (message.state, message.next_attempt_at, message.delivered_at) == (
            "manually_delivered", None, LATER,
        )  # fmt: skip
        assert (row(result).state, row(result).delivered_at) == ("delivered", LATER)
        card = card_of(result)
        assert (card.status, card.disclosed_at, card.delivered_at) == ("delivered", LATER, LATER)
        assert history(card)[-1][:3] == ("claimed", "delivered", "system")
        # The recipient may still look at it.
        assert live_links(result) == [1]

    @pytest.mark.parametrize(
        "state", ["sending", "unknown", "accepted", "sent", "undelivered", "failed", "suppressed"]
    )
    def test_stands_for_a_message_in_any_state(self, world: World, state: str) -> None:
        result = redeem_one(world)
        Message.objects.update(state=state, next_attempt_at=None)
        mark(result)
        assert message_states(result) == [("reward", "manually_delivered")]

    def test_leaves_a_message_that_arrived(self, world: World) -> None:
        result = redeem_one(world)
        Message.objects.update(state="delivered", next_attempt_at=None)
        assert mark(result).message_id is None
        assert message_states(result) == [("reward", "delivered")]
        assert card_of(result).disclosed_at == LATER

    def test_marks_the_latest_and_sends_nothing_more(self, world: World) -> None:
        result = redeem_one(world)
        resend_reward(viewer=SYSTEM, redemption_id=result.redemption_id, now=LATER)
        mark(result)
        assert message_states(result) == [("reward", "cancelled"), ("resend", "manually_delivered")]
        assert not Message.objects.exclude(next_attempt_at=None).exists()

    def test_needs_no_message(self, world: World) -> None:
        result = redeem_one(world, contact=Contact(method="none"))
        assert mark(result).message_id is None
        assert row(result).state == "delivered"

    def test_keeps_what_was_delivered_and_confirmed_before(self, world: World) -> None:
        result = redeem_one(world)
        Redemption.objects.update(state="confirmed", delivered_at=NOW, confirmed_at=NOW)
        mark(result)
        redemption = row(result)
        assert (redemption.state, redemption.delivered_at) == ("confirmed", NOW)

    def test_takes_the_task_off_the_list(self, world: World) -> None:
        result = redeem_one(world)
        message = Message.objects.get()
        Message.objects.update(state="failed", next_attempt_at=None)
        event = MessageEvent(
            message_id=message.pk,
            client_id=message.client_id,
            purpose="reward",
            channel="sms",
            reference_kind="redemption",
            reference_id=result.redemption_id,
            outcome=Outcome.GIVEN_UP,
            state="failed",
            error_code="30006",
        )
        with transaction():
            record_outcome(events=[event], now=NOW)
        assert DeskTask.objects.get(kind="reward_not_delivered").done_at is None
        mark(result)
        assert DeskTask.objects.get(kind="reward_not_delivered").outcome == "settled"

    def test_keeps_card_and_charge_from_going_back(self, world: World) -> None:
        result = redeem_one(world)
        mark(result)
        clean_up()
        assert row(result).state == "delivered"
        ended = cancel(result)
        assert (ended.card, ended.refunded_minor) == ("void", 0)
        assert refunds() == []

    def test_is_written_down(self, world: World) -> None:
        result = redeem_one(world)
        marked = mark(result)
        event = AuditEvent.objects.get(action="redemption.delivered_by_hand")
        assert event.details == {
            "before": {"state": "issued", "message": "queued"},
            "after": {"message_id": str(marked.message_id)},
            "reason": NOTE,
        }
        assert ProvisioningTrace.objects.get(step="deliver_by_hand").status == "ok"

    def test_of_a_test_discloses_nothing(self, world: World) -> None:
        result = ask(world.invite(is_test=True)[0])
        mark(result)
        assert row(result).state == "delivered"

    def test_with_a_claim_happens_once(self, world: World) -> None:
        result = redeem_one(world)
        claim = claim_key(owner="c", key="k", method="POST", path="/x", body={})
        mark(result, claim=claim)
        with pytest.raises(KeyAnsweredError):
            mark(result, claim=claim)
        assert AuditEvent.objects.filter(action="redemption.delivered_by_hand").count() == 1

    def test_asks_how_without_a_code(self, world: World) -> None:
        result = redeem_one(world)
        before = snapshot()
        code = open_field(card_of(result).code_encrypted, field="code")
        for note in ("", "  ", "x" * 501, f"Told them {code}"):
            with pytest.raises(ValidationFailedError) as refused:
                mark(result, note=note)
            assert list(refused.value.errors) == ["note"]
        assert snapshot() == before

    def test_is_not_for_what_has_no_card_or_has_ended(self, world: World) -> None:
        waiting = ask(world.invite()[0])
        ended = redeem_one(build_world(name="Birch"))
        cancel(ended)
        before = snapshot()
        for result in (waiting, ended):
            with pytest.raises(ServiceError) as refused:
                mark(result)
            assert refused.value.code is ErrorCode.STATE_FORBIDS
        assert snapshot() == before

    def test_is_an_agents_and_no_auditors(self, world: World) -> None:
        result = redeem_one(world)
        auditor, agent = make_user(), make_user()
        Membership.objects.create(user=auditor, role="auditor", client=world.client)
        Membership.objects.create(user=agent, role="agent", client=world.client)
        with pytest.raises(ServiceError) as refused:
            mark(result, viewer=viewer_of_user(auditor.pk))
        assert refused.value.code is ErrorCode.NOT_FOUND
        assert row(result).state == "issued"
        mark(result, viewer=viewer_of_user(agent.pk))
        assert history(card_of(result))[-1][2] == f"user:{agent.pk}"
