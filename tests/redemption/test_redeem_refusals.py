"""What speaks against a redemption: each refusal by its code, with nothing written."""

from datetime import timedelta
from typing import Any

import pytest

from alerts.codes import ErrorCode
from credit.models import Account
from giftcards.models import Brand, Denomination
from redemption.models import Condition, Recipient
from redemption.services.redeem import OutOfStockError
from tests.redemption.asking import ask, refused
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(1)
    return world


def change(instance: Any, **fields: Any) -> None:
    type(instance).objects.filter(pk=instance.pk).update(**fields)


class TestCampaign:
    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"status": "draft"}, ErrorCode.CAMPAIGN_NOT_ACTIVE),
            ({"status": "paused"}, ErrorCode.CAMPAIGN_NOT_ACTIVE),
            ({"status": "ended"}, ErrorCode.CAMPAIGN_NOT_ACTIVE),
            ({"status": "depleted"}, ErrorCode.INSUFFICIENT_CREDIT),
            ({"starts_at": NOW + SECOND}, ErrorCode.CAMPAIGN_NOT_ACTIVE),
            ({"ends_at": NOW - SECOND}, ErrorCode.CAMPAIGN_NOT_ACTIVE),
            ({"claim_expires_at": NOW - SECOND}, ErrorCode.CODE_EXPIRED),
            ({"status": "draft", "claim_expires_at": NOW + DAY}, ErrorCode.CAMPAIGN_NOT_ACTIVE),
            ({"status": "paused", "claim_expires_at": NOW + DAY}, ErrorCode.CAMPAIGN_NOT_ACTIVE),
            ({"status": "ended", "claim_expires_at": NOW - SECOND}, ErrorCode.CODE_EXPIRED),
            ({"account": None}, ErrorCode.NO_BILLING_ACCOUNT),
        ],
    )
    def test_refuses_when_it_is_not_open(
        self, world: World, fields: dict[str, Any], code: ErrorCode
    ) -> None:
        (redemption_code,) = world.invite()
        change(world.campaign, **fields)
        with refused(code):
            ask(redemption_code)

    @pytest.mark.parametrize(
        "fields",
        [
            {"starts_at": NOW, "ends_at": NOW + SECOND},
            {"ends_at": NOW},
            {"claim_expires_at": NOW},
            # Ended, but its codes are honoured for some time more.
            {"ends_at": NOW - DAY, "claim_expires_at": NOW + DAY},
            {"status": "ended", "claim_expires_at": NOW + DAY},
        ],
    )
    def test_serves_while_it_is_open(self, world: World, fields: dict[str, Any]) -> None:
        (code,) = world.invite()
        change(world.campaign, **fields)
        assert ask(code).state == "issued"

    def test_sleeps_with_its_client(self, world: World) -> None:
        (code,) = world.invite()
        change(world.client, is_active=False)
        with refused(ErrorCode.CAMPAIGN_NOT_ACTIVE):
            ask(code)

    def test_sleeps_with_its_agency(self, world: World) -> None:
        (code,) = world.invite()
        change(world.agency, is_active=False)
        with refused(ErrorCode.CAMPAIGN_NOT_ACTIVE):
            ask(code)

    def test_that_does_not_queue_keeps_nobody_waiting(self, world: World) -> None:
        first, second = world.invite(2)
        change(world.campaign, queue_when_empty=False)
        ask(first)
        with refused(ErrorCode.OUT_OF_STOCK) as refusal:
            ask(second)
        assert isinstance(refusal.value, OutOfStockError)
        assert refusal.value.code.status == 409
        world.stock(1)
        assert ask(second).state == "issued"


class TestRecipient:
    def test_that_was_rejected_gets_nothing(self, world: World) -> None:
        (code,) = world.invite()
        change(world.recipient(code), approval=Recipient.Approval.REJECTED)
        with refused(ErrorCode.STATE_FORBIDS):
            ask(code)


