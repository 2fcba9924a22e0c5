"""A client's pages through Django's test client: figures, budgets, brands, and strangers."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from alerts.errors import ServiceError
from alerts.models import Alert
from alerts.transactions import transaction
from credit.models import Account, Client, Entry, Membership, User
from credit.selectors.viewers import SYSTEM
from credit.services.ledger import allocate
from credit.services.settlements import hold_credit
from giftcards.models import AgencyBrand, ClientBrand, ClientDenomination, Denomination
from redemption.models import Campaign, Condition, Redemption
from redemption.services.budgets import review_account, switch_budget
from redemption.services.redeem import Caller, Contact, redeem
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

FROM_HTMX = {"HX-Request": "true"}
Role = Membership.Role


@pytest.fixture
def world() -> World:
    return build_world()


def person(role: Role, **of: Any) -> Browser:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=role, **of)
    return sign_in(user)


def manager_of(world: World) -> Browser:
    return person(Role.CLIENT_MANAGER, client=world.client)


def pages_of(world: World) -> list[str]:
    client_id, campaign_id = world.client.pk, world.campaign.pk
    return [
        reverse("client-overview", args=[client_id]),
        reverse("client-brands", args=[client_id]),
        reverse("client-warning", args=[client_id]),
        reverse("client-budget", args=[client_id, campaign_id]),
    ]


def parent_of(world: World) -> Account:
    assert world.account.parent is not None
    return world.account.parent


def text_of(response: Any) -> str:
    """What a person reads: without tags, with single spaces."""
    content: bytes = response.content
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", content.decode())).split())


def spend(world: World, *moments: datetime, to: str = "+12025550123") -> None:
    world.stock(len(moments))
    for code, at in zip(world.invite(len(moments)), moments, strict=True):
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="sms", to=to),
            code=code,
            now=at,
        )


def isolate(world: World, credit_minor: int = 0) -> Account:
    """Give the campaign a budget of its own, with credit from the client's."""
    switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="isolated", now=NOW)
    own = Account.objects.get(level="campaign", client=world.client)
    if credit_minor:
        with transaction():
            allocate(
                from_account=world.account,
                to_account=own,
                amount_minor=credit_minor,
                actor="system",
                key=f"test:{uuid4()}",
                now=NOW,
            )
        review_account(account_id=own.pk, now=NOW)
    return own


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


