"""Campaigns over the API: each partner's own, with what their conditions earn."""

from __future__ import annotations

from uuid import uuid4

import pytest

from credit.models import Client
from redemption.models import Campaign, Condition
from tests.credit.partners import Partner, assert_problem
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def seen_by(owner: object, **filters: object) -> set[str]:
    response = Partner(owner).get("/campaigns/", **filters)  # type: ignore[arg-type]
    assert response.status_code == 200, response.content
    return {campaign["name"] for campaign in response.json()["results"]}


class TestListCampaigns:
    def test_prints_each_with_its_conditions(self, world: World) -> None:
        Condition.objects.create(
            campaign=world.campaign, number=2, name="Told a friend", is_active=False
        )
        response = Partner(world.client).get("/campaigns/")
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        assert response.json() == {
            "next": None,
            "previous": None,
            "results": [
                {
                    "id": str(world.campaign.pk),
                    "name": "Acorn campaign",
                    "client_id": str(world.client.pk),
                    "status": "active",
                    "budget_mode": "shared",
                    "account_id": str(world.account.pk),
                    "conditions": [
                        {
                            "number": 1,
                            "name": "Came to the appointment",
                            "brand": "Acorn Shop",
                            "brand_id": str(world.brand.pk),
                            "value": "25.00",
                            "currency": "USD",
                            "is_active": True,
                        },
                        {
                            "number": 2,
                            "name": "Told a friend",
                            "brand": None,
                            "brand_id": None,
                            "value": None,
                            "currency": "USD",
                            "is_active": False,
                        },
                    ],
                }
            ],
        }

    def test_shows_a_partner_only_its_own(self, world: World) -> None:
        stranger = build_world(name="Birch")
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        Campaign.objects.create(client=sibling, name="Sibling campaign")
        assert seen_by(world.client) == {"Acorn campaign"}
        assert seen_by(world.agency) == {"Acorn campaign", "Sibling campaign"}
        assert seen_by(stranger.client) == seen_by(stranger.agency) == {"Birch campaign"}
        assert seen_by(None) == {"Acorn campaign", "Sibling campaign", "Birch campaign"}

    def test_filters(self, world: World) -> None:
        stranger = build_world(name="Birch")
        Campaign.objects.create(client=world.client, name="Draft")
        assert seen_by(world.client, status="draft") == {"Draft"}
        assert seen_by(None, client_id=stranger.client.pk) == {"Birch campaign"}
        # A stranger's id finds nothing, as one that nobody has.
        assert seen_by(world.client, client_id=stranger.client.pk) == set()
        assert seen_by(world.client, client_id=uuid4()) == set()

    def test_turns_pages(self, world: World) -> None:
        for number in range(4):
            Campaign.objects.create(client=world.client, name=f"Campaign {number}")
        partner = Partner(world.client)
        page = partner.get("/campaigns/", page_size=2).json()
        seen = [campaign["name"] for campaign in page["results"]]
        while page["next"]:
            page = partner.follow(page["next"]).json()
            seen += [campaign["name"] for campaign in page["results"]]
        assert seen == ["Acorn campaign", *(f"Campaign {number}" for number in range(4))]
        assert partner.follow(page["previous"]).status_code == 200

    @pytest.mark.parametrize("scope", ["redeem", "provision", "credit:read", "inventory:read"])
    def test_takes_any_of_its_scopes(self, world: World, scope: str) -> None:
        assert Partner(world.client, (scope,)).get("/campaigns/").status_code == 200

    def test_wants_one_of_its_scopes(self, world: World) -> None:
        partner = Partner(world.client, ("webhooks", "monitoring", "inventory:write"))
        assert_problem(partner.get("/campaigns/"), 403, "GC-110")

    @pytest.mark.parametrize(
        ("query", "field"),
        [("state=draft", "state"), ("status=open", "status"), ("client_id=7", "client_id")],
    )
    def test_names_the_parameter(self, world: World, query: str, field: str) -> None:
        body = assert_problem(Partner(None).get(f"/campaigns/?{query}"), 400, "GC-012")
        assert list(body["errors"]) == [field]
