"""The monitors of the way to a card: stuck on it, refused on it, slow on it, attacked on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from pytest_django import Settings

from alerts.models import Alert
from giftcards.services.revealing import reveal_card
from redemption.models import AddressBlock, Campaign, Condition
from redemption.services.blocks import allow_address, block_address, lift_rule
from redemption.services.form_alerts import review_forms
from redemption.services.redeem import RedeemResult
from sms.models import Message
from tests.alerts.monitoring import facts, look, standing, told, told_by_slack
from tests.database import owner_url
from tests.races import run_at_once
from tests.redemption.asking import ask, caller
from tests.redemption.guarding import attempt, empty_counters, fail, moment, shipped_limits
from tests.redemption.taking_back import card_of, clean_up, give_up_text, redeem_one
from tests.staff import make_user
from tests.world import NOW, World, build_world

__all__ = ["empty_counters", "shipped_limits", "told_by_slack"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


class TestWatchStuckCards:
    def test_finds_a_card_whose_worker_died_and_ends_when_it_is_taken_back(
        self, world: World
    ) -> None:
        result = redeem_one(world)
        assert look("stuck_cards", now=NOW + minutes(15)) == []
        late = NOW + minutes(16)
        assert look("stuck_cards", now=late) == [("stuck_card", "warning")]
        assert told() == [("opened", "warning")]
        give_up_text(result)
        clean_up(late)
        assert look("stuck_cards", now=late) == [("stuck_card_taken_back", "warning")]
        assert told()[1:] == [("opened", "warning"), ("resolved", "warning")]

    def test_finds_again_what_the_clean_up_left_to_a_person(self, world: World) -> None:
        result = redeem_one(world)
        boss = make_user(is_superuser=True)
        card = card_of(result)
        reveal_card(card_id=card.pk, user=boss, address="::1", reason="Reads it out", now=NOW)
        give_up_text(result)
        late = NOW + minutes(16)
        clean_up(late)
        words = Alert.objects.get(kind="stuck_card").message
        assert look("stuck_cards", now=late) == [("stuck_card", "warning")]
        assert Alert.objects.get().message == words
        assert told() == [("opened", "warning")]

    def test_leaves_alone_what_is_tried_again_later(self, world: World) -> None:
        redeem_one(world)
        Message.objects.update(attempts_used=1, next_attempt_at=NOW + minutes(30))
        assert look("stuck_cards", now=NOW + minutes(16)) == []
        # Nobody has tried it: now it is stuck.
        assert look("stuck_cards", now=NOW + minutes(31)) == [("stuck_card", "warning")]

    def test_says_of_more_than_five_that_they_are_many(self, world: World) -> None:
        results = [redeem_one(world) for _ in range(6)]
        late = NOW + minutes(16)
        assert look("stuck_cards", now=late) == [("many_stuck_cards", "critical")]
        assert facts("many_stuck_cards") == {"stuck": 6}
        # The clean-up counts them too, and says it under the same key.
        clean_up(late)
        assert standing() == [("many_stuck_cards", "critical")]
        assert told() == [("opened", "critical")]
        for result in results:
            give_up_text(result)
        clean_up(late)
        look("stuck_cards", now=late)
        assert "many_stuck_cards" not in dict(standing())

    def test_keeps_those_that_stand_when_they_become_many(self, world: World) -> None:
        redeem_one(world)
        late = NOW + minutes(16)
        assert look("stuck_cards", now=late) == [("stuck_card", "warning")]
        for _ in range(5):
            redeem_one(world)
        assert sorted(look("stuck_cards", now=late)) == [
            ("many_stuck_cards", "critical"),
            ("stuck_card", "warning"),
        ]


class TestWatchFailures:
    def refuse(self, world: World, count: int) -> None:
        """Let people ask for a reward that nobody has said what it is."""
        Condition.objects.update(brand=None)
        for code in world.invite(count):
            with pytest.raises(Exception, match="GC-001"):
                ask(code, caller=caller(request_id=str(uuid4())))

    def test_finds_more_than_ten_of_a_code_in_an_hour_until_it_is_over(self, world: World) -> None:
        redeem_one(world)
        self.refuse(world, 10)
        assert look("provisioning_failures", now=NOW) == []
        self.refuse(world, 1)
        assert look("provisioning_failures", now=NOW) == [("provisioning_failures", "warning")]
        assert facts("provisioning_failures") == {"code": "GC-001", "count": 11, "seconds": 3600.0}
        assert told() == [("opened", "warning")]
        assert look("provisioning_failures", now=NOW + minutes(61)) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_counts_five_times_as_many_as_an_emergency(
        self, world: World, settings: Settings
    ) -> None:
        settings.THRESHOLDS = replace(settings.THRESHOLDS, failures=(2, 3600.0))
        redeem_one(world)
        self.refuse(world, 11)
        assert look("provisioning_failures", now=NOW) == [("provisioning_failures", "critical")]

    def test_says_that_all_fail_where_nobody_is_served(self, world: World) -> None:
        self.refuse(world, 11)
        assert sorted(look("provisioning_failures", now=NOW)) == [
            ("provisioning_failures", "warning"),
            ("redemptions_failing", "critical"),
        ]
        Condition.objects.update(brand=world.brand)
        redeem_one(world)
        assert look("provisioning_failures", now=NOW) == [("provisioning_failures", "warning")]

    def test_does_not_hold_against_us_what_callers_get_wrong(self, world: World) -> None:
        (code,) = world.invite()
        world.stock(1)
        ask(code)
        for _ in range(11):
            with pytest.raises(Exception, match="GC-010"):
                ask(code, caller=caller(request_id=str(uuid4())))
        assert look("provisioning_failures", now=NOW) == []


class TestWatchSpeed:
    def slow_down(self, world: World, count: int, *, seconds: float) -> None:
        """Let many pay from an account whose row somebody holds for a while."""
        world.stock(count)
        codes = iter(world.invite(count))
        with psycopg.connect(owner_url()) as holder:
            holder.execute(
                "SELECT 1 FROM credit_account WHERE id = %s FOR UPDATE", [world.account.pk]
            )
            holder.execute(f"SET LOCAL idle_in_transaction_session_timeout = {seconds * 1000:.0f}")
            results = run_at_once(count, lambda: ask(next(codes)))
            with pytest.raises(psycopg.Error):
                holder.execute("SELECT 1")
        assert all(isinstance(result, RedeemResult) for result in results)

    def test_finds_that_twenty_were_slow_and_that_the_next_are_not(
        self, world: World, settings: Settings
    ) -> None:
        settings.THRESHOLDS = replace(settings.THRESHOLDS, slow_seconds=0.4)
        self.slow_down(world, 19, seconds=1.2)
        assert look("speed", now=NOW) == []  # too few to say anything
        self.slow_down(world, 1, seconds=1.2)
        assert look("speed", now=NOW) == [("slow_redemptions", "warning")]
        assert facts("slow_redemptions")["p95_seconds"] > 0.4
        assert told() == [("opened", "warning")]
        settings.THRESHOLDS = replace(settings.THRESHOLDS, very_slow_seconds=0.4)
        assert look("speed", now=NOW) == [("slow_redemptions", "critical")]
        assert told() == [("opened", "warning"), ("escalated", "critical")]
        later = NOW + minutes(16)
        for _ in range(20):
            world.stock(1)
            ask(world.invite()[0], now=later)
        assert look("speed", now=later) == []
        assert told()[2:] == [("resolved", "critical")]

    def test_holds_what_it_said_until_it_is_a_tenth_better(
        self, world: World, settings: Settings
    ) -> None:
        def tolerate(slow: float, very_slow: float) -> None:
            settings.THRESHOLDS = replace(
                settings.THRESHOLDS, slow_seconds=slow, very_slow_seconds=very_slow
            )

        self.slow_down(world, 20, seconds=1.2)
        tolerate(0.4, 0.5)
        assert look("speed", now=NOW) == [("slow_redemptions", "critical")]
        p95 = facts("slow_redemptions")["p95_seconds"]
        tolerate(0.4, p95 * 1.05)
        assert look("speed", now=NOW) == [("slow_redemptions", "critical")]
        tolerate(0.4, p95 * 1.2)
        assert look("speed", now=NOW) == [("slow_redemptions", "warning")]
        before = told()
        tolerate(p95 * 1.05, 99)
        assert look("speed", now=NOW) == [("slow_redemptions", "warning")]
        assert told() == before
        tolerate(p95 * 1.2, 99)
        assert look("speed", now=NOW) == []
        tolerate(p95 * 1.05, 99)
        assert look("speed", now=NOW) == []


@pytest.mark.usefixtures("shipped_limits", "empty_counters")
class TestWatchAttack:
    def guess_until_blocked(self, address: str) -> None:
        for number in range(20):
            fail(address=address, at=number * 61.0)

    def test_finds_who_was_blocked_until_the_block_is_lifted(self) -> None:
        self.guess_until_blocked("11.0.113.7")
        now = moment(1300)
        assert look("attack", now=now) == [("attack_blocked_addresses", "warning")]
        self.guess_until_blocked("11.51.100.9")
        assert look("attack", now=now) == [("attack_blocked_addresses", "warning")]
        assert facts("attack_blocked_addresses") == {"blocked": 2}
        assert told() == [("opened", "warning")]
        for block in AddressBlock.objects.all():
            lift_rule(model=AddressBlock, rule_id=block.pk, reason="Ours", actor="user:1", now=now)
        assert look("attack", now=now) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_leaves_to_its_own_alert_a_proxy_that_was_blocked(self) -> None:
        self.guess_until_blocked("10.1.2.3")
        assert look("attack", now=moment(1300)) == [("proxy_not_trusted", "critical")]

    def test_forgets_a_block_that_has_ended_or_has_no_effect(self) -> None:
        self.guess_until_blocked("11.0.113.7")
        now = moment(1300)
        look("attack", now=now)
        assert look("attack", now=now + timedelta(hours=25)) == []
        allow_address(
            network="11.0.113.7", reason="Our office", until=None, actor="user:1", now=now
        )
        assert look("attack", now=now) == []

    def test_does_not_tell_people_of_what_they_blocked_themselves(self) -> None:
        block_address(network="11.0.113.7", reason="Mine", until=None, actor="user:1", now=NOW)
        assert look("attack", now=NOW) == []

    def test_finds_again_a_form_that_was_slowed_down(self) -> None:
        for number in range(52):
            fail(address=f"12.1.0.{number}", at=number)
        for number in range(2):
            fail(address=f"12.2.0.{number}", at=55 + number * 3)
        assert look("attack", now=moment(60)) == [("codes_guessed", "warning")]
        assert told() == [("opened", "warning")]
        # It ends by itself, and the same hour is no second alert.
        later = moment(60 + 11 * 60)
        review_forms(now=later)
        assert look("attack", now=later) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_finds_slow_guesses_that_the_form_does_not_see(self) -> None:
        for number in range(50):
            fail(address=f"12.1.0.{number}", at=number * 60.0)
        assert not Alert.objects.exists()
        assert look("attack", now=moment(3000)) == [("attack_unknown_codes", "warning")]
        assert told() == [("opened", "warning")]
        for number in range(46):
            attempt(address=f"12.3.0.{number}", at=2990 + number / 10)
        assert look("attack", now=moment(3000)) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_is_calm_about_a_campaign_that_is_popular(self, world: World) -> None:
        assert Campaign.objects.exists()
        for number in range(60):
            attempt(address=f"12.3.0.{number}", at=number)
        assert look("attack", now=moment(60)) == []
