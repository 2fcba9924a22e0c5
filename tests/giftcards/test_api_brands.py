"""Brands over the API: to each partner those that it may hand out."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from credit.models import Client
from credit.services.api_keys import SCOPES
from giftcards.models import AgencyBrand, Brand, ClientBrand, ClientDenomination, Denomination
from tests.credit.partners import Partner, assert_problem
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def add_brand(name: str, *values_minor: int) -> Brand:
    brand = Brand.objects.create(name=name, slug=uuid4().hex)
    for value_minor in values_minor:
        Denomination.objects.create(brand=brand, value_minor=value_minor, currency="USD")
    return brand


def offer_to(owner: Any) -> dict[str, list[str]]:
    results = Partner(owner).get("/brands/").json()["results"]
    return {
        brand["name"]: [value["value"] for value in brand["denominations"]] for brand in results
    }


class TestListBrands:
    def test_prints_each_with_its_values(self, world: World) -> None:
        Denomination.objects.create(brand=world.brand, value_minor=1000, currency="USD")
        Brand.objects.filter(pk=world.brand.pk).update(
            redemption_url="https://shop.example/redeem", expiration_policy="Never."
        )
        response = Partner(world.client).get("/brands/")
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        assert response.json() == {
            "next": None,
            "previous": None,
            "results": [
                {
                    "id": str(world.brand.pk),
                    "name": "Acorn Shop",
                    "slug": world.brand.slug,
                    "card_format": "digital",
                    "card_class": "purchased",
                    "expiration_policy": "Never.",
                    "redemption_url": "https://shop.example/redeem",
                    "balance_url": None,
                    "terms_url": None,
                    "disclosure": "",
                    "denominations": [
                        {
                            "id": str(world.brand.denominations.get(value_minor=1000).pk),
                            "value": "10.00",
                            "currency": "USD",
                        },
                        {"id": str(world.denomination.pk), "value": "25.00", "currency": "USD"},
                    ],
                }
            ],
        }

    def test_leaves_out_what_is_switched_off(self, world: World) -> None:
        off = add_brand("Off", 1000)
        Brand.objects.filter(pk=off.pk).update(is_enabled=False)
        add_brand("Without a value")
        half = add_brand("Half", 1000, 2000)
        half.denominations.filter(value_minor=2000).update(is_enabled=False)
        expected = {"Acorn Shop": ["25.00"], "Half": ["10.00"]}
        for owner in (None, world.agency, world.client):
            assert offer_to(owner) == expected

    def test_is_what_the_agency_offers_and_the_client_wants(self, world: World) -> None:
        stranger = build_world(name="Birch")
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        kept, refused = add_brand("Kept", 1000, 2000), add_brand("Refused", 500)
        AgencyBrand.objects.create(agency=world.agency, brand=refused, is_offered=False)
        ClientBrand.objects.create(client=world.client, brand=world.brand, is_offered=False)
        ClientDenomination.objects.create(
            client=world.client,
            denomination=kept.denominations.get(value_minor=2000),
            is_offered=False,
        )
        both = {"Acorn Shop": ["25.00"], "Birch Shop": ["25.00"]}
        assert offer_to(world.client) == {"Birch Shop": ["25.00"], "Kept": ["10.00"]}
        assert offer_to(sibling) == {**both, "Kept": ["10.00", "20.00"]}
        assert offer_to(world.agency) == {**both, "Kept": ["10.00", "20.00"]}
        # What one tenant has switched off is there for the others.
        everything = {**both, "Kept": ["10.00", "20.00"], "Refused": ["5.00"]}
        assert offer_to(stranger.client) == offer_to(stranger.agency) == everything
        assert offer_to(None) == everything

    def test_turns_pages(self, world: World) -> None:
        for number in range(4):
            add_brand(f"Brand {number}", 1000)
        partner = Partner(world.client)
        page = partner.get("/brands/", page_size=2).json()
        seen = [brand["name"] for brand in page["results"]]
        while page["next"]:
            page = partner.follow(page["next"]).json()
            seen += [brand["name"] for brand in page["results"]]
        assert seen == ["Acorn Shop", "Brand 0", "Brand 1", "Brand 2", "Brand 3"]
        assert partner.follow(page["previous"]).status_code == 200

    def test_wants_the_scope(self, world: World) -> None:
        scopes = tuple(scope for scope in SCOPES if scope != "inventory:read")
        assert_problem(Partner(world.client, scopes).get("/brands/"), 403, "GC-110")

    def test_refuses_what_it_does_not_know(self, world: World) -> None:
        body = assert_problem(Partner(None).get("/brands/", name="x"), 400, "GC-012")
        assert body["errors"] == {"name": ["This field is not known."]}
