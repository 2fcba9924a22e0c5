"""What was earned: exactly, by currency, and only as far as somebody may see."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from credit.selectors.viewers import SYSTEM, Viewer
from giftcards.models import Pool
from giftcards.services.prices import set_agency_price
from redemption.models import Redemption
from redemption.selectors.figures import (
    OrganisationProfit,
    Profit,
    profit_by_agency,
    profit_by_client,
    sum_profit,
)
from tests.guards.raw import as_owner
from tests.redemption.asking import ask
from tests.redemption.rewarding import take_back
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

END = NOW + timedelta(seconds=1)


def sell(world: World, *, price_minor: int, cost_minor: int | None, now: datetime = NOW) -> None:
    """Give out one card at a price."""
    set_agency_price(
        viewer=SYSTEM,
        agency_id=world.agency.pk,
        denomination_id=world.denomination.pk,
        price_minor=price_minor,
        now=NOW,
    )
    Pool.objects.filter(pk=world.pool.pk).update(cost_per_card_minor=cost_minor)
    world.stock(1)
    ask(world.invite()[0], now=now)


def agency_of(world: World) -> Viewer:
    return Viewer(actor="user:agency", agency_ids=frozenset({world.agency.pk}))


def figures(viewer: Viewer = SYSTEM) -> list[Profit]:
    return sum_profit(viewer=viewer, start=NOW, end=END)


class TestSumProfit:
    def test_adds_up_to_the_minor_unit(self) -> None:
        world = build_world()
        sell(world, price_minor=2753, cost_minor=2401)
        sell(world, price_minor=2400, cost_minor=2600)
        sell(world, price_minor=2501, cost_minor=None)
        ask(world.invite(is_test=True)[0])
        ask(world.invite()[0])  # waits
        assert figures() == [
            Profit(
                currency="USD",
                redemptions=3,
                face_value_minor=7500,
                charged_minor=7654,
                agency_margin_minor=253 - 100 + 1,
                cost_minor=5001,
                platform_margin_minor=99 - 100,
                profit_minor=352 - 200,
                cost_unknown=1,
            )
        ]

    def test_never_adds_two_currencies(self) -> None:
        sell(build_world(), price_minor=2600, cost_minor=2400)
        sell(build_world(name="Birch", currency="JPY"), price_minor=2700, cost_minor=2400)
        assert [(row.currency, row.charged_minor, row.profit_minor) for row in figures()] == [
            ("JPY", 2700, 300),
            ("USD", 2600, 200),
        ]

    def test_takes_the_period_without_its_end(self) -> None:
        world = build_world()
        sell(world, price_minor=1, cost_minor=None, now=NOW - timedelta(microseconds=1))
        sell(world, price_minor=10, cost_minor=None, now=NOW)
        sell(world, price_minor=100, cost_minor=None, now=END)
        assert [row.charged_minor for row in figures()] == [10]
        assert sum_profit(viewer=SYSTEM, start=END + timedelta(1), end=END + timedelta(2)) == []

    def test_leaves_out_what_does_not_stand(self) -> None:
        world = build_world()
        for state in ("cancelled", "failed"):
            sell(world, price_minor=2600, cost_minor=2400)
            take_back(Redemption.objects.get(state="issued"), state)
        assert figures() == []

    def test_shows_an_agency_its_own_without_the_platforms_costs(self) -> None:
        world, stranger = build_world(), build_world(name="Birch")
        sell(world, price_minor=2600, cost_minor=2400)
        sell(stranger, price_minor=9000, cost_minor=2400)
        (row,) = figures(agency_of(world))
        assert (row.charged_minor, row.agency_margin_minor) == (2600, 100)
        assert (row.cost_minor, row.platform_margin_minor, row.profit_minor) == (None, None, None)
        assert figures(Viewer(actor="nobody")) == []

    def test_holds_sums_wider_than_a_column(self) -> None:
        world = build_world()
        sell(world, price_minor=2500, cost_minor=0)
        sell(world, price_minor=2500, cost_minor=0)
        with as_owner() as owner:
            owner.execute("ALTER TABLE redemption_redemption DISABLE TRIGGER USER")
            owner.execute("UPDATE redemption_redemption SET charged_minor = 9223372036854775807")
            owner.execute("ALTER TABLE redemption_redemption ENABLE TRIGGER USER")
            owner.commit()
        assert figures()[0].charged_minor == 2 * (2**63 - 1)


class TestProfitByAgency:
    def test_tells_them_apart_by_name(self) -> None:
        world, stranger = build_world(name="Birch"), build_world(name="Acorn")
        sell(world, price_minor=2600, cost_minor=2400)
        sell(stranger, price_minor=2700, cost_minor=2400)
        assert told(profit_by_agency(viewer=SYSTEM, start=NOW, end=END)) == [
            (stranger.agency.pk, "Acorn Agency", 2700, 300),
            (world.agency.pk, "Birch Agency", 2600, 200),
        ]


class TestProfitByClient:
    def test_shows_an_agency_its_own_clients_only(self) -> None:
        world, stranger = build_world(), build_world(name="Birch")
        sell(world, price_minor=2600, cost_minor=2400)
        sell(stranger, price_minor=2700, cost_minor=2400)
        rows = profit_by_client(viewer=agency_of(world), start=NOW, end=END)
        assert told(rows) == [(world.client.pk, "Acorn Ltd", 2600, None)]


def told(rows: list[OrganisationProfit]) -> list[tuple[object, str, int, int | None]]:
    return [
        (row.organisation_id, row.name, row.profit.charged_minor, row.profit.profit_minor)
        for row in rows
    ]
