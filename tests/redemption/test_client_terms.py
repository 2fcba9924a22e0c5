"""What a client changes on its pages: budgets, thresholds, brands."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from alerts.errors import ServiceError
from alerts.models import Alert
from credit.models import Account, Entry, User
from giftcards.models import AgencyBrand, ClientBrand, ClientDenomination, Denomination
from redemption.models import Campaign, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from tests.redemption.client_visiting import (
    FROM_HTMX,
    isolate,
    manager_of,
    text_of,
)
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


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
