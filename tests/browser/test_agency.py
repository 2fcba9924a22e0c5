"""An agency's pages in a real browser: handing credit down, prices, statements and their files."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect

from alerts.transactions import transaction
from credit.models import Account, Client, Membership, Transaction
from credit.services.accounts import open_client_account
from credit.services.ledger import allocate
from giftcards.models import AgencyBrand, AgencyPrice, Brand, Denomination
from redemption.models import Campaign, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.browser.conftest import Visitor
from tests.people import make_person
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    world = build_world()
    agency_account = Account.objects.get(level="agency", agency=world.agency)
    hand_down(agency_account, 480_000)
    for number, name in enumerate(("Birchwood Energy and Water Company", "Cedar Health")):
        client = Client.objects.create(agency=world.agency, name=name, slug=f"c{number}")
        with transaction():
            account = open_client_account(client=client, currency="USD")
        hand_down(account, 20_000 * (number + 1))
    Account.objects.filter(name="Cedar Health").update(low_balance_threshold_minor=90_000)
    Campaign.objects.create(
        client=Client.objects.get(slug="c0"), name="Winter bonus", status="depleted"
    )
    for name in ("Brightleaf Market", "Cobalt Coffee"):
        brand = Brand.objects.create(name=name, slug=name.split()[0].lower())
        for value in (1_000, 2_500, 10_000):
            Denomination.objects.create(brand=brand, value_minor=value, currency="USD")
    world.stock(3)
    for code in world.invite(3):
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="sms", to="+12025550123"),
            code=code,
            now=datetime.now(UTC),
        )
    return world


def hand_down(account: Account, amount_minor: int) -> None:
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


@pytest.fixture
def visit(browser: Browser, contexts: list[BrowserContext], site: str, world: World) -> Visit:
    return Visit(browser, contexts, site, world)


class Visit:
    """The agency's manager at a screen."""

    def __init__(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        self.browser, self.contexts, self.site, self.world = browser, contexts, site, world
        self.agency_account = Account.objects.get(level="agency", agency=world.agency)

    def sign_in(self, *, width: int, js: bool = True) -> Visitor:
        user = make_person()
        Membership.objects.create(
            user=user, role=Membership.Role.AGENCY_MANAGER, agency=self.world.agency
        )
        visitor = Visitor(self.browser, self.contexts, width=width, js=js)
        visitor.be(user, self.site)
        visitor.page.goto(f"{self.site}/agency/")
        return visitor


class TestAgencyInABrowser:
    @pytest.mark.parametrize("width", [320, 1280])
    def test_fits_and_complains_about_nothing(self, visit: Visit, world: World, width: int) -> None:
        visitor = visit.sign_in(width=width)
        agency, account = world.agency.pk, world.account.pk
        addresses = {
            "overview": "/agency/",
            "allocate": reverse("allocate", args=[visit.agency_account.pk]),
            "brands": reverse("agency-brands", args=[agency]),
            "warning": reverse("agency-warning", args=[agency]),
            "webhooks": reverse("agency-webhooks", args=[agency]),
            "statement": reverse("statement", args=[account]),
            "own-statement": reverse("statement", args=[visit.agency_account.pk]),
            "empty": reverse("statement", args=[account]) + "?from=2020-01-01&to=2020-01-31",
            "home": "/welcome/",
        }
        for name, address in addresses.items():
            visitor.look_at(visit.site + address, picture=name)
        if width == 320:
            visitor.page.get_by_role("button", name="Menu").click()
            expect(visitor.page.get_by_role("button", name="Sign out")).to_be_visible()
            assert visitor.fits()

    @pytest.mark.parametrize("width", [320, 1280])
    def test_hands_credit_down_in_a_dialog(self, visit: Visit, world: World, width: int) -> None:
        visitor = visit.sign_in(width=width)
        page = visitor.page
        row = page.get_by_role("row", name=re.compile("Acorn Ltd"))
        row.get_by_role("link", name="Allocate").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_label("To")).to_have_value(str(world.account.pk))
        dialog.get_by_label("Amount in USD").fill("1250.5")
        expect(dialog.locator("[data-after=from]")).to_have_text("$2,949.50")
        expect(dialog.locator("[data-after=to]")).to_have_text("$2,175.50")
        visitor.keep_picture("dialog")
        dialog.get_by_label("Amount in USD").fill("9999")
        expect(dialog.locator("[data-after=from]")).to_have_text("-$5,799.00")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog.get_by_text("Acorn Agency has only $4,200.00 to give.")).to_be_visible()
        visitor.keep_picture("dialog-error")
        dialog.get_by_label("Amount in USD").fill("1250.5")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog.get_by_role("heading", name="Move $1,250.50?")).to_be_visible()
        visitor.keep_picture("dialog-review")
        assert world.balance() == 92_500
        dialog.get_by_role("button", name="Change it").click()
        expect(dialog.get_by_label("Amount in USD")).to_have_value("1250.5")
        dialog.get_by_role("button", name="Continue").click()
        dialog.get_by_role("button", name="Move $1,250.50").dblclick()
        notice = page.get_by_text("$1,250.50 moved to Acorn Ltd. Its balance is now $2,175.50.")
        expect(notice).to_be_visible()
        visitor.keep_picture("moved")
        assert world.balance() == 217_550
        page.get_by_role("link", name="See the statement").click()
        expect(page.get_by_role("heading", name="Acorn Ltd")).to_be_visible()
        assert visitor.fits()
        assert visitor.complaints == []

    def test_hands_credit_down_without_scripts(self, visit: Visit, world: World) -> None:
        visitor = visit.sign_in(width=390, js=False)
        page = visitor.page
        page.get_by_role("link", name="Allocate – Acorn Ltd").click()
        page.get_by_label("Amount in USD").fill("$5")
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Move $5.00").click()
        expect(page.get_by_text("$5.00 moved to Acorn Ltd.")).to_be_visible()
        assert world.balance() == 93_000

    def test_closes_the_dialog_with_escape_and_moves_nothing(
        self, visit: Visit, world: World
    ) -> None:
        visitor = visit.sign_in(width=1280)
        before = Transaction.objects.count()
        opener = visitor.page.get_by_role("link", name="Allocate credit")
        opener.focus()
        visitor.page.keyboard.press("Enter")
        dialog = visitor.page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        visitor.page.keyboard.press("Escape")
        expect(dialog).not_to_be_visible()
        expect(opener).to_be_focused()
        assert Transaction.objects.count() == before
        assert visitor.complaints == []

    def test_leads_to_the_log_in_from_a_page_that_was_open_for_too_long(
        self, visit: Visit, world: World
    ) -> None:
        visitor = visit.sign_in(width=1280)
        visitor.context.clear_cookies()
        visitor.page.get_by_role("link", name="Allocate credit").click()
        visitor.page.wait_for_url("**/login/?next=/agency/")
        expect(visitor.page.get_by_label("Password")).to_be_visible()

    @pytest.mark.parametrize("width", [320, 1280])
    def test_sets_prices_row_by_row_and_takes_a_change_back(
        self, visit: Visit, world: World, width: int
    ) -> None:
        visitor = visit.sign_in(width=width)
        page = visitor.page
        page.goto(visit.site + reverse("agency-brands", args=[world.agency.pk]))
        brand = page.get_by_role("region", name="Acorn Shop")
        brand.get_by_label("Markup").fill("12.5")
        expect(brand.locator("[data-charged]")).to_have_text("$28.13")
        brand.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Acorn Shop is saved.")).to_be_visible()
        expect(brand.get_by_text("margin +$3.13")).to_be_visible()
        brand.get_by_label("$25.00").fill("25.001")
        brand.get_by_role("button", name="Save").click()
        expect(brand.get_by_text("An amount in USD has at most 2 decimals.")).to_be_visible()
        visitor.keep_picture("brands-error")
        brand.get_by_label("$25.00").fill("24")
        brand.get_by_role("checkbox", name=re.compile("Offer it")).uncheck()
        brand.get_by_role("button", name="Save").click()
        expect(brand.get_by_text("Not offered")).to_be_visible()
        visitor.keep_picture("brands-saved")
        assert AgencyPrice.objects.get().price_minor == 2_400
        page.get_by_role("button", name="Undo").click()
        expect(brand.get_by_label("$25.00")).to_have_value("")
        assert not AgencyPrice.objects.exists()
        row = AgencyBrand.objects.get()
        assert (row.is_offered, row.markup_basis_points) == (True, 1_250)
        assert visitor.fits()
        assert visitor.complaints == []

    def test_hands_out_the_statement_and_the_clients_as_files(
        self, visit: Visit, world: World
    ) -> None:
        visitor = visit.sign_in(width=1280)
        page = visitor.page
        with page.expect_download() as download:
            page.get_by_role("link", name="Download as CSV").click()
        assert download.value.suggested_filename.startswith("clients-acorn-agency-")
        page.goto(visit.site + reverse("statement", args=[world.account.pk]))
        for kind, begins in (("CSV", b"\xef\xbb\xbfnumber,"), ("PDF", b"%PDF-")):
            with page.expect_download() as download:
                page.get_by_role("link", name=kind).click()
            path = download.value.path()
            assert download.value.suggested_filename.endswith(kind.lower())
            assert path.read_bytes().startswith(begins)
        page.emulate_media(media="print")
        expect(page.get_by_role("navigation", name="Main")).not_to_be_visible()
        expect(page.get_by_role("table")).to_be_visible()
        visitor.keep_picture("statement-print")
        assert visitor.complaints == []
