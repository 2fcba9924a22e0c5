"""A campaign that can pay for nothing stops by itself, says so once, and goes on by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import uuid4

import pytest
from django.test import Client as HttpClient

from alerts.codes import ErrorCode
from alerts.models import Alert
from alerts.scope import NOTHING, seeing
from alerts.services.alerts import resolve_alert
from alerts.transactions import transaction
from credit.models import Account
from credit.selectors.viewers import SYSTEM
from credit.services.accounts import open_campaign_account
from credit.services.warnings import set_low_balance_threshold
from giftcards.models import AgencyPrice, Pool
from redemption.models import Campaign, Condition, Redemption
from redemption.selectors.budgets import list_budgets
from redemption.services.budgets import (
    review_account,
    review_budgets,
    review_campaign,
    switch_budget,
)
from redemption.services.redeem import AlreadyProvisionedError
from redemption.services.serving import serve_waiting
from redemption.tasks import review_budgets as review_task
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, refused
from tests.redemption.budgeting import isolate, top_up
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    """A campaign with credit for two rewards."""
    return build_world(credit_minor=5000)


def status_of(world: World) -> str:
    return Campaign.objects.get(pk=world.campaign.pk).status


def set_status(world: World, status: str) -> None:
    Campaign.objects.filter(pk=world.campaign.pk).update(status=status)


def alerts(kind: str = "campaign_depleted") -> list[tuple[str, str, int]]:
    """Return severity, state and count of the alerts of a kind, oldest first."""
    rows = Alert.objects.filter(kind=kind).order_by("first_seen_at", "pk")
    return list(rows.values_list("severity", "state", "count"))


def empty(account: Account, amount_minor: int) -> None:
    """Take money out of an account without telling anybody, as a killed worker would."""
    assert account.client is not None
    with transaction():
        own = open_campaign_account(client=account.client, name="Parked", currency="USD")
    top_up(account, own, amount_minor)


class TestRedeem:
    def test_depletes_the_campaign_with_the_last_reward_it_can_pay(self, world: World) -> None:
        world.stock(3)
        one, two, three = world.invite(3)
        ask(one)
        assert (status_of(world), alerts()) == ("active", [])
        result = ask(two)
        assert (result.state, result.balance_minor) == ("issued", 0)
        assert status_of(world) == "depleted"
        assert alerts() == [("critical", "open", 1)]
        with refused(ErrorCode.INSUFFICIENT_CREDIT) as refusal:
            ask(three)
        assert "call" in refusal.value.customer_words(support_phone="1").lower()
        assert broken_invariants() == {}

    def test_raises_one_alert_for_all_who_are_refused(self, world: World) -> None:
        world.stock(12)
        for code in world.invite(2):
            ask(code)
        for code in world.invite(10):
            with refused(ErrorCode.INSUFFICIENT_CREDIT):
                ask(code)
        assert alerts() == [("critical", "open", 1)]

    def test_leads_to_the_same_card_again_after_the_last_one(self, world: World) -> None:
        world.stock(2)
        one, two = world.invite(2)
        ask(one)
        first = ask(two)
        for code, resume in ((two, False), (two, True), (one, False)):
            with pytest.raises(AlreadyProvisionedError) as refusal:
                ask(code, resume=resume)
        with pytest.raises(AlreadyProvisionedError) as refusal:
            ask(two)
        assert refusal.value.redemption_id == first.redemption_id

    def test_keeps_the_place_of_who_waits_and_takes_nobody_new(self, world: World) -> None:
        waiting, new = world.invite(2)
        place = ask(waiting)
        empty(world.account, 5000)
        review_account(account_id=world.account.pk, now=NOW)
        again = ask(waiting)
        assert (again.state, again.redemption_id) == ("waiting_stock", place.redemption_id)
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(new)
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(waiting, resume=True)
        assert Redemption.objects.count() == 1

    def test_names_campaign_account_and_price_in_the_alert(self, world: World) -> None:
        world.stock(2)
        for code in world.invite(2):
            ask(code)
        alert = Alert.objects.get(kind="campaign_depleted")
        assert alert.subject == "Out of credit: Acorn campaign, Acorn Ltd"
        assert alert.message.startswith(
            "Its cheapest reward costs $25.00, more than the client's account can pay."
        )
        assert (alert.client_id, alert.dedupe_key) == (
            world.client.pk,
            f"campaign_depleted:{world.campaign.pk}",
        )
        assert alert.data == {
            "campaign_id": str(world.campaign.pk),
            "account_id": str(world.account.pk),
            "cheapest_minor": 2500,
            "currency": "USD",
        }

    def test_refused_for_lack_of_credit_depletes_too(self) -> None:
        world = build_world(credit_minor=2499)
        world.stock(1)
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(world.invite()[0])
        assert status_of(world) == "depleted"
        assert alerts() == [("critical", "open", 1)]

    def test_of_a_dear_reward_leaves_a_campaign_that_can_pay_a_cheap_one(
        self, world: World
    ) -> None:
        dear = world.brand.denominations.create(value_minor=9000, currency="USD")
        pool = Pool.objects.create(
            name="Dear", brand=world.brand, denomination=dear, kind="client", client=world.client
        )
        Condition.objects.create(
            campaign=world.campaign,
            number=2,
            name="Dear",
            brand=world.brand,
            card_value_minor=9000,
            pool=pool,
        )
        world.stock(1, pool=pool)
        (code,) = world.invite()
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(code, condition_number=2)
        assert (status_of(world), alerts()) == ("active", [])

    def test_counts_the_price_and_not_the_face_value(self) -> None:
        world = build_world(credit_minor=5600)
        AgencyPrice.objects.create(
            agency=world.agency, denomination=world.denomination, price_minor=2800
        )
        world.stock(2)
        codes = world.invite(2)
        ask(codes[0])
        (budget,) = list_budgets(viewer=SYSTEM, client_id=world.client.pk)
        assert (budget.cheapest_minor, budget.estimated_redemptions) == (2800, 1)
        assert status_of(world) == "active"
        ask(codes[1])
        assert status_of(world) == "depleted"

    def test_does_all_this_for_somebody_who_sees_nothing(self, world: World) -> None:
        world.stock(2)
        codes = world.invite(2)
        with seeing(NOTHING):
            for code in codes:
                ask(code)
        assert status_of(world) == "depleted"
        assert alerts() == [("critical", "open", 1)]

    def test_of_an_own_account_goes_on_while_the_shared_one_pays(self, world: World) -> None:
        isolate(world, 2500)
        switch_budget(viewer=SYSTEM, campaign_id=world.campaign.pk, mode="shared", now=NOW)
        world.stock(2)
        one, two = world.invite(2)
        Alert.objects.all().delete()
        assert ask(one).balance_minor == 0  # the own account's
        assert (status_of(world), alerts()) == ("active", [])
        assert ask(two).balance_minor == 0
        assert status_of(world) == "depleted"


class TestForm:
    """What customers see, through Django's test client."""

    PHONE: ClassVar = {"method": "sms", "phone": "202 555 0123"}

    def test_asks_a_new_customer_to_come_back(self) -> None:
        world = build_world(credit_minor=0)
        world.stock(1)
        set_status(world, "depleted")
        page = HttpClient().post("/redeem/", {"code": world.invite()[0]}, follow=True)
        assert page.status_code == 402
        words = page.content.decode()
        assert "Your code is safe and still yours" in words
        assert "GC-" not in words

    def test_shows_the_last_card_again(self) -> None:
        world = build_world(credit_minor=2500)
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        http.post("/redeem/", {"code": code}, follow=True)
        first = http.post("/redeem/", self.PHONE, follow=True)
        assert status_of(world) == "depleted"
        again = http.post("/redeem/", self.PHONE, follow=True)
        http.get("/redeem/?again")
        anew = http.post("/redeem/", {"code": code}, follow=True)
        for page in (first, again, anew):
            assert page.status_code == 200
            assert "GIFT-" in page.content.decode()
        assert Redemption.objects.count() == 1


