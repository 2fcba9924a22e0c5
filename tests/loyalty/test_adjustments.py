from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission

from alerts.errors import ValidationFailedError
from credit.models import User
from loyalty.models import Customer
from loyalty.services.adjustments import (
    AdjustmentResult,
    AdjustNotPermittedError,
    adjust_points,
)
from loyalty.services.checkouts import NotEnoughPointsError
from tests.loyalty.shop import NOW, Shop, history_of, points_of, points_out_of_order
from tests.races import run_at_once
from tests.staff import make_agency_manager, make_platform_admin
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

ID = UUID(int=7)


def adjust(shop: Shop, customer: Customer, points: int, **changes: Any) -> AdjustmentResult:
    fields: dict[str, Any] = {
        "client_id": shop.client.pk,
        "customer_id": customer.pk,
        "points": points,
        "adjustment_id": ID,
        "reason": "An apology",
        "actor": "system",
        "now": NOW,
    }
    return adjust_points(**{**fields, **changes})


def agency_manager_with_right(world: World) -> User:
    """Make the stranger: the right is ticked, but they are not of the platform."""
    person = make_agency_manager(world.agency)
    person.user_permissions.add(Permission.objects.get(codename="adjust_points"))
    return person


class TestAdjustPoints:
    def test_writes_who_did_it_and_why(self, shop: Shop) -> None:
        ana = shop.customer()
        manager = f"user:{make_platform_admin('adjust_points').pk}"
        done = adjust(shop, ana, 50, actor=manager)
        assert (done.points_balance, done.is_repeat) == (50, False)
        written = ana.points.get()
        assert (written.type, written.points, written.description, written.actor) == (
            "adjusted", 50, "An apology", manager,
        )  # fmt: skip
        ana.refresh_from_db()
        assert ana.lifetime_points == 0

    def test_takes_a_right_of_its_own(self, shop: Shop, world: World) -> None:
        ana = shop.customer()
        for person in (make_platform_admin("replace_card"), agency_manager_with_right(world)):
            with pytest.raises(AdjustNotPermittedError):
                adjust(shop, ana, 50, actor=f"user:{person.pk}")
        assert history_of(ana.pk) == []

    def test_happens_once_by_its_id(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        adjust(shop, ana, -100)
        again = adjust(shop, ana, -100)
        assert (again.points_balance, again.is_repeat) == (0, True)
        assert history_of(ana.pk) == [("adjusted", 100, 0, 100), ("adjusted", -100, 100, 0)]

    def test_happens_once_when_eight_do_it_at_once(self, shop: Shop) -> None:
        ana = shop.customer()
        done = run_at_once(8, lambda: adjust(shop, ana, 50))
        assert {one.points_balance for one in done if isinstance(one, AdjustmentResult)} == {50}
        assert points_of(ana) == (50, 0)

    def test_refuses_an_id_that_stands_for_another(self, shop: Shop) -> None:
        ana = shop.customer()
        adjust(shop, ana, 50)
        with pytest.raises(ValidationFailedError) as caught:
            adjust(shop, ana, 60)
        assert list(caught.value.errors) == ["adjustment_id"]
        assert points_of(ana) == (50, 0)

    def test_never_takes_what_is_held(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        with points_out_of_order():
            shop.buy(shop.cart(ana, mugs=1, points=60))
        with pytest.raises(NotEnoughPointsError) as caught:
            adjust(shop, ana, -41)
        assert (caught.value.available, caught.value.requested) == (40, 41)
        assert points_of(ana) == (100, 60)

    @pytest.mark.parametrize(
        ("changes", "field"), [({"reason": " "}, "reason"), ({"points": 0}, "points")]
    )
    def test_names_the_field_that_is_wrong(
        self, shop: Shop, changes: dict[str, Any], field: str
    ) -> None:
        ana = shop.customer()
        with pytest.raises(ValidationFailedError) as caught:
            adjust(shop, ana, changes.pop("points", 1), **changes)
        assert list(caught.value.errors) == [field]
        assert history_of(ana.pk) == []
