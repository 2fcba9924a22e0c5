"""The pages of an agency, the way credit is handed down there, and statements."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import Account, Agency, Client, Entry, Membership, Transaction, User
from credit.services.accounts import open_campaign_account, open_client_account
from credit.services.ledger import allocate
from giftcards.models import AgencyBrand, AgencyPrice
from redemption.models import Campaign, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.staff import make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
Role = Membership.Role


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def agency_account(world: World) -> Account:
    account = Account.objects.get(level="agency", agency=world.agency)
    put(account, 250_000)
    return account


def put(account: Account, amount_minor: int) -> None:
    """Hand credit down to an account from its parent, today."""
    assert account.parent is not None
    with transaction():
        allocate(
            from_account=account.parent,
            to_account=account,
            amount_minor=amount_minor,
            actor="system",
            key=f"test:{uuid4()}",
            now=datetime.now(UTC),
        )


def person(role: str, *, agency: Agency | None = None, client: Client | None = None) -> Browser:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=role, agency=agency, client=client)
    return sign_in(user)


def manager(world: World) -> Browser:
    return person(Role.AGENCY_MANAGER, agency=world.agency)


def give_reward(world: World) -> Redemption:
    world.stock(1)
    result = redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
        contact=Contact(method="sms", to="+12025550123"),
        code=world.invite()[0],
        now=datetime.now(UTC),
    )
    return Redemption.objects.get(pk=result.redemption_id)


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


def plain(response: Any) -> str:
    """Return the words of a page without its markup, single spaces between them."""
    return " ".join(re.sub(r"<[^>]+>", " ", text_of(response)).split())


def add_client(world: World, name: str) -> tuple[Client, Account]:
    with transaction():
        client = Client.objects.create(
            agency=world.agency, name=name, slug=f"client-{uuid4().hex[:8]}"
        )
        return client, open_client_account(client=client, currency="USD")


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
        assert page.redirect_chain == [("/welcome/", 302)]
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
        refused = give_reward(world)
        Redemption.objects.filter(pk=refused.pk).update(state="cancelled")
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
        # 1,000 at the beginning, less four rewards; what its campaign has was taken from it.
        assert figure(page, "With clients") == "$900.00"
        assert figure(page, "Used this month") == "$75.00"
        assert figure(page, "Redemptions this month") == "3"
        (row,) = page.context["clients"].rows
        shown = [str(amount) for amount in (row.balance, row.campaigns, row.held, row.used)]
        assert shown == ["$825.00", "$75.00", "$0.00", "$75.00"]
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


class TestAllocate:
    KEY = "k" * 24

    def send(self, world: World, account: Account, **fields: Any) -> Any:
        form = {
            "to": str(world.account.pk),
            "amount": "150.50",
            "note": "PO 7",
            "key": self.KEY,
            "step": "move",
            **fields,
        }
        return manager(world).post(reverse("allocate", args=[account.pk]), form)

    def state(self) -> list[Any]:
        balances = Account.objects.exclude(balance_minor=None).order_by("pk")
        return [*balances.values_list("pk", "balance_minor"), Transaction.objects.count()]

    def test_begins_with_whom_the_address_names(
        self, world: World, agency_account: Account
    ) -> None:
        address = reverse("allocate", args=[agency_account.pk])
        page = manager(world).get(address, {"to": str(world.account.pk)})
        assert page.context["page"].chosen.name == "Acorn Ltd"
        assert "$2,500.00" in plain(page)

    def test_shows_what_will_be_before_it_moves_anything(
        self, world: World, agency_account: Account
    ) -> None:
        before = self.state()
        page = self.send(world, agency_account, step="review")
        assert page.status_code == 200
        words = plain(page)
        assert "Move $150.50?" in words
        assert "From Acorn Agency $2,500.00 → $2,349.50" in words
        assert "To Acorn Ltd $1,000.00 → $1,150.50" in words
        assert self.state() == before

    def test_moves_the_money_and_says_where_it_is(
        self, world: World, agency_account: Account
    ) -> None:
        answer = self.send(world, agency_account)
        assert answer["Location"] == reverse("agency-page", args=[world.agency.pk])
        assert world.balance() == 115_050
        moved = Transaction.objects.get(kind="allocation", note="PO 7")
        assert sorted(moved.entries.values_list("amount_minor", flat=True)) == [-15_050, 15_050]
        page = answer.client.get(answer["Location"])
        assert "$150.50 moved to Acorn Ltd. Its balance is now $1,150.50." in plain(page)
        assert reverse("statement", args=[world.account.pk]) in text_of(page)

    def test_moves_once_however_often_the_button_is_pressed(
        self, world: World, agency_account: Account
    ) -> None:
        browser = manager(world)
        address = reverse("allocate", args=[agency_account.pk])
        # The second could not be paid any more: it has to read the first result.
        form = {"to": world.account.pk, "amount": "2000", "step": "move", "key": self.KEY}
        answers = [browser.post(address, form) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [302, 302]
        assert world.balance() == 300_000
        moved = Entry.objects.filter(account=world.account, amount_minor=200_000)
        assert moved.count() == 1

    def test_refuses_a_form_that_was_changed_after_it_moved_money(
        self, world: World, agency_account: Account
    ) -> None:
        browser = manager(world)
        address = reverse("allocate", args=[agency_account.pk])
        form = {"to": world.account.pk, "amount": "10", "step": "move", "key": self.KEY}
        browser.post(address, form)
        answer = browser.post(address, {**form, "amount": "20"})
        assert answer.status_code == 400
        assert "This form has moved money before." in plain(answer)
        assert answer.context["page"].key != self.KEY
        assert world.balance() == 101_000

    @pytest.mark.parametrize("step", ["review", "move"])
    @pytest.mark.parametrize(
        ("field", "typed", "words"),
        [
            ("amount", "", "Give an amount, such as 1250.50."),
            ("amount", "0", "The amount must be more than zero."),
            ("amount", "-5", "The amount can&#x27;t be negative."),
            ("amount", "1e3", "Write the amount in digits, such as 1250.50."),
            ("amount", "1,000", "with no separator but a dot"),
            ("amount", "1.005", "An amount in USD has at most 2 decimals."),
            ("amount", "NaN", "Write the amount in digits"),
            ("amount", "9" * 30, "The amount is too large."),
            ("amount", "2500.01", "Acorn Agency has only $2,500.00 to give."),
            ("to", "", "Choose who gets the credit."),
            ("to", "x", "Choose who gets the credit."),
            ("note", "x" * 501, "Use at most 500 printable characters."),
            ("key", "short", "This form was not complete."),
        ],
    )
    def test_says_what_is_wrong_with_which_field(
        self,
        world: World,
        agency_account: Account,
        step: str,
        field: str,
        typed: str,
        words: str,
    ) -> None:
        before = self.state()
        answer = self.send(world, agency_account, step=step, **{field: typed})
        assert answer.status_code == 400
        assert words in text_of(answer)
        name = "form" if field == "key" else field
        assert list(answer.context["page"].errors) == [name]
        assert self.state() == before

    def test_reaches_no_account_but_those_right_below(
        self, world: World, agency_account: Account
    ) -> None:
        other = build_world(name="Birch")
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        before = self.state()
        for target in (other.account, own, agency_account, world.platform_account):
            answer = self.send(world, agency_account, to=str(target.pk))
            assert answer.status_code == 400
            assert "to" in answer.context["page"].errors
        payer = other.account.parent
        assert payer is not None
        address = reverse("allocate", args=[payer.pk])
        form = {"to": other.account.pk, "amount": "1", "step": "move", "key": self.KEY}
        assert manager(world).post(address, form).status_code == 404
        platform = reverse("allocate", args=[world.platform_account.pk])
        assert manager(world).get(platform).status_code == 404
        assert self.state() == before

    def test_goes_through_no_paused_account(self, world: World, agency_account: Account) -> None:
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        before = self.state()
        for step in ("review", "move"):
            assert self.send(world, agency_account, step=step).status_code == 400
        assert self.state() == before

    def test_lets_a_client_manager_fill_a_campaign(self, world: World) -> None:
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        browser = person(Role.CLIENT_MANAGER, client=world.client)
        form = {"to": own.pk, "amount": "40", "step": "move", "key": self.KEY}
        answer = browser.post(reverse("allocate", args=[world.account.pk]), form)
        assert answer["Location"] == reverse("client-overview", args=[world.client.pk])
        own.refresh_from_db()
        assert (own.balance_minor, world.balance()) == (4_000, 96_000)

    def test_answers_a_dialog_with_its_part_alone(
        self, world: World, agency_account: Account
    ) -> None:
        browser = manager(world)
        address = reverse("allocate", args=[agency_account.pk])
        part = browser.get(address, headers={"HX-Request": "true"})
        assert "<html" not in text_of(part)
        form = {"to": world.account.pk, "amount": "1", "step": "move", "key": self.KEY}
        done = browser.post(address, form, headers={"HX-Request": "true"})
        assert done["HX-Redirect"] == reverse("agency-page", args=[world.agency.pk])


class TestBrands:
    def save(self, world: World, **fields: str) -> Any:
        address = reverse("agency-brand", args=[world.agency.pk, world.brand.pk])
        return manager(world).post(address, fields, follow=True)

    def price_field(self, world: World) -> str:
        return f"price-{world.denomination.pk}"

    def test_show_what_each_value_is_charged(self, world: World) -> None:
        AgencyBrand.objects.create(agency=world.agency, brand=world.brand, markup_basis_points=1250)
        page = manager(world).get(reverse("agency-brands", args=[world.agency.pk]))
        (row,) = page.context["rows"]
        assert (row.markup, row.is_offered) == ("12.5", True)
        # 25.00 and 12.5 % of it, 3.125, rounded half-up.
        assert [str(price.charged) for price in row.prices] == ["$28.13"]
        assert "margin +$3.13" in plain(page)

    def test_are_saved_and_charged_from_then_on(self, world: World) -> None:
        page = self.save(world, markup="10", is_offered="on")
        assert "Acorn Shop is saved." in plain(page)
        assert give_reward(world).charged_minor == 2_750
        self.save(world, markup="10", is_offered="on", **{self.price_field(world): "26.10"})
        assert AgencyPrice.objects.get().price_minor == 2_610
        assert give_reward(world).charged_minor == 2_610

    def test_can_be_taken_back(self, world: World) -> None:
        self.save(world, markup="7.25", is_offered="on", **{self.price_field(world): "26"})
        page = self.save(world, markup="3", is_offered="")
        row = AgencyBrand.objects.get()
        assert (row.markup_basis_points, row.is_offered) == (300, False)
        assert not AgencyPrice.objects.exists()
        notice = re.search(r'id="notices".*?</form>', text_of(page), re.DOTALL)
        assert notice is not None
        fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', notice[0]))
        fields.pop("csrfmiddlewaretoken")
        self.save(world, **fields)
        row.refresh_from_db()
        assert (row.markup_basis_points, row.is_offered) == (725, True)
        assert AgencyPrice.objects.get().price_minor == 2_600

    @pytest.mark.parametrize(
        ("markup", "price", "words"),
        [
            ("x", "", "Write the markup as a percentage"),
            ("-1", "", "The markup can&#x27;t be negative"),
            ("1.005", "", "at most 2 decimals"),
            ("1001", "", "at most 1000 %"),
            ("5", "0", "Give more than zero"),
            ("5", "-1", "be negative"),
            ("5", "1.234", "at most 2 decimals"),
            ("5", "1e9", "Write the amount in digits"),
        ],
    )
    def test_keep_nothing_of_a_form_with_a_mistake(
        self, world: World, markup: str, price: str, words: str
    ) -> None:
        fields = {"markup": markup, "is_offered": "on", self.price_field(world): price}
        page = self.save(world, **fields)
        assert page.status_code == 400
        assert words in text_of(page)
        assert f'value="{markup}"' in text_of(page)
        assert AgencyBrand.objects.count() == AgencyPrice.objects.count() == 0

    def test_of_another_agency_stay_as_they_are(self, world: World) -> None:
        other = build_world(name="Birch")
        address = reverse("agency-brand", args=[other.agency.pk, other.brand.pk])
        answer = manager(world).post(address, {"markup": "10", "is_offered": "on"})
        assert answer.status_code == 404
        unknown = reverse("agency-brand", args=[world.agency.pk, uuid4()])
        assert manager(world).post(unknown, {"markup": "10"}).status_code == 404
        assert AgencyBrand.objects.count() == 0

    def test_answer_a_row_with_the_row_and_the_notice(self, world: World) -> None:
        address = reverse("agency-brand", args=[world.agency.pk, world.brand.pk])
        answer = manager(world).post(
            address, {"markup": "10", "is_offered": "on"}, headers={"HX-Request": "true"}
        )
        assert "<html" not in text_of(answer)
        assert "$27.50" in text_of(answer)
        assert 'hx-swap-oob="true"' in text_of(answer)


class TestLowCreditWarning:
    def test_is_set_for_the_agencys_own_account(
        self, world: World, agency_account: Account
    ) -> None:
        address = reverse("agency-warning", args=[world.agency.pk])
        browser = manager(world)
        page = browser.post(address, {"amount": "3000"}, follow=True)
        assert "A warning goes out once the balance is below $3,000.00." in plain(page)
        agency_account.refresh_from_db()
        assert agency_account.low_balance_threshold_minor == 300_000
        assert "Low: under $3,000.00" in plain(browser.get("/agency/"))
        wrong = browser.post(address, {"amount": "1e3"})
        assert wrong.status_code == 400
        assert "Write the amount in digits" in text_of(wrong)
        agency_account.refresh_from_db()
        assert agency_account.low_balance_threshold_minor == 300_000
        world.account.refresh_from_db()
        assert world.account.low_balance_threshold_minor is None

    def test_is_not_for_an_auditor_to_set(self, world: World, agency_account: Account) -> None:
        browser = person(Role.AUDITOR, agency=world.agency)
        address = reverse("agency-warning", args=[world.agency.pk])
        assert browser.get(address).status_code == 200
        assert browser.post(address, {"amount": "3000"}).status_code == 403
        agency_account.refresh_from_db()
        assert agency_account.low_balance_threshold_minor is None


class TestStatementPage:
    def test_adds_up_from_opening_to_closing(self, world: World, agency_account: Account) -> None:
        put(world.account, 20_000)
        give_reward(world)
        page = manager(world).get(reverse("statement", args=[world.account.pk]))
        shown = page.context["statement"]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(e.amount_minor) FILTER (WHERE t.created_at < %s), 0),"
                " sum(e.amount_minor) FROM credit_entry e"
                " JOIN credit_transaction t ON t.id = e.transaction_id WHERE e.account_id = %s",
                [datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0), world.account.pk],
            )
            assert cursor.fetchone() == (100_000, 117_500)
        assert [str(one) for one in (shown.opening, shown.closing)] == ["$1,000.00", "$1,175.00"]
        assert [str(one) for one in (shown.paid_in, shown.paid_out)] == ["+$200.00", "-$25.00"]
        lines = [(row.words, str(row.amount), str(row.balance)) for row in shown.rows]
        assert lines == [
            ("Allocation from Acorn Agency", "+$200.00", "$1,200.00"),
            ("Reward", "-$25.00", "$1,175.00"),
        ]
        assert "Acorn campaign" in plain(page)
        assert "/admin/" not in text_of(page)

    def test_hides_from_a_client_who_its_agency_pays(
        self, world: World, agency_account: Account
    ) -> None:
        put(world.account, 20_000)
        browser = person(Role.CLIENT_MANAGER, client=world.client)
        page = browser.get(reverse("statement", args=[world.account.pk]))
        assert [row.words for row in page.context["statement"].rows] == ["Allocation received"]

    def test_leads_the_platforms_staff_to_the_redemption(self, world: World) -> None:
        reward = give_reward(world)
        user = make_user(is_staff=True)
        Membership.objects.create(user=user, role=Role.PLATFORM_ADMIN)
        page = sign_in(user).get(reverse("statement", args=[world.account.pk]))
        address = reverse("admin:redemption_redemption_change", args=[reward.pk])
        assert address in text_of(page)

    def test_says_so_when_nothing_moved(self, world: World) -> None:
        address = reverse("statement", args=[world.account.pk])
        page = manager(world).get(address, {"from": "2020-01-01", "to": "2020-01-31"})
        assert "Nothing moved in these days" in plain(page)
        assert str(page.context["statement"].closing) == "$0.00"

    @pytest.mark.parametrize(
        ("fields", "name"),
        [
            ({"from": "x", "to": "2026-03-01"}, "from"),
            ({"from": "2026-13-01"}, "from"),
            ({"from": "2026-03-02", "to": "2026-03-01"}, "to"),
            ({"from": "2026-03-01", "to": "20260302"}, "to"),
            ({"to": "2026-03-01"}, "from"),
        ],
    )
    def test_explains_days_that_make_no_sense(
        self, world: World, fields: dict[str, str], name: str
    ) -> None:
        page = manager(world).get(reverse("statement", args=[world.account.pk]), fields)
        assert page.status_code == 400
        assert list(page.context["statement"].period.errors) == [name]

    def test_turns_long_lists_and_carries_the_balance(
        self, world: World, agency_account: Account
    ) -> None:
        for _ in range(102):
            put(world.account, 100)
        address = reverse("statement", args=[world.account.pk])
        first, second = (manager(world).get(address, {"page": n}) for n in (1, 2))
        assert len(first.context["statement"].rows) == 100
        assert "Carried forward" in plain(first)
        assert "Brought forward" in plain(second)
        assert first.context["statement"].after == second.context["statement"].before
        assert str(second.context["statement"].after) == "$1,102.00"
        beyond = manager(world).get(address, {"page": 99})
        assert beyond.context["page"].number == 2

    def test_comes_as_csv_and_pdf_with_every_line(self, world: World) -> None:
        give_reward(world)
        browser = manager(world)
        answer: Any = browser.get(reverse("statement-csv", args=[world.account.pk]))
        content = b"".join(answer.streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(content)))
        assert [row["kind"] for row in rows] == ["opening_balance", "redemption", "closing_balance"]
        assert rows[-1]["balance_after"] == "975.00"
        assert "no-store" in answer["Cache-Control"]
        pdf: Any = browser.get(reverse("statement-pdf", args=[world.account.pk]))
        assert b"".join(pdf.streaming_content).startswith(b"%PDF-")
        assert pdf["Content-Type"] == "application/pdf"

    def test_shows_nothing_of_what_is_not_an_account(self, world: World) -> None:
        assert manager(world).get(f"/statements/{uuid4()}/").status_code == 404
        assert Entry.objects.count() == 4
        assert User.objects.count() == 1
