"""Alerts of figures that hover at their thresholds: one, and not one every five minutes."""

from __future__ import annotations

from uuid import uuid4

import pytest
from pytest_django import Settings

from alerts.models import Alert
from redemption.models import AddressBlock, Condition
from tests.alerts.monitoring import look, told, told_by_slack
from tests.redemption.asking import ask, caller
from tests.redemption.guarding import attempt, empty_counters, fail, moment, shipped_limits
from tests.world import NOW, World, build_world

__all__ = ["empty_counters", "shipped_limits", "told_by_slack"]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.mark.usefixtures("shipped_limits", "empty_counters")
class TestUnknownCodes:
    """From 60 percent of 50 tries on."""

    def fails(self, count: int) -> None:
        for _ in range(count):
            fail(address=self.address(), at=self.tick())

    def hits(self, count: int) -> None:
        for _ in range(count):
            attempt(address=self.address(), at=self.tick())

    def address(self) -> str:
        self.number = getattr(self, "number", 0) + 1
        return f"12.1.{self.number // 200}.{self.number % 200}"

    def tick(self) -> float:
        # So slowly that the form itself sees nothing.
        return self.number * 30.0

    def test_end_their_alert_by_a_tenth_of_the_share(self) -> None:
        self.fails(48)
        self.hits(32)
        now = moment(3500)
        assert look("attack", now=now) == [("attack_unknown_codes", "warning")]  # 60 %
        self.hits(8)
        assert look("attack", now=now) == [("attack_unknown_codes", "warning")]  # 54.5 %
        assert told() == [("opened", "warning")]
        self.hits(1)
        assert look("attack", now=now) == []  # 53.9 %
        # What held it before does not raise it anew.
        self.fails(5)
        assert look("attack", now=now) == []  # 56.4 %
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_end_their_alert_by_a_tenth_of_the_tries(self, settings: Settings) -> None:
        self.fails(50)
        now = moment(3500)
        assert look("attack", now=now) == [("attack_unknown_codes", "warning")]
        settings.SLOW_FORM_AFTER = (55, 300.0)
        assert look("attack", now=now) == [("attack_unknown_codes", "warning")]
        settings.SLOW_FORM_AFTER = (56, 300.0)
        assert look("attack", now=now) == []
        settings.SLOW_FORM_AFTER = (55, 300.0)
        assert look("attack", now=now) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]


class TestBlockedAddresses:
    """Twenty of them are an emergency."""

    def test_are_one_until_fewer_than_eighteen_are_left(self) -> None:
        AddressBlock.objects.bulk_create(
            AddressBlock(
                network=f"11.0.113.{number}", created_by="guard", until=moment(86_400 + number),
                reason="It guesses", created_at=NOW,
            )
            for number in range(20)
        )  # fmt: skip
        critical = [("attack_blocked_addresses", "critical")]
        assert look("attack", now=NOW) == critical
        # One after the other comes to its end: 19, 18, 17.
        assert look("attack", now=moment(86_400)) == critical
        assert look("attack", now=moment(86_401)) == critical
        assert told() == [("opened", "critical")]
        assert look("attack", now=moment(86_402)) == [("attack_blocked_addresses", "warning")]
        assert told()[1:] == [("resolved", "critical"), ("opened", "warning")]


class TestFailures:
    """More than ten of a code in an hour are too many; more than fifty an emergency."""

    def refuse(self, world: World, count: int, *, at: float) -> None:
        Condition.objects.update(brand=None)
        for code in world.invite(count):
            with pytest.raises(Exception, match="GC-001"):
                ask(code, caller=caller(request_id=str(uuid4())), now=moment(at))

    def test_end_their_alert_by_a_tenth(self, world: World) -> None:
        world.stock(1)
        ask(world.invite()[0])
        for at, count in ((0, 1), (60, 1), (120, 9)):
            self.refuse(world, count, at=at)
        raised = [("provisioning_failures", "warning")]
        assert look("provisioning_failures", now=moment(120)) == raised
        # The first two are older than an hour, one after the other.
        assert look("provisioning_failures", now=moment(3630)) == raised
        assert told() == [("opened", "warning")]
        assert look("provisioning_failures", now=moment(3690)) == []
        self.refuse(world, 1, at=3690)
        assert look("provisioning_failures", now=moment(3690)) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]
        assert Alert.objects.count() == 1
