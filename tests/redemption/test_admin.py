from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import Account
from credit.services.accounts import open_campaign_account
from giftcards.models import Denomination, Pool
from redemption.models import Campaign, Condition, Recipient
from tests.staff import form_data, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db


def send_campaign(world: World, campaign: Campaign | None = None, /, **changes: str) -> Any:
    """Send a campaign's form, a new one's or as it stands, with some fields changed."""
    browser = sign_in(make_platform_admin())
    url = reverse("admin:redemption_campaign_add")
    if campaign is not None:
        url = reverse("admin:redemption_campaign_change", args=[campaign.pk])
    data = form_data(browser.get(url))
    if campaign is None:
        data |= {"name": "New", "client": str(world.client.pk), "status": "draft"}
    return browser.post(url, data | changes)


def condition_of(world: World, index: int, **changes: str) -> dict[str, str]:
    """Return the fields of a new row among the conditions, good unless changed."""
    good = {
        "number": "7",
        "name": "Came",
        "brand": str(world.brand.pk),
        "card_value_minor": "25.00",
        "currency": "USD",
        "pool": str(world.pool.pk),
        "is_active": "on",
    }
    fields = {f"conditions-{index}-{name}": value for name, value in {**good, **changes}.items()}
    return {"conditions-TOTAL_FORMS": str(index + 1), **fields}


def words_of(page: Any) -> str:
    """Return the page of a refused form as text."""
    assert page.status_code == 200
    return str(page.content.decode()).replace("&#x27;", "'")


