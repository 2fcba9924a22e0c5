"""What a platform admin does to an account from its page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client as Browser

from credit.models import Account, Agency, Client, Transaction
from credit.selectors.balances import balance_of
from tests.invariants import broken_invariants
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def fill_in(browser: Browser, account: Account, what: str, **fields: str) -> Any:
    """Open the form and send it; return the answer."""
    url = f"/admin/credit/account/{account.pk}/{what}/"
    page = browser.get(url)
    key = re.search(r'name="key" value="([^"]+)"', page.content.decode())
    assert key is not None
    return browser.post(url, {"key": key[1], "reason": "agreed by phone", **fields})


class TestIssue:
    def test_gives_an_agency_credit(self, world: World, browser: Browser) -> None:
        agency = Account.objects.get(level="agency")
        assert fill_in(browser, agency, "issue", amount="250.00").status_code == 302
        assert balance_of(agency.pk) == 25_000
        movement = Transaction.objects.get(note="agreed by phone")
        assert (movement.kind, movement.actor[:5]) == ("issue", "user:")
        assert broken_invariants() == {}

    def test_pressed_twice_gives_once(self, world: World, browser: Browser) -> None:
        agency = Account.objects.get(level="agency")
        data = {"key": "k" * 24, "amount": "1.00", "reason": "x"}
        for _ in range(2):
            browser.post(f"/admin/credit/account/{agency.pk}/issue/", data)
        assert balance_of(agency.pk) == 100

    def test_is_not_for_a_client(self, world: World, browser: Browser) -> None:
        page = browser.get(f"/admin/credit/account/{world.account.pk}/issue/", follow=True)
        assert "Credit is issued to an agency" in page.content.decode()

    @pytest.mark.parametrize("amount", ["0", "-5", "1e3", "1.234", "NaN", "", "9" * 30])
    def test_says_what_is_wrong_with_an_amount(
        self, world: World, browser: Browser, amount: str
    ) -> None:
        agency = Account.objects.get(level="agency")
        page = fill_in(browser, agency, "issue", amount=amount)
        assert list(page.context["form"].errors) == ["amount"]
        assert balance_of(agency.pk) == 0


class TestAdjust:
    def test_corrects_up_and_down(self, world: World, browser: Browser) -> None:
        for amount, balance in (("5.00", 100_500), ("-100.00", 90_500), ("−5", 90_000)):
            assert fill_in(browser, world.account, "adjust", amount=amount).status_code == 302
            assert world.balance() == balance
        assert broken_invariants() == {}

    def test_wants_a_reason(self, world: World, browser: Browser) -> None:
        page = fill_in(browser, world.account, "adjust", amount="5", reason=" ")
        assert list(page.context["form"].errors) == ["reason"]
        assert world.balance() == 100_000

    def test_takes_no_more_than_there_is(self, world: World, browser: Browser) -> None:
        page = fill_in(browser, world.account, "adjust", amount="-1000.01")
        assert page.context["form"].errors == {"amount": ["The account holds less than that."]}
        assert world.balance() == 100_000

    def test_is_the_platforms_alone(self, world: World) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        page = stranger.post(
            f"/admin/credit/account/{world.account.pk}/adjust/",
            {"key": "k" * 24, "amount": "5", "reason": "mine"},
        )
        assert page.status_code in (302, 404)
        assert world.balance() == 100_000


class TestSplit:
    def test_goes_there_and_back(self, world: World, browser: Browser) -> None:
        url = f"/admin/credit/account/{world.account.pk}/split/"
        for slots in (64, 0):
            assert browser.post(url, {"_form_submitted": "True"}).status_code == 302
            world.account.refresh_from_db()
            assert world.account.slot_count == slots
            assert balance_of(world.account.pk) == 100_000
            page = browser.get(f"/admin/credit/account/{world.account.pk}/change/")
            assert "$1,000.00" in page.content.decode()
        assert broken_invariants() == {}


class TestNewOrganisation:
    def test_has_its_account_from_the_beginning(self, browser: Browser) -> None:
        page = browser.post(
            "/admin/credit/agency/add/",
            {"name": "Elm", "slug": "elm", "is_active": "on", "currency": "EUR"},
        )
        assert page.status_code == 302, page.context["errors"]
        agency = Agency.objects.get()
        page = browser.post(
            "/admin/credit/client/add/",
            {"name": "Oak", "slug": "oak", "agency": agency.pk, "is_active": "on"},
        )
        assert page.status_code == 302, page.context["errors"]
        account = Account.objects.get(client=Client.objects.get())
        assert (account.level, account.currency, account.balance_minor) == ("client", "EUR", 0)
        assert account.parent == Account.objects.get(level="agency", agency=agency)

    def test_with_a_strange_currency_is_refused(self, browser: Browser) -> None:
        page = browser.post(
            "/admin/credit/agency/add/", {"name": "Elm", "slug": "elm", "currency": "euro"}
        )
        assert list(page.context["adminform"].form.errors) == ["currency"]
        assert not Agency.objects.exists()