class TestReviewCampaign:
    @pytest.mark.parametrize("status", ["draft", "paused", "ended"])
    def test_leaves_what_a_person_decided(self, world: World, status: str) -> None:
        empty(world.account, 5000)
        set_status(world, status)
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is False
        assert (status_of(world), alerts()) == (status, [])
        top_up(world.platform_account, world.account.parent, 5000)
        top_up(world.account.parent, world.account, 5000)
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is False
        assert status_of(world) == status

    def test_goes_there_and_back_by_the_cent(self, world: World) -> None:
        empty(world.account, 2501)
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is True
        assert status_of(world) == "depleted"
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is False
        top_up(world.platform_account, world.account.parent, 1)
        top_up(world.account.parent, world.account, 1)
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is True
        assert (status_of(world), alerts()) == ("active", [("critical", "resolved", 1)])

    def test_raises_a_new_alert_for_a_new_depletion(self, world: World) -> None:
        for _ in range(2):
            empty(world.account, world.balance())
            review_campaign(campaign_id=world.campaign.pk, now=NOW)
            top_up(world.platform_account, world.account.parent, 2500)
            top_up(world.account.parent, world.account, 2500)
            review_campaign(campaign_id=world.campaign.pk, now=NOW)
        assert alerts() == [("critical", "resolved", 1)] * 2

    def test_keeps_an_acknowledged_alert_as_it_is(self, world: World) -> None:
        empty(world.account, 5000)
        review_campaign(campaign_id=world.campaign.pk, now=NOW)
        Alert.objects.update(state="acknowledged")
        review_campaign(campaign_id=world.campaign.pk, now=NOW)
        assert alerts() == [("critical", "acknowledged", 1)]

    def test_of_a_campaign_without_account_or_reward_says_nothing(self, world: World) -> None:
        Condition.objects.update(is_active=False)
        empty(world.account, 5000)
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is False
        Condition.objects.update(is_active=True)
        Campaign.objects.filter(pk=world.campaign.pk).update(account=None)
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is False
        assert (status_of(world), alerts()) == ("active", [])

    def test_counts_a_paused_account_for_nothing(self, world: World) -> None:
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        assert review_campaign(campaign_id=world.campaign.pk, now=NOW) is True
        assert status_of(world) == "depleted"

    def test_of_a_campaign_that_is_not_there_does_nothing(self, world: World) -> None:
        assert review_campaign(campaign_id=uuid4(), now=NOW) is False


