"""The pages of the API's lists of accounts and entries."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings

from alerts.transactions import transaction
from credit.models import Account, Client
from credit.services.accounts import open_campaign_account, open_client_account
from tests.credit.account_lists import give, ids
from tests.credit.partners import Partner, agency_account, assert_problem
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def sibling(world: World) -> Account:
    """Another client of the same agency."""
    with transaction():
        client = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        return open_client_account(client=client, currency="USD")


@pytest.fixture
def campaign_account(world: World) -> Account:
    with transaction():
        return open_campaign_account(client=world.client, name="Own", currency="USD")


class TestPages:
    @pytest.fixture
    def numbers(self, world: World, campaign_account: Account) -> list[int]:
        """All entries of the client's account, the newest first."""
        for amount_minor in range(1, 7):
            give(world.account, campaign_account, amount_minor)
        return sorted(world.account.entries.values_list("number", flat=True), reverse=True)

    def walk(self, partner: Partner, response: Any, towards: str) -> list[list[int]]:
        pages = []
        while True:
            body = response.json()
            pages.append([entry["number"] for entry in body["results"]])
            if body[towards] is None:
                return pages
            response = partner.follow(body[towards])
            assert response.status_code == 200, response.content

    def test_lead_through_the_list_and_back(self, world: World, numbers: list[int]) -> None:
        partner = Partner(world.client)
        path = f"/accounts/{world.account.pk}/entries/"
        first = partner.get(path, page_size=3)
        assert first.json()["previous"] is None
        forward = self.walk(partner, first, "next")
        assert forward == [numbers[:3], numbers[3:6], numbers[6:]]
        last = partner.get(path, page_size=3)
        for _ in range(2):
            last = partner.follow(last.json()["next"])
        assert self.walk(partner, last, "previous") == forward[::-1]

    def test_end_without_an_empty_page(self, world: World, numbers: list[int]) -> None:
        partner = Partner(world.client)
        body = partner.get(f"/accounts/{world.account.pk}/entries/", page_size=7).json()
        assert len(body["results"]) == 7
        assert body["next"] is None

    def test_neither_repeat_nor_lose_a_row_when_others_come(
        self, world: World, numbers: list[int], campaign_account: Account
    ) -> None:
        partner = Partner(world.client)
        first = partner.get(f"/accounts/{world.account.pk}/entries/", page_size=3).json()
        give(world.account, campaign_account, 99)
        second = partner.follow(first["next"]).json()
        assert [entry["number"] for entry in second["results"]] == numbers[3:6]
        back = partner.follow(second["previous"]).json()
        assert [entry["number"] for entry in back["results"]] == numbers[:3]
        newer = partner.follow(back["previous"]).json()
        assert [entry["amount"] for entry in newer["results"]] == ["-0.99"]
        assert newer["previous"] is None

    def test_have_addresses_in_full_with_the_filters(
        self, world: World, numbers: list[int]
    ) -> None:
        path = f"/accounts/{world.account.pk}/entries/"
        with override_settings(PUBLIC_BASE_URL="https://gifts.example"):
            body = Partner(world.client).get(path, page_size=3, kind="allocation").json()
        assert body["next"].startswith(
            f"https://gifts.example/api/v1{path}?page_size=3&kind=allocation&cursor="
        )

    def test_hold_no_cursor_of_another_list(self, world: World, numbers: list[int]) -> None:
        partner = Partner(world.agency)
        mine = partner.get(f"/accounts/{world.account.pk}/entries/", page_size=3).json()
        cursor = mine["next"].partition("cursor=")[2]
        other = partner.get(f"/accounts/{agency_account(world).pk}/entries/?cursor={cursor}")
        assert list(assert_problem(other, 400, "GC-012")["errors"]) == ["cursor"]

    def test_hold_no_cursor_that_was_changed(self, world: World, numbers: list[int]) -> None:
        partner = Partner(world.client)
        path = f"/accounts/{world.account.pk}/entries/"
        cursor = partner.get(path, page_size=3).json()["next"].partition("cursor=")[2]
        for place in range(len(cursor)):
            changed = "A" if cursor[place] != "A" else "B"
            forged = f"{cursor[:place]}{changed}{cursor[place + 1 :]}"
            assert_problem(partner.get(f"{path}?cursor={forged}"), 400, "GC-012")

    def test_lead_through_accounts_by_two_columns(
        self, world: World, sibling: Account, campaign_account: Account
    ) -> None:
        # All at the same moment, so that the ids decide.
        Account.objects.exclude(level="platform").update(created_at=NOW)
        partner = Partner(world.agency)
        found, response = [], partner.get("/accounts/", page_size=1)
        while True:
            found += ids(response)
            if response.json()["next"] is None:
                break
            response = partner.follow(response.json()["next"])
        assert found == sorted(found)
        assert len(found) == 4
        previous = partner.follow(response.json()["previous"])
        assert ids(previous) == [found[2]]

    def test_lead_back_from_where_all_is_gone(self, world: World, numbers: list[int]) -> None:
        partner = Partner(world.client)
        path = f"/accounts/{world.account.pk}/entries/"
        body = partner.get(path, page_size=6).json()
        gone = partner.follow(f"{body['next']}&created_before=2000-01-01T00:00:00Z").json()
        assert gone["results"] == []
        assert gone["next"] is None
        back = gone["previous"].replace("&created_before=2000-01-01T00%3A00%3A00Z", "")
        assert [entry["number"] for entry in partner.follow(back).json()["results"]] == numbers[:6]
