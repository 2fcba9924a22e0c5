"""What an agency sets for itself on its pages: brands, prices, when its credit is low."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from credit.models import Account, Membership
from giftcards.models import AgencyBrand, AgencyPrice
from tests.redemption.visiting import give_reward, manager, person, plain, text_of
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)
Role = Membership.Role


@pytest.fixture
def world() -> World:
    return build_world()


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