class TestReviewAccount:
    def test_reviews_every_campaign_the_account_pays_for_and_no_other(self, world: World) -> None:
        other = build_world(name="Birch", credit_minor=0)
        second = Campaign.objects.create(
            client=world.client, name="Second", status="active", account=world.account
        )
        Condition.objects.create(
            campaign=second, number=1, name="x", brand=world.brand, card_value_minor=2500
        )
        empty(world.account, 5000)
        review_account(account_id=world.account.pk, now=NOW)
        second.refresh_from_db()
        assert (status_of(world), second.status) == ("depleted", "depleted")
        assert status_of(other) == "active"
        assert len(alerts()) == 2

    def test_looks_at_own_accounts_as_well(self, world: World) -> None:
        own = isolate(world)
        assert status_of(world) == "depleted"
        top_up(world.account, own, 2500)
        review_account(account_id=own.pk, now=NOW)
        assert status_of(world) == "active"

    def test_serves_who_waited_once_credit_is_back(self, world: World) -> None:
        (code,) = world.invite()
        assert ask(code).state == "waiting_stock"
        empty(world.account, 5000)
        review_account(account_id=world.account.pk, now=NOW)
        world.stock(1)
        assert serve_waiting(now=NOW, limit=10).served == 0
        assert Redemption.objects.get().state == "waiting_stock"
        top_up(world.platform_account, world.account.parent, 2500)
        top_up(world.account.parent, world.account, 2500)
        review_account(account_id=world.account.pk, now=NOW)
        assert serve_waiting(now=NOW, limit=10).served == 1
        assert Redemption.objects.get().state == "issued"
        assert broken_invariants() == {}


class TestReviewBudgets:
    def test_finds_what_a_killed_worker_has_missed(self, world: World) -> None:
        empty(world.account, 5000)
        review_budgets(now=NOW)
        assert status_of(world) == "depleted"
        top_up(world.platform_account, world.account.parent, 5000)
        top_up(world.account.parent, world.account, 5000)
        review_task()
        assert (status_of(world), alerts()) == ("active", [("critical", "resolved", 1)])

    def test_raises_an_alert_that_is_missing_and_resolves_one_too_many(self, world: World) -> None:
        empty(world.account, 5000)
        review_budgets(now=NOW)
        resolve_alert(dedupe_key=f"campaign_depleted:{world.campaign.pk}", now=NOW)
        review_budgets(now=NOW + timedelta(minutes=5))
        assert [state for _, state, _ in alerts()] == ["resolved", "open"]
        set_status(world, "paused")
        review_budgets(now=NOW + timedelta(minutes=10))
        assert [state for _, state, _ in alerts()] == ["resolved", "resolved"]
        assert status_of(world) == "paused"

    def test_does_nothing_when_all_is_well(self, world: World) -> None:
        set_low_balance_threshold(
            viewer=SYSTEM, account_id=world.account.pk, amount_minor=5000, now=NOW
        )
        for _ in range(2):
            review_budgets(now=NOW)
        assert status_of(world) == "active"
        assert Alert.objects.count() == 0