class TestCondition:
    @pytest.mark.parametrize("fields", [{"brand": None}, {"card_value_minor": None}])
    def test_without_brand_or_value_is_incomplete(
        self, world: World, fields: dict[str, Any]
    ) -> None:
        (code,) = world.invite()
        change(world.condition, **fields)
        with refused(ErrorCode.CONDITION_INCOMPLETE):
            ask(code)

    def test_of_a_disabled_brand_is_not_offered(self, world: World) -> None:
        (code,) = world.invite()
        change(world.brand, is_enabled=False)
        with refused(ErrorCode.BRAND_UNAVAILABLE):
            ask(code)

    def test_of_a_disabled_value_is_not_offered(self, world: World) -> None:
        (code,) = world.invite()
        change(world.denomination, is_enabled=False)
        with refused(ErrorCode.BRAND_UNAVAILABLE):
            ask(code)

    @pytest.mark.parametrize("fields", [{"card_value_minor": 2600}, {"currency": "EUR"}])
    def test_of_a_value_that_does_not_exist_is_not_offered(
        self, world: World, fields: dict[str, Any]
    ) -> None:
        (code,) = world.invite()
        change(world.condition, **fields)
        with refused(ErrorCode.BRAND_UNAVAILABLE):
            ask(code)

    def test_of_another_brand_with_that_value_is_not_served_from_this_pool(
        self, world: World
    ) -> None:
        (code,) = world.invite()
        other = Brand.objects.create(name="Other", slug="other")
        Denomination.objects.create(brand=other, value_minor=2500, currency="USD")
        change(world.condition, brand=other)
        assert ask(code).state == "waiting_stock"

    @pytest.mark.parametrize("number", [0, 2, -1, 32767])
    def test_that_does_not_exist_is_named(self, world: World, number: int) -> None:
        (code,) = world.invite()
        with refused(ErrorCode.INVALID_INPUT) as refusal:
            ask(code, condition_number=number)
        assert refusal.value.errors == {
            "condition_number": ["This campaign has no such condition."]
        }

    def test_that_is_switched_off_does_not_exist(self, world: World) -> None:
        (code,) = world.invite()
        change(world.condition, is_active=False)
        with refused(ErrorCode.INVALID_INPUT):
            ask(code)

    def test_must_be_named_where_there_are_two(self, world: World) -> None:
        (code,) = world.invite()
        second = Condition.objects.create(
            campaign=world.campaign,
            number=2,
            name="Came again",
            brand=world.brand,
            card_value_minor=2500,
        )
        with refused(ErrorCode.INVALID_INPUT) as refusal:
            ask(code)
        assert refusal.value.errors == {
            "condition_number": ["This campaign has several: name one."]
        }
        change(second, is_active=False)
        assert ask(code).condition_number == 1


class TestCredit:
    def test_that_is_short_by_a_cent_pays_nothing(self) -> None:
        world = build_world(credit_minor=2499)
        world.stock(1)
        (code,) = world.invite()
        with refused(ErrorCode.INSUFFICIENT_CREDIT) as refusal:
            ask(code)
        assert getattr(refusal.value, "account_id", None) == world.account.pk
        assert getattr(refusal.value, "amount_minor", None) == 2500

    def test_may_be_used_to_the_last_cent(self) -> None:
        world = build_world(credit_minor=2500)
        world.stock(1)
        assert ask(world.invite()[0]).balance_minor == 0

    @pytest.mark.parametrize("status", ["paused", "closed"])
    def test_of_an_account_that_is_not_active_pays_nothing(self, world: World, status: str) -> None:
        (code,) = world.invite()
        Account.objects.filter(pk=world.account.pk).update(status=status)
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(code)

    def test_in_another_currency_pays_nothing(self, world: World) -> None:
        (code,) = world.invite()
        euros = Denomination.objects.create(brand=world.brand, value_minor=2500, currency="EUR")
        change(world.condition, currency="EUR", pool=None)
        change(world.pool, denomination=euros)
        world.pool.refresh_from_db()
        world.stock(1)  # a card of 25.00 EUR; the one of 25.00 USD is still in the pool
        world.pool.cards.filter(currency="USD").delete()
        with refused(ErrorCode.NO_BILLING_ACCOUNT):
            ask(code)
