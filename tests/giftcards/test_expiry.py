"""Cards past their date: out of stock every night, and never out of somebody's hands."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings as django_settings
from django.db import IntegrityError, connection

from config.celery import app
from giftcards.models import CardEvent, GiftCard, Pool
from giftcards.services import expiry
from giftcards.services.expiry import expire_cards
from giftcards.tasks import expire_cards as nightly_job
from tests.database import owner_url
from tests.races import run_at_once
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

LAST_DAY = date(2026, 3, 2)
EVENING = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 3, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return build_world()


def claim(pool: Pool, *, now: datetime) -> Any:
    """Claim a card as a redemption does; return its id, None when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM giftcards_claim_card(%s, 'reward', %s, %s)", [pool.pk, uuid4(), now]
        )
        return cursor.fetchone()[0]


def states() -> dict[str, int]:
    found = sorted(GiftCard.objects.values_list("status", flat=True))
    return {status: len(list(cards)) for status, cards in itertools.groupby(found)}


class TestExpireCards:
    def test_takes_a_card_out_of_stock_after_its_last_day(self, world: World) -> None:
        (card,) = world.stock(1, expires_on=LAST_DAY)
        (later,) = world.stock(1, expires_on=LAST_DAY + timedelta(days=1))
        (for_ever,) = world.stock(1)

        assert expire_cards(now=EVENING) == 0
        assert not CardEvent.objects.exists()
        assert expire_cards(now=MIDNIGHT) == 1

        card.refresh_from_db()
        assert (card.status, card.claimed_at, card.disclosed_at) == ("expired", None, None)
        (event,) = CardEvent.objects.values_list(
            "card", "from_status", "to_status", "actor", "reason"
        )
        assert event == (card.pk, "available", "expired", "system", "Past its date")
        for other in (later, for_ever):
            other.refresh_from_db()
            assert other.status == "available"

    def test_goes_by_the_day_in_utc(self, world: World) -> None:
        world.stock(1, expires_on=LAST_DAY)
        honolulu = MIDNIGHT.astimezone(timezone(timedelta(hours=-10)))
        assert expire_cards(now=EVENING) == 0
        assert expire_cards(now=honolulu) == 1

    def test_finds_nothing_the_second_time(self, world: World) -> None:
        world.stock(2, expires_on=LAST_DAY)
        assert (expire_cards(now=MIDNIGHT), expire_cards(now=MIDNIGHT)) == (2, 0)
        assert CardEvent.objects.count() == 2

    def test_takes_every_batch_of_every_pool(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(expiry, "_BATCH_CARDS", 3)
        stranger = build_world(name="Birch")
        world.stock(7, expires_on=LAST_DAY)
        stranger.stock(4, expires_on=LAST_DAY - timedelta(days=400))
        assert expire_cards(now=MIDNIGHT) == 11
        assert states() == {"expired": 11}

    def test_leaves_what_somebody_holds(self, world: World) -> None:
        world.stock(3, expires_on=LAST_DAY)
        held = claim(world.pool, now=EVENING)
        gone = claim(world.pool, now=EVENING)
        GiftCard.objects.filter(pk=gone).update(status="delivered", delivered_at=EVENING)

        assert expire_cards(now=MIDNIGHT) == 1
        assert states() == {"claimed": 1, "delivered": 1, "expired": 1}
        assert GiftCard.objects.get(pk=held).status == "claimed"

    def test_leaves_nothing_that_could_be_claimed(self, world: World) -> None:
        world.stock(2, expires_on=LAST_DAY)
        expire_cards(now=MIDNIGHT)
        assert claim(world.pool, now=EVENING) is None
        with pytest.raises(IntegrityError, match="can not go from expired to claimed"):
            GiftCard.objects.update(status="claimed", holder_kind="reward", holder_id=uuid4())


class TestExpireCardsBesideClaims:
    def test_steps_over_a_card_that_is_being_claimed(self, world: World) -> None:
        world.stock(2, expires_on=LAST_DAY)
        with psycopg.connect(owner_url()) as claiming:
            (held,) = claiming.execute(  # type: ignore[misc]
                "SELECT id FROM giftcards_claim_card(%s, 'reward', %s, %s)",
                [world.pool.pk, uuid4(), EVENING],
            ).fetchone()
            assert expire_cards(now=MIDNIGHT) == 1
        assert states() == {"claimed": 1, "expired": 1}
        assert GiftCard.objects.get(pk=held).status == "claimed"

    def test_takes_each_card_or_leaves_it_to_its_claim(self, world: World) -> None:
        cards, rivals = 40, 16
        world.stock(cards, expires_on=LAST_DAY)
        turns = itertools.count()

        def claim_or_expire() -> tuple[str, Any]:
            if next(turns) % 4 == 0:
                return "expired", expire_cards(now=MIDNIGHT)
            return "claimed", claim(world.pool, now=EVENING)

        results = run_at_once(rivals, claim_or_expire)

        assert [result for result in results if isinstance(result, Exception)] == []
        claimed = [what for kind, what in results if kind == "claimed" and what]  # type: ignore[misc]
        expired = sum(what for kind, what in results if kind == "expired")  # type: ignore[misc]
        assert len(set(claimed)) == len(claimed)
        assert set(GiftCard.objects.filter(status="claimed").values_list("pk", flat=True)) == set(
            claimed
        )
        assert GiftCard.objects.filter(status="expired").count() == expired
        assert CardEvent.objects.count() == len(claimed) + expired
        expire_cards(now=MIDNIGHT)
        assert GiftCard.objects.filter(status="available").count() == 0

    def test_control_who_looks_first_and_writes_later_is_stopped_by_the_guard(
        self, world: World
    ) -> None:
        world.stock(1, expires_on=LAST_DAY)
        seen = list(GiftCard.objects.filter(status="available", expires_on__lt=MIDNIGHT.date()))
        claim(world.pool, now=EVENING)
        with pytest.raises(IntegrityError, match="can not go from claimed to expired"):
            GiftCard.objects.filter(pk__in=[card.pk for card in seen]).update(status="expired")


class TestNightlyJob:
    def test_is_asked_by_the_clock_once_a_day(self) -> None:
        assert django_settings.PERIODIC_TASKS["giftcards.tasks.expire_cards"] == 24 * 3600
        assert "giftcards.tasks.expire_cards" in app.tasks

    def test_expires_what_is_past_its_date_now(self, world: World) -> None:
        world.stock(1, expires_on=date(2020, 1, 31))
        world.stock(1, expires_on=date.max)
        nightly_job()
        assert states() == {"available": 1, "expired": 1}
