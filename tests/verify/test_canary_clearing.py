"""Tries at a canary: told at once, kept one an hour, and gone with their alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from redemption.models import Canary, CanaryTry
from redemption.services.canaries import clear_canary_tries
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def now() -> datetime:
    return datetime.now(UTC)


def plant(world: World) -> Canary:
    return Canary.objects.create(
        code_digest=b"x", campaign=world.campaign, note="A file", planted_by="x", planted_at=NOW
    )


class TestClearCanaryTries:
    def tried(self, canary: Canary, *, hours: float, address: str = "192.0.2.7/32") -> None:
        """Write down a try of so many hours ago, as counted from a full hour."""
        at = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
        CanaryTry.objects.create(
            canary=canary,
            attempt_id=CanaryTry.objects.count() + 1,
            at=at,
            action="form",
            network=address,
            result="unknown_code",
        )

    def kept(self) -> list[int]:
        return list(CanaryTry.objects.order_by("attempt_id").values_list("attempt_id", flat=True))

    def test_folds_what_one_address_tried_in_an_hour_a_day_ago(self, world: World) -> None:
        canary = plant(world)
        for hours in (47.9, 47.5, 47.1, 46.9):
            self.tried(canary, hours=hours)
        self.tried(canary, hours=47.5, address="192.0.2.8/32")
        for hours in (20.9, 20.5):
            self.tried(canary, hours=hours)
        assert clear_canary_tries(now=now()) == 2
        assert self.kept() == [1, 4, 5, 6, 7]
        assert clear_canary_tries(now=now()) == 0

    def test_clears_what_is_older_than_alerts_are_kept(
        self, world: World, settings: Settings
    ) -> None:
        canary = plant(world)
        for hours in (100 * 24, 3 * 24, 3):
            self.tried(canary, hours=hours)
        settings.ALERTS_KEPT = 0.0
        assert clear_canary_tries(now=now()) == 0
        settings.ALERTS_KEPT = 10 * 86_400.0
        assert clear_canary_tries(now=now()) == 1
        settings.ALERTS_KEPT = 1.0
        # Whatever is set, what the watch may find again stays: else it would be told of twice.
        assert clear_canary_tries(now=now()) == 1
        assert self.kept() == [3]