class TestCampaignForm:
    def test_bills_the_clients_account_unless_told(self) -> None:
        world = build_world()
        assert send_campaign(world).status_code == 302
        assert Campaign.objects.get(name="New").account == world.account

    def test_opens_an_account_for_a_budget_of_its_own(self) -> None:
        world = build_world()
        page = send_campaign(world, budget_mode="isolated", **condition_of(world, 0))
        assert page.status_code == 302
        account = Campaign.objects.get(name="New").account
        assert account is not None
        assert (account.level, account.parent, account.balance_minor) == (
            "campaign",
            world.account,
            0,
        )
        assert (account.name, account.currency) == ("New", "USD")

    def test_opens_no_second_account_when_it_is_saved_again(self) -> None:
        world = build_world()
        send_campaign(world, budget_mode="isolated")
        count = Account.objects.count()
        campaign = Campaign.objects.get(name="New")
        assert send_campaign(world, campaign, status="active").status_code == 302
        assert Account.objects.count() == count

    def test_refuses_an_account_of_another_client(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        page = send_campaign(world, account=str(other.account.pk))
        assert "This account does not belong to Acorn Ltd." in words_of(page)
        assert not Campaign.objects.filter(name="New").exists()

    def test_refuses_an_account_that_does_not_fit_the_budget(self) -> None:
        world = build_world()
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
        shared = send_campaign(world, account=str(own.pk))
        assert "A shared budget is paid from the client's." in words_of(shared)
        isolated = send_campaign(world, account=str(world.account.pk), budget_mode="isolated")
        assert "leave this empty to open it" in words_of(isolated)
        assert Campaign.objects.count() == 1

    def test_offers_an_existing_campaign_what_may_pay_for_it_only(self) -> None:
        world, _other = build_world(), build_world(name="Birch")
        Campaign.objects.update(account=None)
        browser = sign_in(make_platform_admin())
        url = reverse("admin:redemption_campaign_change", args=[world.campaign.pk])
        field = browser.get(url).context["adminform"].form.fields["account"]
        assert set(field.queryset) == {world.account, world.account.parent}

    def test_leaves_the_budget_of_an_existing_campaign_to_the_switch(self) -> None:
        world = build_world()
        changes = {"budget_mode": "isolated", "billing_entity": "agency", "account": ""}
        assert send_campaign(world, world.campaign, **changes).status_code == 302
        world.campaign.refresh_from_db()
        assert (world.campaign.budget_mode, world.campaign.billing_entity) == ("shared", "client")
        assert world.campaign.account == world.account

    def test_bills_the_agency_where_it_pays(self) -> None:
        world = build_world()
        assert send_campaign(world, billing_entity="agency").status_code == 302
        assert Campaign.objects.get(name="New").account == world.account.parent

    def test_refuses_an_account_of_who_is_not_billed(self) -> None:
        world = build_world()
        page = send_campaign(world, account=str(world.account.pk), billing_entity="agency")
        assert "The agency is billed, and this is another account." in words_of(page)

    def test_refuses_the_own_account_of_another_campaign(self) -> None:
        world = build_world()
        send_campaign(world, budget_mode="isolated")
        taken = Campaign.objects.get(name="New").account
        assert taken is not None
        page = send_campaign(world, name="Second", account=str(taken.pk), budget_mode="isolated")
        assert "Another campaign has this account." in words_of(page)

    def test_refuses_a_name_that_the_client_has(self) -> None:
        world = build_world()
        words = "This client has another campaign of this name."
        assert words in words_of(send_campaign(world, name="Acorn campaign"))

    def test_refuses_an_end_before_the_start(self) -> None:
        times = {
            "starts_at_0": "2026-03-02",
            "starts_at_1": "10:00:00",
            "ends_at_0": "2026-03-01",
            "ends_at_1": "10:00:00",
        }
        assert "A campaign ends after it starts." in words_of(send_campaign(build_world(), **times))


class TestConditionForm:
    def send(self, world: World, **changes: str) -> Any:
        """Add a condition to the world's campaign."""
        return send_campaign(world, world.campaign, **condition_of(world, 1, **changes))

    def test_adds_a_condition(self) -> None:
        world = build_world()
        assert self.send(world).status_code == 302
        added = Condition.objects.get(number=7)
        assert (added.card_value_minor, added.currency, added.pool) == (2500, "USD", world.pool)
        assert world.campaign.conditions.count() == 2

    def test_refuses_a_value_the_brand_does_not_have(self) -> None:
        world = build_world()
        page = self.send(world, card_value_minor="30.00", pool="")
        assert "Acorn Shop has no cards of $30.00." in words_of(page)

    def test_refuses_a_value_that_is_switched_off(self) -> None:
        world = build_world()
        Denomination.objects.update(is_enabled=False)
        assert "Acorn Shop has no cards of $25.00." in words_of(self.send(world, pool=""))

    def test_refuses_a_pool_of_another_brand(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        page = self.send(world, pool=str(other.pool.pk))
        words = words_of(page)
        assert "This pool holds cards of Birch Shop." in words
        assert "This pool belongs to Birch Ltd." in words
        assert Condition.objects.filter(campaign=world.campaign).count() == 1

    def test_refuses_a_pool_of_another_value(self) -> None:
        world = build_world()
        fifty = Denomination.objects.create(brand=world.brand, value_minor=5000, currency="USD")
        pool = Pool.objects.create(
            name="Fifties", brand=world.brand, denomination=fifty, kind="master"
        )
        page = self.send(world, pool=str(pool.pk))
        assert "This pool holds cards of $50.00." in words_of(page)

    def test_refuses_a_number_that_is_taken(self) -> None:
        world = build_world()
        assert self.send(world, number="1").status_code == 200
        assert Condition.objects.count() == 1

    def test_refuses_a_pool_of_another_client_on_a_new_campaign_too(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        page = send_campaign(world, **condition_of(world, 0, pool=str(other.pool.pk)))
        assert "This pool belongs to Birch Ltd." in words_of(page)
        assert not Campaign.objects.filter(name="New").exists()


class TestRecipientList:
    def find(self, term: str) -> list[Recipient]:
        """Return the recipients that a search finds."""
        page = sign_in(make_platform_admin()).get(
            reverse("admin:redemption_recipient_changelist"), {"q": term}
        )
        return list(page.context["cl"].result_list)

    def test_finds_by_the_code_as_it_is_typed(self) -> None:
        world = build_world()
        code, _other = world.invite(2)
        typed = f" {code[:4].lower()}-{code[4:8]} {code[8:]} "
        assert self.find(typed) == [world.recipient(code)]
        assert self.find(code[:-1]) == []

    def test_finds_by_the_phone_as_it_is_typed(self) -> None:
        world = build_world()
        first, _second = (world.recipient(code) for code in world.invite(2))
        Recipient.objects.filter(pk=first.pk).update(phone="+12025550143")
        assert self.find("(202) 555-0143") == [first]
        assert self.find("+12025550144") == []
