"""The end of a campaign's claims: who is reminded, what is taken back, and what never is."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client as HttpClient

from alerts.codes import ErrorCode
from alerts.transactions import transaction
from credit.models import AuditEvent
from redemption.models import Campaign, Redemption
from redemption.services.claim_expiry import ClaimExpiry, expire_claims, remind_claims
from redemption.services.outcomes import record_outcome
from redemption.services.redeem import RedeemResult
from redemption.services.showing import LinkExpiredError, bind_link, show_card
from sms.models import Message
from sms.services.parties import MessageEvent, Outcome
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import TEXT, ask, refused
from tests.redemption.taking_back import (
    card_of,
    expire,
    history,
    live_links,
    message_states,
    redeem_one,
    refunds,
    replace,
    row,
)
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
END = NOW + 10 * DAY
WHY = "Never opened by the campaign's claim expiry"


@pytest.fixture
def world() -> World:
    world = build_world()
    Campaign.objects.update(claim_expires_at=END)
    return world


def reach(result: RedeemResult) -> None:
    """Let the text with the link arrive, which nobody opens."""
    (message,) = Message.objects.filter(reference_id=result.redemption_id)
    for outcome in (Outcome.ACCEPTED, Outcome.DELIVERED):
        event = MessageEvent(
            message_id=message.pk,
            client_id=message.client_id,
            purpose="reward",
            channel="sms",
            reference_kind="redemption",
            reference_id=result.redemption_id,
            outcome=outcome,
            state=outcome.value,
        )
        with transaction():
            record_outcome(events=[event], now=NOW)
    Message.objects.update(state="delivered", next_attempt_at=None)


def end(days: int = 11) -> ClaimExpiry:
    return expire_claims(now=NOW + days * DAY, limit=100)


class TestTakingBack:
    @pytest.mark.parametrize("is_reached", [False, True])
    def test_gives_card_and_credit_back(self, world: World, is_reached: bool) -> None:
        balance = world.balance()
        result = redeem_one(world)
        if is_reached:
            reach(result)
            assert card_of(result).status == "delivered"
        assert end() == ClaimExpiry(taken_back=1, failed=0)
        redemption = row(result)
        assert (redemption.state, redemption.reason_code) == ("failed", "GC-106")
        assert redemption.card_id is None
        card = card_of(result)
        assert (card.status, card.holder_id, card.delivered_at) == ("available", None, None)
        assert history(card)[-1][1:] == ("available", "system", WHY)
        assert refunds() == [2_500]
        assert world.balance() == balance
        assert live_links(result) == []
        assert broken_invariants() == {}

    def test_is_audited_and_done_once(self, world: World) -> None:
        result = redeem_one(world)
        assert end().taken_back == 1
        assert end(12).taken_back == 0
        event = AuditEvent.objects.get(action="redemption.claim_expired")
        assert event.object_id == str(result.redemption_id)
        assert event.details["after"] == {
            "state": "failed",
            "card": "returned",
            "refunded_minor": 2_500,
            "currency": "USD",
        }
        assert refunds() == [2_500]

    def test_waits_for_the_moment(self, world: World) -> None:
        result = redeem_one(world)
        assert expire_claims(now=END, limit=100).taken_back == 0
        assert row(result).state == "issued"
        assert expire_claims(now=END + timedelta(seconds=1), limit=100).taken_back == 1

    def test_never_takes_a_card_that_was_seen(self, world: World) -> None:
        result = redeem_one(world)
        show_card(redemption_id=result.redemption_id, actor="customer", now=NOW)
        assert end() == ClaimExpiry()
        assert row(result).state == "delivered"
        assert card_of(result).status == "delivered"
        assert refunds() == []
        assert live_links(result) == [1]

    def test_never_takes_one_in_whose_place_another_was_seen(self, world: World) -> None:
        result = redeem_one(world)
        show_card(redemption_id=result.redemption_id, actor="customer", now=NOW)
        world.stock(1)
        replace(result)
        assert end() == ClaimExpiry()
        assert row(result).state in Redemption.STANDING
        assert refunds() == []

    def test_leaves_alone_tests_and_campaigns_without_an_end(self, world: World) -> None:
        ask(world.invite(is_test=True)[0])
        other = build_world(name="Birch")
        redeem_one(other)
        assert end() == ClaimExpiry()
        assert set(Redemption.objects.values_list("state", flat=True)) == {"issued"}

    def test_stops_at_its_limit_and_goes_on(self, world: World) -> None:
        for _ in range(3):
            redeem_one(world)
        assert expire_claims(now=END + DAY, limit=2).taken_back == 2
        assert expire_claims(now=END + DAY, limit=2).taken_back == 1

    def test_is_said_to_who_comes_too_late(self, world: World) -> None:
        result = redeem_one(world)
        end()
        assert result.reveal_token is not None
        with pytest.raises(LinkExpiredError):
            bind_link(token=result.reveal_token, browser_digest=b"x" * 32, now=NOW + 11 * DAY)
        page = HttpClient().get(f"/r/{result.reveal_token}/")
        assert page.status_code == 410
        assert "GC-" not in page.content.decode()

    def test_lets_the_code_be_used_anew_when_the_end_is_moved(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        ask(code)
        end()
        with refused(ErrorCode.CODE_EXPIRED):
            ask(code, now=NOW + 11 * DAY)
        Campaign.objects.update(claim_expires_at=NOW + 20 * DAY)
        assert ask(code, now=NOW + 11 * DAY).state == "issued"
        assert broken_invariants() == {}

    def test_is_done_once_by_two_rounds_at_once(self, world: World) -> None:
        for _ in range(5):
            redeem_one(world)
        rounds = run_at_once(4, end)
        assert all(isinstance(one, ClaimExpiry) for one in rounds), rounds
        assert sum(one.taken_back for one in rounds if isinstance(one, ClaimExpiry)) == 5
        assert refunds() == [2_500] * 5
        assert broken_invariants() == {}


class TestReminding:
    def remind(self, days: float) -> int:
        return remind_claims(now=NOW + timedelta(days=days), limit=100)

    def reminders(self) -> list[UUID]:
        found = Message.objects.filter(purpose="reminder")
        return list(found.values_list("reference_id", flat=True))

    def test_goes_out_some_days_before_to_where_the_reward_went(self, world: World) -> None:
        result = redeem_one(world)
        assert self.remind(6.9) == 0
        assert self.remind(7.1) == 1
        assert message_states(result)[-1] == ("reminder", "queued")
        message = Message.objects.get(purpose="reminder")
        assert (message.channel, message.to) == ("sms", TEXT.to)

    def test_goes_out_once(self, world: World) -> None:
        redeem_one(world)
        assert [self.remind(day) for day in (8, 8, 9)] == [1, 0, 0]

    def test_goes_out_once_from_rounds_at_once(self, world: World) -> None:
        for _ in range(3):
            redeem_one(world)
        rounds = run_at_once(6, lambda: self.remind(8))
        assert sum(one for one in rounds if isinstance(one, int)) == 3, rounds
        assert len(set(self.reminders())) == len(self.reminders()) == 3

    @pytest.mark.parametrize("change", [{"claim_reminder_days": 0}, {"claim_expires_at": None}])
    def test_is_for_campaigns_that_want_it(self, world: World, change: dict[str, object]) -> None:
        redeem_one(world)
        Campaign.objects.update(**change)
        assert self.remind(8) == 0

    def test_leaves_alone_who_needs_none(self, world: World) -> None:
        opened = redeem_one(world)
        show_card(redemption_id=opened.redemption_id, actor="customer", now=NOW)
        redeem_one(world, now=NOW + 7.5 * DAY)  # has it only since this morning
        redeem_one(world, contact=type(TEXT)(method="none"))
        assert self.remind(8) == 0
        assert self.reminders() == []

    def test_comes_too_late_once_it_is_over(self, world: World) -> None:
        redeem_one(world)
        assert self.remind(10.1) == 0

    def test_is_not_sent_for_what_was_taken_back(self, world: World) -> None:
        result = redeem_one(world)
        self.remind(8)
        expire(NOW + 11 * DAY)
        assert message_states(result) == [("reward", "cancelled"), ("reminder", "cancelled")]
