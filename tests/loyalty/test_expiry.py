from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from alerts.models import Alert
from loyalty.models import Customer
from loyalty.services.adjustments import adjust_points
from loyalty.services.expiry import ExpiryRun, expire_points, months_before
from tests.database import owner_url
from tests.loyalty.shop import NOW, Shop, history_of, open_shop, points_of, points_out_of_order
from tests.races import run_at_once
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

YEAR_AGO = datetime(2025, 3, 2, 15, 30, tzinfo=UTC)


@pytest.fixture
def shop(world: World) -> Shop:
    return open_shop(world, expiry_months=12)


def add(shop: Shop, customer: Customer, points: int, at: datetime) -> None:
    adjust_points(
        client_id=shop.client.pk,
        customer_id=customer.pk,
        points=points,
        adjustment_id=uuid4(),
        reason="Test",
        actor="test",
        now=at,
    )


class TestExpirePoints:
    def test_takes_what_is_left_of_old_points(self, shop: Shop) -> None:
        ana = shop.customer()
        add(shop, ana, 100, YEAR_AGO - timedelta(days=1))
        add(shop, ana, 40, YEAR_AGO + timedelta(days=1))
        add(shop, ana, -30, NOW - timedelta(days=1))
        assert expire_points(now=NOW) == ExpiryRun(customers=1, points=70, failed=0)
        assert points_of(ana) == (40, 0)
        assert history_of(ana.pk)[-1] == ("expired", -70, 110, 40)
        assert expire_points(now=NOW) == ExpiryRun(customers=0, points=0, failed=0)
        assert points_of(ana) == (40, 0)

    def test_leaves_points_until_their_time_has_passed(self, shop: Shop) -> None:
        ana = shop.customer()
        add(shop, ana, 100, YEAR_AGO)
        assert expire_points(now=NOW).points == 0
        assert expire_points(now=NOW + timedelta(microseconds=1)).points == 100

    def test_spends_the_oldest_first(self, shop: Shop) -> None:
        ana = shop.customer()
        add(shop, ana, 100, YEAR_AGO - timedelta(days=1))
        add(shop, ana, 100, NOW)
        shop.buy(shop.cart(ana, mugs=1, points=100))
        assert expire_points(now=NOW).points == 0
        assert points_of(ana) == (111, 0)

    def test_takes_no_points_that_are_held(self, shop: Shop) -> None:
        ana = shop.customer()
        add(shop, ana, 100, YEAR_AGO - timedelta(days=1))
        with points_out_of_order():
            shop.buy(shop.cart(ana, mugs=1, points=60))
        assert expire_points(now=NOW).points == 0
        assert points_of(ana) == (100, 60)

    def test_leaves_programmes_that_keep_points_or_are_off(self, shop: Shop) -> None:
        ana = shop.customer()
        add(shop, ana, 100, YEAR_AGO - timedelta(days=1))
        shop.program.is_enabled = False
        shop.program.save()
        assert expire_points(now=NOW).points == 0
        shop.program.is_enabled, shop.program.expiry_months = True, 0
        shop.program.save()
        assert expire_points(now=NOW).points == 0
        assert points_of(ana) == (100, 0)

    def test_takes_points_once_when_two_run_at_once(self, shop: Shop) -> None:
        people = [shop.customer() for _ in range(5)]
        for customer in people:
            add(shop, customer, 100, YEAR_AGO - timedelta(days=1))
        runs = run_at_once(2, lambda: expire_points(now=NOW))
        assert sum(run.points for run in runs if isinstance(run, ExpiryRun)) == 500
        assert [points_of(customer) for customer in people] == [(0, 0)] * 5

    def test_goes_on_past_a_customer_who_fails_and_says_so(self, shop: Shop) -> None:
        bad, good = shop.customer(), shop.customer()
        for customer in (bad, good):
            add(shop, customer, 100, YEAR_AGO - timedelta(days=1))
        with psycopg.connect(owner_url(), autocommit=True) as owner:
            owner.execute(
                "CREATE FUNCTION test_refuse_one() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;"
                "CREATE TRIGGER test_refuse_one BEFORE INSERT ON loyalty_loyaltytransaction"
                f" FOR EACH ROW WHEN (NEW.customer_id = '{bad.pk}')"
                " EXECUTE FUNCTION test_refuse_one()"
            )
            try:
                run = expire_points(now=NOW)
            finally:
                owner.execute("DROP FUNCTION test_refuse_one() CASCADE")
        assert run == ExpiryRun(customers=1, points=100, failed=1)
        assert (points_of(bad), points_of(good)) == ((100, 0), (0, 0))
        assert Alert.objects.get(kind="loyalty_expiry").data == {"failed": 1}
        assert expire_points(now=NOW) == ExpiryRun(customers=1, points=100, failed=0)
        assert Alert.objects.get(kind="loyalty_expiry").state == "resolved"


class TestMonthsBefore:
    @pytest.mark.parametrize(
        ("day", "months", "before"),
        [
            ((2026, 3, 31), 1, (2026, 2, 28)),
            ((2024, 3, 31), 1, (2024, 2, 29)),
            ((2026, 1, 15), 1, (2025, 12, 15)),
            ((2026, 3, 2), 12, (2025, 3, 2)),
            ((2026, 3, 2), 39, (2022, 12, 2)),
        ],
    )
    def test_goes_by_the_calendar(
        self, day: tuple[int, int, int], months: int, before: tuple[int, int, int]
    ) -> None:
        assert months_before(datetime(*day, tzinfo=UTC), months) == datetime(*before, tzinfo=UTC)
