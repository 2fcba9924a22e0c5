"""Pools over the API: each partner's own, with counts that are the cards' own."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from credit.models import Client
from credit.services.api_keys import SCOPES
from giftcards.models import GiftCard, Pool
from giftcards.selectors.pools import count_cards
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.credit.partners import Partner, assert_problem
from tests.races import run_at_once
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def take(world: World, code: str) -> None:
    redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
        contact=Contact(method="none"),
        code=code,
        now=datetime.now(UTC),
    )


def spread(world: World) -> None:
    """Have cards of every kind in the pool: 12, of which 5 can be claimed."""
    now = datetime.now(UTC)
    cards = world.stock(10)
    world.stock(1, expires_on=now.date() - timedelta(days=1))
    world.stock(1, expires_on=date(2020, 1, 31))
    held: dict[str, Any] = {"holder_kind": "redemption", "claimed_at": now}
    changes: list[dict[str, Any]] = [
        {"status": "claimed", **held},
        {"status": "claimed", **held, "claimed_at": now - timedelta(hours=1)},
        {"status": "expired"},
        {"status": "void"},
        {"status": "claimed", **held},
    ]
    for card, change in zip(cards, changes, strict=False):
        if "holder_kind" in change:
            change = {**change, "holder_id": uuid4()}
        GiftCard.objects.filter(pk=card.pk).update(**change)
    GiftCard.objects.filter(pk=cards[4].pk).update(status="delivered", delivered_at=now)


class TestListPools:
    def test_prints_each_with_its_counts(self, world: World) -> None:
        spread(world)
        response = Partner(world.client).get("/pools/")
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        (printed,) = response.json()["results"]
        assert printed == {
            "id": str(world.pool.pk),
            "name": "Acorn pool",
            "brand": "Acorn Shop",
            "brand_id": str(world.brand.pk),
            "value": "25.00",
            "currency": "USD",
            "kind": "client",
            "client_id": str(world.client.pk),
            "purchase_method": "csv_only",
            "low_stock_threshold": 20,
            "total": 12,
            "available": 5,
            "claimed": 2,
            "delivered": 1,
            "redeemed": 0,
            "expired": 3,
            "stuck": 1,
            "available_percent": 41.67,
            "utilisation": 0.0833,
            "level": "red",
            "archived_at": None,
        }

    def test_shows_an_empty_pool_as_empty(self, world: World) -> None:
        (printed,) = Partner(None).get("/pools/").json()["results"]
        assert (printed["total"], printed["available_percent"], printed["utilisation"]) == (0, 0, 0)
        assert printed["level"] == "red"

    def test_shows_a_partner_only_its_own(self, world: World) -> None:
        stranger = build_world(name="Birch")
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        others = Pool.objects.create(
            name="Sibling's",
            brand=world.brand,
            denomination=world.denomination,
            kind="client",
            client=sibling,
        )
        master = Pool.objects.create(
            name="Master", brand=world.brand, denomination=world.denomination, kind="master"
        )

        def seen_by(owner: object) -> set[str]:
            answer = Partner(owner).get("/pools/").json()  # type: ignore[arg-type]
            return {pool["id"] for pool in answer["results"]}

        own, foreign = str(world.pool.pk), str(stranger.pool.pk)
        assert seen_by(world.client) == {own}
        assert seen_by(world.agency) == {own, str(others.pk)}
        assert seen_by(stranger.client) == {foreign}
        assert seen_by(None) == {own, foreign, str(others.pk), str(master.pk)}

    def test_leaves_the_archived_out_unless_asked(self, world: World) -> None:
        now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        Pool.objects.filter(pk=world.pool.pk).update(archived_at=now)
        partner = Partner(world.client)
        assert partner.get("/pools/").json()["results"] == []
        (printed,) = partner.get("/pools/", archived="true").json()["results"]
        assert printed["archived_at"] == "2026-03-01T12:00:00Z"
        assert partner.get(f"/pools/{world.pool.pk}/").status_code == 200

    def test_turns_pages(self, world: World) -> None:
        for number in range(4):
            Pool.objects.create(
                name=f"Pool {number}",
                brand=world.brand,
                denomination=world.denomination,
                kind="client",
                client=world.client,
            )
        partner = Partner(world.client)
        page = partner.get("/pools/", page_size=2).json()
        seen = [pool["id"] for pool in page["results"]]
        while page["next"]:
            page = partner.follow(page["next"]).json()
            seen += [pool["id"] for pool in page["results"]]
        assert len(seen) == len(set(seen)) == 5
        assert partner.follow(page["previous"]).status_code == 200

    def test_wants_the_scope(self, world: World) -> None:
        scopes = tuple(scope for scope in SCOPES if scope != "inventory:read")
        assert_problem(Partner(world.client, scopes).get("/pools/"), 403, "GC-110")
        assert_problem(Partner(world.client, scopes).get(f"/pools/{world.pool.pk}/"), 403, "GC-110")

    def test_refuses_what_it_does_not_know(self, world: World) -> None:
        body = assert_problem(Partner(None).get("/pools/", brand="x"), 400, "GC-012")
        assert body["errors"] == {"brand": ["This field is not known."]}


class TestPool:
    def test_is_not_there_for_a_stranger(self, world: World) -> None:
        stranger = build_world(name="Birch")
        for owner in (stranger.client, stranger.agency):
            assert_problem(Partner(owner).get(f"/pools/{world.pool.pk}/"), 404, "GC-111")
        assert_problem(Partner(None).get(f"/pools/{uuid4()}/"), 404, "GC-111")


class TestCountCards:
    def test_is_the_count_of_the_moment_after_claims_at_once(self, world: World) -> None:
        world.stock(30)
        codes = world.invite(24)
        waiting = iter(codes)

        def take_three() -> None:
            for _ in range(3):
                take(world, next(waiting))

        assert run_at_once(8, take_three) == [None] * 8
        counts = count_cards(
            pool_ids=[world.pool.pk],
            now=datetime.now(UTC),
            stuck_after=timedelta(seconds=settings.STUCK_AFTER),
        )[world.pool.pk]
        cards = GiftCard.objects.filter(pool=world.pool)
        assert counts.total == cards.count() == 30
        assert counts.available == cards.filter(status="available").count() == 6
        assert counts.claimed == cards.filter(status="claimed").count() == 24
        assert (counts.delivered, counts.redeemed, counts.expired, counts.stuck) == (0, 0, 0, 0)
