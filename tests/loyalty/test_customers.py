from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from alerts.errors import ValidationFailedError
from loyalty.models import Customer
from loyalty.services.customers import (
    change_customer,
    create_customer,
    deactivate_customer,
    reactivate_customer,
)
from loyalty.services.refusals import NoSuchThingError
from tests.loyalty.shop import NOW, Shop, points_of

pytestmark = pytest.mark.django_db(transaction=True)


def create(shop: Shop, **fields: Any) -> Any:
    return create_customer(client_id=shop.client.pk, actor="key:test", now=NOW, **fields)


class TestCreateCustomer:
    def test_keeps_the_number_in_one_form(self, shop: Shop) -> None:
        made = create(shop, first_name=" Ana ", phone="(202) 555-0143", email="ana@example.com")
        assert (made.first_name, made.phone, made.email) == (
            "Ana", "+12025550143", "ana@example.com",
        )  # fmt: skip
        assert (made.points_balance, made.points_held, made.lifetime_points) == (0, 0, 0)
        assert (made.points_available, made.tier, made.is_active) == (0, "", True)

    def test_refuses_a_number_twice_however_it_is_written(self, shop: Shop) -> None:
        create(shop, phone="202-555-0143")
        with pytest.raises(ValidationFailedError) as caught:
            create(shop, phone="+1 202 555 0143")
        assert caught.value.errors == {"phone": ["Another customer has this number."]}
        assert Customer.objects.count() == 1

    def test_takes_any_number_of_people_without_one(self, shop: Shop) -> None:
        create(shop)
        create(shop)
        assert Customer.objects.filter(phone="").count() == 2

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"phone": "12"}, "phone"),
            ({"email": "ana"}, "email"),
            ({"first_name": "a" * 81}, "first_name"),
            ({"last_name": "a\0"}, "last_name"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, shop: Shop, fields: dict[str, str], field: str
    ) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            create(shop, **fields)
        assert list(caught.value.errors) == [field]
        assert not Customer.objects.exists()


class TestChangeCustomer:
    def test_leaves_what_is_not_named(self, shop: Shop) -> None:
        made = create(shop, first_name="Ana", phone="202-555-0143")
        changed = change_customer(
            client_id=shop.client.pk, customer_id=made.customer_id, last_name="Li", actor="key:test"
        )
        assert (changed.first_name, changed.last_name, changed.phone) == (
            "Ana", "Li", "+12025550143",
        )  # fmt: skip

    def test_refuses_the_number_of_another(self, shop: Shop) -> None:
        create(shop, phone="202-555-0143")
        made = create(shop, phone="202-555-0144")
        with pytest.raises(ValidationFailedError) as caught:
            change_customer(
                client_id=shop.client.pk,
                customer_id=made.customer_id,
                phone="202-555-0143",
                actor="key:test",
            )
        assert list(caught.value.errors) == ["phone"]
        assert Customer.objects.get(pk=made.customer_id).phone == "+12025550144"

    def test_finds_nobody_of_another_client(self, shop: Shop) -> None:
        made = create(shop, first_name="Ana")
        with pytest.raises(NoSuchThingError):
            change_customer(
                client_id=uuid4(), customer_id=made.customer_id, first_name="Eve", actor="key:test"
            )
        assert Customer.objects.get(pk=made.customer_id).first_name == "Ana"


class TestDeactivateCustomer:
    def test_stops_points_and_keeps_them(self, shop: Shop) -> None:
        ana = shop.customer(points=100)
        closed = deactivate_customer(client_id=shop.client.pk, customer_id=ana.pk, actor="key:test")
        assert (closed.is_active, closed.points_balance) == (False, 100)
        with pytest.raises(ValidationFailedError) as caught:
            shop.buy(shop.cart(ana, mugs=1, points=100))
        assert list(caught.value.errors) == ["customer_id"]
        assert points_of(ana) == (100, 0)
        reactivate_customer(client_id=shop.client.pk, customer_id=ana.pk, actor="key:test")
        shop.buy(shop.cart(ana, mugs=1, points=100))
        assert points_of(ana) == (11, 0)