class TestClientBudget:
    def address(self, world: World) -> str:
        return reverse("client-budget", args=[world.client.pk, world.campaign.pk])

    def test_says_in_numbers_what_would_happen(self, world: World) -> None:
        page = text_of(manager_of(world).get(self.address(world)))
        assert "Give “Acorn campaign” a budget of its own?" in page
        assert "Budget of Acorn Ltd Stays as it is, for the other campaigns $1,000.00" in page
        assert "covers no reward of $25.00: the campaign is out of credit at once" in page
        isolate(world, credit_minor=6000)
        page = text_of(manager_of(world).get(self.address(world)))
        assert "Share the budget of Acorn Ltd?" in page
        assert "Its own account Stays with this campaign and is spent first $60.00" in page
        assert "Acorn Ltd Pays when its own account can't cover a reward $940.00" in page
        assert "No money is moved" in page

    def test_only_asks_on_a_look(self, world: World) -> None:
        browser = manager_of(world)
        part = browser.get(self.address(world), headers=FROM_HTMX)
        assert b"<html" not in part.content
        world.campaign.refresh_from_db()
        assert world.campaign.budget_mode == "shared"

    def test_switches_and_can_be_undone(self, world: World) -> None:
        browser = manager_of(world)
        entries = Entry.objects.count()
        response = browser.post(self.address(world), {"mode": "isolated"}, follow=True)
        world.campaign.refresh_from_db()
        assert (world.campaign.budget_mode, world.campaign.status) == ("isolated", "depleted")
        page = text_of(response)
        assert "“Acorn campaign” has a budget of its own now: $0.00." in page
        assert "It is out of credit. Allocate credit Undo" in page
        assert b'name="mode" value="shared"' in response.content
        response = browser.post(self.address(world), {"mode": "shared"}, follow=True)
        world.campaign.refresh_from_db()
        assert (world.campaign.budget_mode, world.campaign.status) == ("shared", "active")
        assert world.campaign.account == world.account
        assert "shares the budget of Acorn Ltd now." in text_of(response)
        # No money was moved by any of it.
        assert (Entry.objects.count(), world.balance()) == (entries, 100_000)

    def test_sent_twice_switches_once(self, world: World) -> None:
        browser = manager_of(world)
        browser.post(self.address(world), {"mode": "isolated"})
        response = browser.post(self.address(world), {"mode": "isolated"}, follow=True)
        assert "is paid that way already: Its own account. Nothing was changed." in text_of(
            response
        )
        assert Account.objects.filter(level="campaign").count() == 1

    def test_leads_htmx_to_the_page_that_shows_it(self, world: World) -> None:
        response = manager_of(world).post(
            self.address(world), {"mode": "isolated"}, headers=FROM_HTMX
        )
        assert response["HX-Redirect"] == reverse("client-overview", args=[world.client.pk])

    @pytest.mark.parametrize("mode", ["", "both", "ISOLATED", "isolated\x00"])
    def test_refuses_a_mode_that_there_is_not(self, world: World, mode: str) -> None:
        response = manager_of(world).post(self.address(world), {"mode": mode}, follow=True)
        assert "Choose whether the budget is shared" in text_of(response)
        world.campaign.refresh_from_db()
        assert world.campaign.budget_mode == "shared"

    def test_refuses_a_forged_form(self, world: World) -> None:
        user = User.objects.get(pk=manager_of(world).session["_auth_user_id"])
        browser = Browser(enforce_csrf_checks=True)
        browser.force_login(user)
        assert browser.post(self.address(world), {"mode": "isolated"}).status_code == 403
        world.campaign.refresh_from_db()
        assert world.campaign.budget_mode == "shared"


class TestClientWarning:
    def send(self, world: World, amount: str) -> Any:
        address = reverse("client-warning", args=[world.client.pk])
        return manager_of(world).post(address, {"amount": amount}, follow=True)

    def threshold(self, world: World) -> int | None:
        return Account.objects.get(pk=world.account.pk).low_balance_threshold_minor

    def test_is_set_changed_and_taken_away(self, world: World) -> None:
        page = self.send(world, "250.00")
        assert self.threshold(world) == 25_000
        assert "A warning goes out once the balance is below $250.00. Undo" in text_of(page)
        page = self.send(world, "250")
        assert "Nothing was changed." in text_of(page)
        page = self.send(world, "")
        assert self.threshold(world) is None
        assert b'name="amount" value="250.00"' in page.content

    def test_warns_at_once_when_the_balance_is_below_it(self, world: World) -> None:
        page = self.send(world, "1000.01")
        assert Alert.objects.filter(kind="low_credit").count() == 1
        assert "The balance is below it: the warning is out." in text_of(page)

    @pytest.mark.parametrize(
        ("amount", "words"),
        [
            ("0", "more than zero"),
            ("-5", "can't be negative"),
            ("1e3", "in digits"),
            ("1.234", "at most 2 decimals"),
            ("NaN", "in digits"),
            ("99999999999999999999", "too large"),
            ("1,000", "no separator"),
        ],
    )
    def test_refuses_what_is_no_amount(self, world: World, amount: str, words: str) -> None:
        response = self.send(world, amount)
        assert response.status_code == 400
        assert words in text_of(response)
        assert f'value="{amount}"' in response.content.decode()
        assert self.threshold(world) is None


