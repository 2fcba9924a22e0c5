"""A client's pages through Django's test client: figures, budgets, brands, and strangers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import Account, Client, Membership
from credit.services.ledger import allocate
from credit.services.settlements import hold_credit
from giftcards.models import ClientBrand
from redemption.models import Campaign, Condition
from tests.redemption.client_visiting import (
    Role,
    isolate,
    manager_of,
    pages_of,
    parent_of,
    person,
    spend,
    text_of,
)
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestDoor:
    @pytest.mark.parametrize(
        "role", ["client_manager", "agency_manager", "auditor", "agency_auditor", "platform_admin"]
    )
    def test_is_open_to_those_whose_client_it_is(self, world: World, role: str) -> None:
        browser = {
            "client_manager": lambda: manager_of(world),
            "agency_manager": lambda: person(Role.AGENCY_MANAGER, agency=world.agency),
            "auditor": lambda: person(Role.AUDITOR, client=world.client),
            "agency_auditor": lambda: person(Role.AUDITOR, agency=world.agency),
            "platform_admin": lambda: sign_in(make_platform_admin()),
        }[role]()
        for address in pages_of(world):
            assert browser.get(address).status_code == 200, address

    def test_is_closed_to_strangers(self, world: World) -> None:
        with transaction():
            sister = Client.objects.create(agency=world.agency, name="Sister", slug="sister")
        other = build_world(name="Birch")
        auditor = person(Role.AUDITOR, client=sister)
        strangers = [
            person(Role.CLIENT_MANAGER, client=sister),
            person(Role.CLIENT_MANAGER, client=other.client),
            person(Role.AGENCY_MANAGER, agency=other.agency),
            auditor,
            person(Role.AGENT, client=world.client),
            sign_in(make_user()),
        ]
        before = world.balance()
        for browser in strangers:
            for address in pages_of(world):
                asked = browser.get(address)
                sent = browser.post(address, {"mode": "isolated", "amount": "1"})
                # The overview takes no form from anybody, and no page one from an auditor.
                refusal = 403 if browser is auditor else 404
                refusal = 405 if address == pages_of(world)[0] else refusal
                assert (asked.status_code, sent.status_code) == (404, refusal), address
                assert b"Acorn" not in asked.content + sent.content
        world.campaign.refresh_from_db()
        world.account.refresh_from_db()
        assert world.campaign.budget_mode == "shared"
        assert (world.balance(), world.account.low_balance_threshold_minor) == (before, None)

    def test_asks_who_is_not_signed_in(self, world: World) -> None:
        for address in pages_of(world):
            response = Browser().get(address)
            assert response.status_code == 302
            assert response["Location"] == f"/login/?next={address}"

    def test_lets_an_auditor_look_and_change_nothing(self, world: World) -> None:
        browser = person(Role.AUDITOR, client=world.client)
        page = browser.get(reverse("client-overview", args=[world.client.pk]))
        assert b"hx-get" not in page.content
        brand = {"brand": str(world.brand.pk), "offered": "no", "confirmed": "yes"}
        for address in pages_of(world):
            response = browser.post(address, {"mode": "isolated", "amount": "1", **brand})
            refusal = 405 if address == pages_of(world)[0] else 403
            assert response.status_code == refusal, address
        world.campaign.refresh_from_db()
        assert world.campaign.budget_mode == "shared"
        assert not ClientBrand.objects.exists()

    def test_lets_an_auditor_who_manages_another_client_change_only_that(
        self, world: World
    ) -> None:
        other = build_world(name="Birch")
        user = make_user(is_staff=False)
        Membership.objects.create(user=user, role=Role.AUDITOR, client=world.client)
        Membership.objects.create(user=user, role=Role.CLIENT_MANAGER, client=other.client)
        browser = sign_in(user)
        for each, status in ((world, 404), (other, 302)):
            address = reverse("client-budget", args=[each.client.pk, each.campaign.pk])
            assert browser.post(address, {"mode": "isolated"}).status_code == status
        world.campaign.refresh_from_db()
        other.campaign.refresh_from_db()
        assert (world.campaign.budget_mode, other.campaign.budget_mode) == ("shared", "isolated")

    def test_takes_no_campaign_of_another_client(self, world: World) -> None:
        other = build_world(name="Birch")
        address = reverse("client-budget", args=[world.client.pk, other.campaign.pk])
        for browser in (manager_of(world), sign_in(make_platform_admin())):
            assert browser.get(address).status_code == 404
            assert browser.post(address, {"mode": "isolated"}).status_code == 404
        other.campaign.refresh_from_db()
        assert other.campaign.budget_mode == "shared"


class TestClientHome:
    def test_opens_the_one_client_of_its_manager(self, world: World) -> None:
        response = manager_of(world).get("/client/")
        assert response["Location"] == reverse("client-overview", args=[world.client.pk])

    def test_lets_choose_among_several(self, world: World) -> None:
        other, stranger = build_world(name="Birch"), build_world(name="Cedar")
        user = make_user(is_staff=False)
        for each in (world, other):
            Membership.objects.create(user=user, role=Role.CLIENT_MANAGER, client=each.client)
        page = text_of(sign_in(user).get("/client/"))
        assert "Acorn Ltd Acorn Agency $1,000.00" in page
        assert "Birch Ltd" in page
        assert stranger.client.name not in page


class TestClientOverview:
    def read(self, world: World, browser: Browser | None = None) -> str:
        browser = browser or manager_of(world)
        response = browser.get(reverse("client-overview", args=[world.client.pk]))
        assert response.status_code == 200
        return text_of(response)

    def test_prints_what_the_database_says(self, world: World) -> None:
        now = datetime.now(UTC)
        this_month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        last_month = this_month - timedelta(seconds=1)
        spend(world, last_month, last_month - timedelta(days=5), this_month)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT to_char(sum(charged_minor) FILTER (WHERE issued_at >= %(at)s) / 100.0,"
                " '$FM999,990.00'), to_char(sum(charged_minor) FILTER (WHERE issued_at < %(at)s)"
                " / 100.0, '$FM999,990.00'), (SELECT to_char(sum(amount_minor) / 100.0,"
                " '$FM999,990.00') FROM credit_entry WHERE account_id = %(account)s)"
                " FROM redemption_redemption",
                {"at": this_month, "account": world.account.pk},
            )
            spent, spent_before, balance = cursor.fetchone()
        assert (spent, spent_before, balance) == ("$25.00", "$50.00", "$925.00")
        page = self.read(world)
        assert f"Balance {balance} Free to spend" in page
        assert f"Spent this month {spent} {spent_before} in" in page
        assert "Redemptions this month 1 2 in" in page
        assert "Redemptions left 37 About, at $25.00 each" in page
        assert "Spending per month in USD $75.00 in twelve months" in page

    def test_masks_phones_and_shows_no_code(self, world: World) -> None:
        spend(world, datetime.now(UTC), to="+12025550123")
        response = manager_of(world).get(reverse("client-overview", args=[world.client.pk]))
        content = response.content.decode()
        assert "5550123" not in content
        assert "GIFT-" not in content
        assert "•••" in content
        assert "Acorn Shop $25.00" in text_of(response)

    def test_says_how_much_is_set_aside(self, world: World) -> None:
        with transaction():
            hold_credit(
                account_id=world.account.pk,
                amount_minor=2500,
                currency="USD",
                reference="order:1",
                actor="system",
                now=NOW,
            )
        assert "$25.00 more is set aside for purchases under way" in self.read(world)

    def test_says_when_the_balance_is_low_or_gone(self, world: World) -> None:
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=100_001)
        assert "Low: under $1,000.01" in self.read(world)
        empty = build_world(name="Birch", credit_minor=0)
        assert "Balance $0.00 Nothing left: ask Birch Agency for credit" in self.read(empty)

    def test_says_what_to_do_when_a_campaign_is_out_of_credit(self, world: World) -> None:
        isolate(world, credit_minor=1000)
        page = self.read(world)
        assert "Acorn campaign Out of credit Allocate at least $15.00 to it" in page
        poor = build_world(name="Birch", credit_minor=1)
        poor.stock(1)
        Campaign.objects.filter(pk=poor.campaign.pk).update(status="depleted")
        page = self.read(poor)
        assert "Out of credit Ask Birch Agency for at least $24.99" in page

    def test_tells_how_each_campaign_is_paid(self, world: World) -> None:
        second = Campaign.objects.create(
            client=world.client, name="Zinnia", status="paused", account=world.account
        )
        Condition.objects.create(
            campaign=second, number=1, name="x", brand=world.brand, card_value_minor=2500
        )
        isolate(world, credit_minor=7500)
        page = self.read(world)
        assert "Acorn campaign Running Its own account Isolated $75.00 3 $25.00" in page
        assert "Zinnia Paused Acorn Ltd Shared $925.00 37 $25.00" in page

    def test_keeps_the_agencys_balance_from_the_client(self, world: World) -> None:
        Campaign.objects.filter(pk=world.campaign.pk).update(
            billing_entity="agency", account=world.account.parent
        )
        with transaction():
            allocate(
                from_account=world.platform_account,
                to_account=parent_of(world),
                amount_minor=777_700,
                actor="system",
                key=f"test:{uuid4()}",
                now=NOW,
            )
        page = self.read(world)
        assert "Acorn Agency (agency) Shared The agency's to say –" in page
        assert "7,777" not in page
        agency = person(Role.AGENCY_MANAGER, agency=world.agency)
        assert "Acorn Agency (agency) Shared $7,777.00 311" in self.read(world, agency)

    def test_says_what_to_do_next_where_there_is_nothing(self) -> None:
        world = build_world(credit_minor=0)
        with transaction():
            bare = Client.objects.create(agency=world.agency, name="Bare", slug="bare")
        page = text_of(
            person(Role.CLIENT_MANAGER, client=bare).get(reverse("client-overview", args=[bare.pk]))
        )
        for words in ("No budget yet", "No campaign yet", "Nothing spent yet", "Nobody has"):
            assert words in page

    def test_asks_the_database_the_same_number_of_times_for_any_number_of_campaigns(
        self, world: World, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(5):
            campaign = Campaign.objects.create(
                client=world.client, name=f"C{number}", status="active", account=world.account
            )
            Condition.objects.create(
                campaign=campaign, number=1, name="x", brand=world.brand, card_value_minor=2500
            )
        spend(world, *[datetime.now(UTC)] * 3)
        browser = manager_of(world)
        with django_assert_max_num_queries(40):
            self.read(world, browser)


def test_ids_are_uuids(world: World) -> None:
    """What is no id is no address at all."""
    assert manager_of(world).get("/client/1/").status_code == 404
    assert manager_of(world).get(f"/client/{UUID(int=0)}/").status_code == 404
