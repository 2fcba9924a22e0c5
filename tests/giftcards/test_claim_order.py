"""Which card of a pool goes first, wherever its cards came from."""

from __future__ import annotations

import itertools
from datetime import date
from uuid import uuid4

import pytest

from alerts.statements import call_function
from giftcards.models import GiftCard
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
Source = GiftCard.Source


@pytest.fixture
def world() -> World:
    return build_world()


def stock(world: World, source: Source, count: int, expires_on: date | None) -> None:
    cards = world.stock(count, expires_on=expires_on)
    GiftCard.objects.filter(pk__in=[card.pk for card in cards]).update(source=source)


def claim(world: World) -> GiftCard:
    row = call_function(
        "SELECT id FROM giftcards_claim_card(%s, 'redemption', %s, %s)",
        [world.pool.pk, uuid4(), NOW],
    )
    return GiftCard.objects.get(pk=row[0])


class TestClaimCard:
    def test_takes_the_earliest_month_first_whoever_brought_the_card(self, world: World) -> None:
        stock(world, Source.UPLOAD, 2, date(2027, 5, 31))
        stock(world, Source.BUFFER, 2, date(2027, 4, 1))
        stock(world, Source.MANUAL, 1, date(2027, 6, 30))
        stock(world, Source.BUFFER, 1, None)
        stock(world, Source.UPLOAD, 1, date(2027, 4, 30))
        claimed = [claim(world) for _ in range(7)]
        # Within April it is chance; a card without a date goes last.
        assert sorted(card.source for card in claimed[:3]) == ["buffer", "buffer", "upload"]
        assert [card.source for card in claimed[3:]] == ["upload", "upload", "manual", "buffer"]
        months = [card.expiry_bucket for card in claimed]
        assert months == sorted(months)

    def test_leaves_it_to_chance_within_a_month(self, world: World) -> None:
        stock(world, Source.UPLOAD, 30, date(2027, 4, 30))
        stock(world, Source.BUFFER, 30, date(2027, 4, 1))
        sources = [claim(world).source for _ in range(30)]
        # All of one kind first would take more luck than one in 10^17.
        assert set(sources) == {"upload", "buffer"}
        assert len(list(itertools.groupby(sources))) > 2