class TestClientBrands:
    def address(self, world: World) -> str:
        return reverse("client-brands", args=[world.client.pk])

    def value_of(self, world: World, value_minor: int = 5000) -> Denomination:
        return Denomination.objects.create(
            brand=world.brand, value_minor=value_minor, currency="USD"
        )

    def test_shows_what_a_card_takes_from_the_budget(self, world: World) -> None:
        AgencyBrand.objects.create(agency=world.agency, brand=world.brand, markup_basis_points=1000)
        page = text_of(manager_of(world).get(self.address(world)))
        assert "$25.00 $27.50 $2.50 above face value" in page

    def test_switches_a_value_that_no_campaign_gives_at_once(self, world: World) -> None:
        value = self.value_of(world)
        browser = manager_of(world)
        form = {"denomination": str(value.pk), "offered": "no"}
        part = browser.post(self.address(world), form, headers=FROM_HTMX)
        assert part.status_code == 200
        assert b"<html" not in part.content
        assert "Acorn Shop $50.00 is no longer handed out. Undo" in text_of(part)
        assert ClientDenomination.objects.get().is_offered is False
        page = browser.post(self.address(world), {**form, "offered": "yes"}, follow=True)
        assert "Acorn Shop $50.00 is handed out again." in text_of(page)
        assert ClientDenomination.objects.get().is_offered is True

    def test_names_the_campaigns_before_it_takes_their_card(self, world: World) -> None:
        browser = manager_of(world)
        for form in (
            {"brand": str(world.brand.pk), "offered": "no"},
            {"denomination": str(world.denomination.pk), "offered": "no"},
        ):
            page = browser.post(self.address(world), form)
            assert "1 campaign gives it: Acorn campaign" in text_of(page)
            part = browser.post(self.address(world), form, headers=FROM_HTMX)
            assert (part["HX-Retarget"], part["HX-Reswap"]) == ("#dialog-body", "innerHTML")
        assert not ClientBrand.objects.exists()
        assert not ClientDenomination.objects.exists()
        form = {"brand": str(world.brand.pk), "offered": "no", "confirmed": "yes"}
        response = browser.post(self.address(world), form, headers=FROM_HTMX)
        assert response["HX-Redirect"] == self.address(world)
        assert ClientBrand.objects.get().is_offered is False

    def test_does_not_ask_about_campaigns_that_are_over(self, world: World) -> None:
        Campaign.objects.update(status="ended")
        form = {"brand": str(world.brand.pk), "offered": "no"}
        manager_of(world).post(self.address(world), form)
        assert ClientBrand.objects.get().is_offered is False

    def test_sent_twice_says_it_once(self, world: World) -> None:
        value = self.value_of(world)
        browser = manager_of(world)
        form = {"denomination": str(value.pk), "offered": "no"}
        browser.post(self.address(world), form, follow=True)
        page = browser.post(self.address(world), form, follow=True)
        assert "no longer handed out" not in text_of(page)
        assert ClientDenomination.objects.count() == 1

    @pytest.mark.parametrize("form", [{}, {"brand": "x"}, {"denomination": "1 OR 1=1"}])
    def test_knows_only_what_the_agency_offers(self, world: World, form: dict[str, str]) -> None:
        assert manager_of(world).post(self.address(world), form).status_code == 404

    def test_takes_no_brand_that_the_agency_has_switched_off(self, world: World) -> None:
        AgencyBrand.objects.create(agency=world.agency, brand=world.brand, is_offered=False)
        browser = manager_of(world)
        assert "No brand is offered yet" in text_of(browser.get(self.address(world)))
        form = {"brand": str(world.brand.pk), "offered": "no"}
        assert browser.post(self.address(world), form).status_code == 404
        assert not ClientBrand.objects.exists()

    def test_takes_effect_at_the_next_redemption(self, world: World) -> None:
        world.stock(1)
        form = {"brand": str(world.brand.pk), "offered": "no", "confirmed": "yes"}
        manager_of(world).post(self.address(world), form)
        with pytest.raises(ServiceError) as refused:
            redeem(
                caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
                contact=Contact(method="none"),
                code=world.invite()[0],
                now=NOW,
            )
        assert refused.value.code.code == "GC-002"
        assert world.balance() == 100_000


def test_ids_are_uuids(world: World) -> None:
    """What is no id is no address at all."""
    assert manager_of(world).get("/client/1/").status_code == 404
    assert manager_of(world).get(f"/client/{UUID(int=0)}/").status_code == 404
