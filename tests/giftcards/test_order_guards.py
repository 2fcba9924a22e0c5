"""Orders from raw SQL: who may write what, and what a card says when it leaves its order."""

from __future__ import annotations

import psycopg
import pytest
from django.db import IntegrityError
from pytest_django import Settings

from alerts.transactions import transaction
from credit.services.ledger import InsufficientCreditError
from credit.services.settlements import release_hold
from giftcards.emulator import Emulator
from giftcards.models import GiftCard, ProviderOrder
from giftcards.services.orders import place_due_orders
from tests.giftcards.ordering import hold_state, order_card, run_rounds
from tests.guards.raw import as_application, as_owner, without
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestPlaceOrder:
    def test_takes_neither_order_nor_money_when_the_account_is_short(self, world: World) -> None:
        with pytest.raises(Exception, match="can not pay") as refusal:
            order_card(world, charge_minor=100_001)
        assert isinstance(refusal.value.__cause__, psycopg.Error)
        assert refusal.value.__cause__.diag.sqlstate == InsufficientCreditError.code.sqlstate
        assert not ProviderOrder.objects.exists()
        assert world.balance() == 100_000

    def test_gives_a_holder_one_order_of_many_at_once(self, world: World, buying: Settings) -> None:
        holder = world.campaign.pk
        results = run_at_once(8, lambda: order_card(world, holder_id=holder))
        placed = [one for one in results if isinstance(one, ProviderOrder)]
        assert len(placed) == 1
        refused = [one for one in results if not isinstance(one, ProviderOrder)]
        assert all(isinstance(one, IntegrityError) for one in refused)
        assert world.balance() == 100_000 - 2600

    def test_can_be_lost_without_the_index_that_holds_it(self, world: World) -> None:
        # The control: it is the index that refuses the second order, and nothing else.
        order = order_card(world)
        with as_owner() as owner:
            owner.execute("DROP INDEX giftcards_order_one_alive_per_holder")
            owner.execute(
                "SELECT giftcards_place_order(gen_random_uuid(), pool_id, denomination_id,"
                " client_id, provider, provider_slug, holder_kind, holder_id, %s, charge_minor,"
                " currency, actor, trace_id, now()) FROM giftcards_providerorder",
                [[world.account.pk]],
            )
            found = owner.execute(
                "SELECT count(*) FROM giftcards_providerorder WHERE holder_id = %s",
                [order.holder_id],
            ).fetchone()
            assert found == (2,)


class TestACardThatGoes:
    @pytest.mark.parametrize("status", ["void", "available"])
    def test_lets_its_holder_buy_again(
        self, world: World, buying: Settings, tillo_emulator: Emulator, status: str
    ) -> None:
        order = order_card(world)
        run_rounds(order)
        assert order.state == "succeeded"
        with pytest.raises(IntegrityError, match="one_alive_per_holder"):
            order_card(world, holder_id=order.holder_id)
        card = GiftCard.objects.get()
        card.status = status
        if status == "available":
            card.holder_kind, card.holder_id, card.claimed_at = None, None, None
        card.save()
        order.refresh_from_db()
        assert (order.state, order.card_gone_at is not None) == ("succeeded", True)
        again = order_card(world, holder_id=order.holder_id)
        run_rounds(again)
        assert again.state == "succeeded"
        assert len(tillo_emulator.sales()) == 2

    def test_that_is_handed_on_leaves_its_order_as_it_is(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        run_rounds(order)
        GiftCard.objects.update(status="delivered", delivered_at=NOW)
        order.refresh_from_db()
        assert order.card_gone_at is None


class TestTheMoneyOfAnOrder:
    def test_can_not_be_released_while_the_order_is_alive(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        assert order.hold_id is not None
        with pytest.raises(IntegrityError, match="settled by a release"), transaction():
            release_hold(hold_id=order.hold_id, actor="user:1", now=NOW)
        assert (hold_state(order), world.balance()) == ("open", 97_400)
        place_due_orders(now=NOW)
        assert hold_state(order) == "capture"

    def test_could_be_without_the_guard(self, world: World) -> None:
        order = order_card(world)
        with without("giftcards_order_hold_is_settled", "credit_transaction") as owner:
            owner.execute(
                "SELECT credit_capture(gen_random_uuid(), %s, 2600, 'x', now())", [order.hold_id]
            )
            owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
            found = owner.execute(
                "SELECT state FROM giftcards_providerorder WHERE id = %s", [order.pk]
            ).fetchone()
            assert found == ("requested",)


@pytest.mark.two_roles
class TestTheApplicationsRole:
    @pytest.mark.parametrize(
        "statement",
        [
            "INSERT INTO giftcards_providerorder SELECT * FROM giftcards_providerorder",
            "DELETE FROM giftcards_providerorder",
            "TRUNCATE giftcards_providerorder CASCADE",
            "UPDATE giftcards_providerorderevent SET outcome = 'sold'",
            "DELETE FROM giftcards_providerorderevent",
            "ALTER TABLE giftcards_providerorder DISABLE TRIGGER giftcards_order_transition",
        ],
    )
    def test_may_not(self, world: World, statement: str) -> None:
        order_card(world)
        with as_application() as database, pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute(statement)

    def test_of_a_tenant_reads_its_orders_and_writes_none(self, world: World) -> None:
        order_card(world)
        stranger = build_world(name="Birch")
        count = "SELECT count(*) FROM giftcards_providerorder"
        with as_application(str(world.client.pk)) as database:
            assert database.execute(count).fetchone() == (1,)
            changed = database.execute("UPDATE giftcards_providerorder SET error_code = 'x'")
            assert changed.rowcount == 0
        with as_application(str(stranger.client.pk)) as database:
            assert database.execute(count).fetchone() == (0,)
