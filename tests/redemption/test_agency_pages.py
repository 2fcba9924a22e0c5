"""The pages of an agency: who may open them, and the figures that they show."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import Account, Agency, Client, Membership
from credit.selectors.viewers import SYSTEM
from credit.services.accounts import open_campaign_account
from giftcards.models import AgencyBrand
from redemption.models import Campaign
from redemption.services.cancelling import cancel_redemption
from tests.redemption.visiting import add_client, give_reward, manager, person, plain, put, text_of
from tests.staff import make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
Role = Membership.Role


@pytest.fixture
def world() -> World:
    return build_world()


def figure(page: Any, label: str) -> str:
    (found,) = [one for one in page.context["figures"] if one.label == label]
    return str(found.value)


class TestHome:
    def test_sends_an_agency_manager_to_the_agency(self, world: World) -> None:
        assert manager(world).get("/")["Location"] == "/agency/"

    def test_sends_a_client_manager_to_the_client(self, world: World) -> None:
        home = person(Role.CLIENT_MANAGER, client=world.client).get("/")
        assert home["Location"] == "/client/"

    def test_sends_an_auditor_to_what_they_audit(self, world: World) -> None:
        assert person(Role.AUDITOR, agency=world.agency).get("/")["Location"] == "/agency/"
        assert person(Role.AUDITOR, client=world.client).get("/")["Location"] == "/client/"

    def test_lets_somebody_with_several_roles_choose(self, world: World) -> None:
        user = make_user(is_staff=False)
        Membership.objects.create(user=user, role=Role.AGENCY_MANAGER, agency=world.agency)
        Membership.objects.create(user=user, role=Role.CLIENT_MANAGER, client=world.client)
        page = sign_in(user).get("/", follow=True)
        assert page.redirect_chain == [("/welcome/", 302)]
        assert 'href="/agency/"' in text_of(page)
        assert 'href="/client/"' in text_of(page)

    def test_leaves_an_agent_without_a_way_to_money(self, world: World) -> None:
        page = person(Role.AGENT, client=world.client).get("/", follow=True)
        assert page.redirect_chain == [("/desk/", 302)]
        assert 'href="/agency/"' not in text_of(page)
        assert 'href="/client/"' not in text_of(page)


class TestStranger:
    """Who may open what: to everybody else the page does not exist."""

    def addresses(self, world: World) -> dict[str, str]:
        account = Account.objects.get(level="agency", agency=world.agency)
        return {
            "overview": reverse("agency-page", args=[world.agency.pk]),
            "csv": reverse("agency-clients-csv", args=[world.agency.pk]),
            "brands": reverse("agency-brands", args=[world.agency.pk]),
            "warning": reverse("agency-warning", args=[world.agency.pk]),
            "webhooks": reverse("agency-webhooks", args=[world.agency.pk]),
            "allocate": reverse("allocate", args=[account.pk]),
            "statement": reverse("statement", args=[account.pk]),
            "file": reverse("statement-csv", args=[account.pk]),
            "pdf": reverse("statement-pdf", args=[account.pk]),
        }

    @pytest.mark.parametrize(
        "role", [Role.AGENCY_MANAGER, Role.AUDITOR, Role.CLIENT_MANAGER, Role.AGENT]
    )
    def test_of_another_agency_finds_nothing(self, world: World, role: str) -> None:
        other = build_world(name="Birch")
        of_agency = role in (Role.AGENCY_MANAGER, Role.AUDITOR)
        browser = (
            person(role, agency=other.agency) if of_agency else person(role, client=other.client)
        )
        for name, address in self.addresses(world).items():
            assert browser.get(address).status_code == 404, name

    @pytest.mark.parametrize("role", [Role.CLIENT_MANAGER, Role.AUDITOR, Role.AGENT])
    def test_of_its_own_client_finds_nothing_of_the_agency(self, world: World, role: str) -> None:
        browser = person(role, client=world.client)
        assert browser.get("/agency/").status_code == 404
        for name, address in self.addresses(world).items():
            assert browser.get(address).status_code == 404, name

    def test_who_is_not_signed_in_is_asked_to(self, world: World) -> None:
        for name, address in self.addresses(world).items():
            answer = Browser().get(address)
            assert answer.status_code == 302, name
            assert answer["Location"] == f"/login/?next={address}"

    def test_finds_no_statement_of_a_client_that_is_not_theirs(self, world: World) -> None:
        other = build_world(name="Birch")
        address = reverse("statement", args=[other.account.pk])
        for browser in (manager(world), person(Role.CLIENT_MANAGER, client=world.client)):
            assert browser.get(address).status_code == 404
        assert person(Role.CLIENT_MANAGER, client=other.client).get(address).status_code == 200

    def test_never_reads_a_statement_as_an_agent(self, world: World) -> None:
        browser = person(Role.AGENT, client=world.client)
        assert browser.get(reverse("statement", args=[world.account.pk])).status_code == 404

    def test_who_audits_looks_and_changes_nothing(
        self, world: World, agency_account: Account
    ) -> None:
        browser = person(Role.AUDITOR, agency=world.agency)
        page = browser.get("/agency/")
        assert page.status_code == 200
        assert reverse("allocate", args=[agency_account.pk]) not in text_of(page)
        save = reverse("agency-brand", args=[world.agency.pk, world.brand.pk])
        assert browser.post(save, {"markup": "10", "is_offered": "on"}).status_code == 403
        form = {"to": world.account.pk, "amount": "1", "step": "move", "key": "k" * 20}
        allocate_address = reverse("allocate", args=[agency_account.pk])
        assert browser.post(allocate_address, form).status_code == 404
        assert AgencyBrand.objects.count() == 0
        assert world.balance() == 100_000

    def test_of_the_platform_may_look_at_any_agency(self, world: World) -> None:
        user = make_user(is_staff=False)
        Membership.objects.create(user=user, role=Role.PLATFORM_ADMIN)
        browser = sign_in(user)
        assert world.agency.name in text_of(browser.get("/agency/"))
        assert browser.get(self.addresses(world)["overview"]).status_code == 200


class TestAgencyPage:
    def test_shows_the_figures_that_the_tables_hold(
        self, world: World, agency_account: Account
    ) -> None:
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        put(own, 7_500)
        rewards = [give_reward(world) for _ in range(3)]
        cancelled = give_reward(world)
        cancel_redemption(
            viewer=SYSTEM, redemption_id=cancelled.pk, reason="By mistake", now=datetime.now(UTC)
        )
        page = manager(world).get("/agency/")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(charged_minor), 0), count(*) FROM redemption_redemption r"
                " JOIN credit_client c ON c.id = r.client_id WHERE c.agency_id = %s"
                " AND r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test"
                " AND r.issued_at >= date_trunc('month', now() AT TIME ZONE 'UTC')",
                [world.agency.pk],
            )
            used, count = cursor.fetchone()
        assert (used, count) == (7_500, 3)
        assert {reward.charged_minor for reward in rewards} == {2_500}
        assert figure(page, "Balance") == "$2,500.00"
        # 1,000 at the beginning, less three rewards; what its campaign has was taken from it.
        assert figure(page, "With clients") == "$925.00"
        assert figure(page, "Used this month") == "$75.00"
        assert figure(page, "Redemptions this month") == "3"
        (row,) = page.context["clients"].rows
        shown = [str(amount) for amount in (row.balance, row.campaigns, row.held, row.used)]
        assert shown == ["$850.00", "$75.00", "$0.00", "$75.00"]
        assert row.redemptions == 3
        assert page.context["chart"].total == used
        assert [bar.value for bar in page.context["chart"].bars][-1] == used

    def test_names_what_needs_care(self, world: World, agency_account: Account) -> None:
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=200_000)
        Account.objects.filter(pk=agency_account.pk).update(low_balance_threshold_minor=300_000)
        Campaign.objects.filter(pk=world.campaign.pk).update(status="depleted")
        Client.objects.create(agency=world.agency, name="Newcomer", slug="newcomer")
        page = manager(world).get("/agency/")
        words = plain(page)
        assert "Low credit: under $2,000.00" in words
        assert "Out of credit: Acorn campaign" in words
        assert "No account yet" in words
        assert "Low: under $3,000.00" in words
        assert figure(page, "Clients to look after") == "2"

    def test_draws_the_chart_alike_in_every_language(
        self, world: World, agency_account: Account
    ) -> None:
        give_reward(world)
        browser = manager(world)
        # A comma in a number would break the picture.
        drawn = {
            language: re.findall(
                r"<rect[^>]+>",
                text_of(browser.get("/agency/", headers={"Accept-Language": language})),
            )
            for language in ("en", "es")
        }
        assert drawn["en"]
        assert drawn["en"] == drawn["es"]

    def test_says_what_to_do_when_there_is_nothing(self) -> None:
        agency = Agency.objects.create(name="Empty", slug="empty")
        page = person(Role.AGENCY_MANAGER, agency=agency).get("/agency/")
        assert page.status_code == 200
        assert "This agency has no account yet" in plain(page)
        assert "No clients yet" in plain(page)

    def test_turns_searches_and_sorts_a_long_list(
        self, world: World, agency_account: Account
    ) -> None:
        for number in range(30):
            add_client(world, f"Client {number:02}")
        browser = manager(world)
        page = browser.get("/agency/")
        assert len(page.context["clients"].rows) == 25
        assert "Page 1 of 2" in plain(page)
        second = browser.get("/agency/", {"page": 2})
        assert [row.name for row in second.context["clients"].rows][-1] == "Client 29"
        found = browser.get("/agency/", {"q": "acorn"})
        assert [row.name for row in found.context["clients"].rows] == ["Acorn Ltd"]
        richest = browser.get("/agency/", {"sort": "-balance"})
        assert richest.context["clients"].rows[0].name == "Acorn Ltd"
        nothing = browser.get("/agency/", {"q": "<b>"})
        assert "No client is called “&lt;b&gt;”" in text_of(nothing)
        assert browser.get("/agency/", {"page": "x", "sort": "x"}).status_code == 200

    def test_lets_somebody_with_several_agencies_choose(self, world: World) -> None:
        other = build_world(name="Birch")
        user = make_user(is_staff=False)
        for one in (world, other):
            Membership.objects.create(user=user, role=Role.AGENCY_MANAGER, agency=one.agency)
        page = sign_in(user).get("/agency/")
        assert [row.name for row in page.context["agencies"]] == ["Acorn Agency", "Birch Agency"]
        stranger = build_world(name="Cedar")
        assert stranger.agency.name not in text_of(page)

    def test_grows_with_neither_clients_nor_rewards_in_queries(
        self, world: World, agency_account: Account, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(12):
            add_client(world, f"Client {number:02}")
        browser = manager(world)
        browser.get("/agency/")
        with django_assert_max_num_queries(20):
            browser.get("/agency/")


class TestClientsCsv:
    def test_holds_the_list_with_exact_amounts(self, world: World, agency_account: Account) -> None:
        give_reward(world)
        add_client(world, "=1+1")
        address = reverse("agency-clients-csv", args=[world.agency.pk])
        answer = manager(world).get(address)
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert "attachment" in answer["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["client"] for row in rows] == ["'=1+1", "Acorn Ltd"]
        assert rows[1]["balance"] == "975.00"
        assert rows[1]["used_this_month"] == "25.00"
        assert rows[1]["redemptions_this_month"] == "1"
        assert rows[1]["currency"] == "USD"
