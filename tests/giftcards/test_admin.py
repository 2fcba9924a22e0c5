from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from giftcards.models import Brand, Denomination, GiftCard, Pool
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.staff import form_data, make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db


def errors_of(page: Any) -> dict[str, list[str]]:
    """Return the sentences beside the fields of a form that was refused."""
    assert page.status_code == 200
    return {name: list(words) for name, words in page.context["adminform"].form.errors.items()}


def add_pool(world: World, **changes: str) -> Any:
    """Send the form of a new pool, filled for a pool of the world's client."""
    data = {
        "name": "New pool",
        "denomination": str(world.denomination.pk),
        "kind": "client",
        "client": str(world.client.pk),
        "purchase_method": "csv_only",
        "cost_per_card_minor": "23.50",
        "low_stock_threshold": "20",
        "warning_percent": "20",
        "critical_percent": "10",
        "archived_at_0": "",
        "archived_at_1": "",
    }
    return sign_in(make_platform_admin()).post(
        reverse("admin:giftcards_pool_add"), {**data, **changes}
    )


class TestBrandForm:
    def send(self, brand: Brand, **changes: str) -> Any:
        """Send the form of a brand with another value."""
        browser = sign_in(make_platform_admin())
        url = reverse("admin:giftcards_brand_change", args=[brand.pk])
        data = form_data(browser.get(url))
        number = int(data["denominations-TOTAL_FORMS"])
        data["denominations-TOTAL_FORMS"] = str(number + 1)
        row = f"denominations-{number}"
        data |= {f"{row}-{name}": value for name, value in changes.items()}
        return browser.post(url, data)

    def test_takes_a_value_as_people_write_it(self) -> None:
        world = build_world()
        page = self.send(world.brand, value_minor="50.00", currency="USD", is_enabled="on")
        assert page.status_code == 302
        added = Denomination.objects.exclude(pk=world.denomination.pk).get()
        assert (added.value_minor, added.currency, added.is_enabled) == (5000, "USD", True)

    @pytest.mark.parametrize(
        ("value", "currency", "words"),
        [
            ("25.00", "USD", "The brand has this value already."),
            ("0", "USD", "Give more than zero."),
            ("ten", "USD", "Write the amount in digits, such as 1250.50."),
            ("10.5", "JPY", "An amount in JPY has no decimals."),
            ("10", "usd", "A currency is three capital letters, such as USD."),
        ],
    )
    def test_says_why_a_value_can_not_be(self, value: str, currency: str, words: str) -> None:
        world = build_world()
        page = self.send(world.brand, value_minor=value, currency=currency)
        assert page.status_code == 200
        assert words in page.content.decode()
        assert Denomination.objects.count() == 1

    def test_never_changes_what_cards_are_worth(self) -> None:
        world = build_world()
        browser = sign_in(make_platform_admin())
        url = reverse("admin:giftcards_brand_change", args=[world.brand.pk])
        data = form_data(browser.get(url)) | {"denominations-0-value_minor": "99.00"}
        data.pop("denominations-0-is_enabled")
        assert browser.post(url, data).status_code == 302
        world.denomination.refresh_from_db()
        assert (world.denomination.value_minor, world.denomination.is_enabled) == (2500, False)


class TestPoolForm:
    def test_makes_a_pool_of_the_values_brand(self) -> None:
        world = build_world()
        assert add_pool(world).status_code == 302
        pool = Pool.objects.get(name="New pool")
        assert (pool.brand, pool.client, pool.cost_per_card_minor) == (
            world.brand,
            world.client,
            2350,
        )

    def test_refuses_a_clients_pool_without_a_client_and_the_reverse(self) -> None:
        world = build_world()
        words = ["A client's own pool needs its client; any other kind of pool has none."]
        assert errors_of(add_pool(world, client="")) == {"client": words}
        assert errors_of(add_pool(world, kind="master")) == {"client": words}
        assert Pool.objects.count() == 1

    def test_changes_a_threshold_and_neither_brand_nor_client(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        browser = sign_in(make_platform_admin())
        url = reverse("admin:giftcards_pool_change", args=[world.pool.pk])
        data = form_data(browser.get(url)) | {
            "low_stock_threshold": "5",
            "denomination": str(other.denomination.pk),
            "client": str(other.client.pk),
        }
        assert browser.post(url, data).status_code == 302
        world.pool.refresh_from_db()
        assert world.pool.low_stock_threshold == 5
        assert (world.pool.brand, world.pool.client) == (world.brand, world.client)
        assert world.pool.denomination == world.denomination


class TestPoolList:
    def test_shows_how_full_each_pool_is(self) -> None:
        world = build_world()
        world.stock(3)
        html = (
            sign_in(make_platform_admin())
            .get(reverse("admin:giftcards_pool_changelist"))
            .content.decode()
        )
        assert "<b>3</b> of 3" in html
        assert "level-red" in html


class TestCardList:
    def find(self, **query: str) -> list[GiftCard]:
        """Return the cards that the list shows."""
        page = sign_in(make_platform_admin()).get(
            reverse("admin:giftcards_giftcard_changelist"), query
        )
        return list(page.context["cl"].result_list)

    def test_finds_by_the_last_four_in_any_case(self) -> None:
        world = build_world()
        card = world.stock(3)[0]
        GiftCard.objects.exclude(pk=card.pk).update(last4="ZZZ9")
        GiftCard.objects.filter(pk=card.pk).update(last4="AB1C")
        assert self.find(q="ab1c") == [card]
        assert self.find(q="AB1") == []
        assert self.find(q=str(card.pk)) == [card]

    def test_knows_which_are_stuck(self) -> None:
        world = build_world()
        world.stock(2)
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="none"),
            code=world.invite()[0],
            now=NOW,
        )
        stuck = GiftCard.objects.get(status="claimed")
        assert self.find(stuck="yes") == [stuck]
        assert len(self.find()) == 2
