"""Choosing what a provider sells: for a brand by its name there, for a pool by how it buys."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from giftcards.models import Pool, ProviderBrand
from giftcards.services.provider_brands import sync_brands
from tests.giftcards.buying import make_buffer, sell_at
from tests.giftcards.test_admin import add_pool, errors_of
from tests.staff import form_data, make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]


class TestPoolForm:
    def test_refuses_to_buy_a_brand_without_a_name_at_the_provider(self) -> None:
        world = build_world()
        words = (
            "Acorn Shop has no name at the provider, so nothing can be bought. Choose one on the"
            " brand's page first."
        )
        for method in ("api_only", "csv_with_fallback"):
            page = add_pool(world, purchase_method=method, api_provider="tillo")
            assert errors_of(page) == {"purchase_method": [words]}
        sell_at(world)
        page = add_pool(world, purchase_method="api_only", api_provider="")
        assert errors_of(page) == {"api_provider": ["Choose who sells the cards."]}
        assert Pool.objects.count() == 1
        page = add_pool(world, purchase_method="api_only", api_provider="tillo")
        assert page.status_code == 302
        pool = Pool.objects.get(name="New pool")
        assert (pool.purchase_method, pool.api_provider) == ("api_only", "tillo")

    def test_refuses_a_value_that_the_provider_does_not_sell(self) -> None:
        world = build_world(value_minor=1200)
        sell_at(world, "starbucks-us")
        sync_brands(provider="tillo", now=NOW)
        page = add_pool(world, purchase_method="api_only", api_provider="tillo")
        words = "Tillo does not sell Starbucks at $12.00, but $5.00, $10.00, $15.00, $25.00."
        assert errors_of(page) == {"purchase_method": [words]}

    def test_keeps_a_level_for_buffers_only_and_by_a_method_that_buys(self) -> None:
        world = build_world()
        sell_at(world)
        words = ["Only a buffer is kept at a level; leave it empty."]
        page = add_pool(world, target_level="5", daily_budget_minor="500.00")
        assert errors_of(page) == {"target_level": words, "daily_budget_minor": words}
        buffer = {"kind": "buffer", "client": "", "target_level": "5"}
        page = add_pool(world, **buffer)
        assert errors_of(page) == {
            "purchase_method": ["A buffer is filled by its provider: choose a method that buys."]
        }
        buying_too = {"purchase_method": "api_only", "api_provider": "tillo"}
        page = add_pool(world, **buffer, **buying_too, daily_budget_minor="-1")
        assert "daily_budget_minor" in errors_of(page)
        page = add_pool(world, **buffer, **buying_too, daily_budget_minor="500.00")
        assert page.status_code == 302
        pool = Pool.objects.get(name="New pool")
        assert (pool.target_level, pool.daily_budget_minor) == (5, 50_000)

    def test_changes_a_budget_on_its_page(self) -> None:
        pool = make_buffer(build_world(), daily_budget_minor=100)
        browser = sign_in(make_platform_admin())
        url = reverse("admin:giftcards_pool_change", args=[pool.pk])
        data = form_data(browser.get(url))
        assert data["daily_budget_minor"] == "1.00"
        assert browser.post(url, data | {"daily_budget_minor": "25.50"}).status_code == 302
        pool.refresh_from_db()
        assert (pool.daily_budget_minor, pool.target_level) == (2550, 3)

    def test_shows_a_buffers_level_in_the_list(self) -> None:
        world = build_world()
        pool = make_buffer(world, target=4)
        world.stock(1, pool=pool)
        html = sign_in(make_platform_admin()).get("/admin/giftcards/pool/").content.decode()
        assert "<b>1</b> of 4 wanted" in html


class TestBrandForm:
    def send(self, world: World, slug: str) -> Any:
        browser = sign_in(make_platform_admin())
        url = reverse("admin:giftcards_brand_change", args=[world.brand.pk])
        page = browser.get(url)
        self.html = page.content.decode()
        return browser.post(url, form_data(page) | {"provider_slug": slug})

    def test_takes_any_name_while_no_list_is_there(self) -> None:
        world = build_world()
        assert self.send(world, " Visa-US ").status_code == 302
        world.brand.refresh_from_db()
        assert world.brand.provider_slug == "visa-us"

    def test_proposes_what_is_sold_and_refuses_what_is_not(self) -> None:
        world = build_world()
        sell_at(world, "lowes-us")
        sync_brands(provider="tillo", now=NOW)
        page = self.send(world, "lowes-uk")
        (words,) = errors_of(page)["provider_slug"]
        assert words == (
            "No provider lists lowes-uk. There is lowes-us. If it is new there, bring the list up"
            " to date on the providers' page first."
        )
        option = '<option value="lowes-us">Lowe&#x27;s, $25.00, $50.00, $100.00, $200.00</option>'
        assert option in self.html
        sold_as = "Lowe&#x27;s: sold, $25.00, $50.00, $100.00, $200.00, 4 % discount"
        assert sold_as in self.html
        assert self.send(world, "").status_code == 302
        assert ProviderBrand.objects.count() == 19
