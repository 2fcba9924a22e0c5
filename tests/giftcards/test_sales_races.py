"""Sellers and redemptions on one pool at once: no card lost, none twice, the money to the cent."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import psycopg
import pytest

from credit.models import Entry
from credit.selectors.viewers import SYSTEM
from giftcards.models import CardSale, GiftCard
from giftcards.services.sales import Sale, SaleInUseError, TooFewCardsError, reverse_sale
from redemption.models import Redemption
from redemption.services.redeem import RedeemResult
from tests.database import owner_url
from tests.giftcards.selling import count_available, master_pool, sell
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


class TestSellCards:
    def test_shares_a_pool_with_redemptions_to_the_last_card(self, world: World) -> None:
        # The redemptions draw from the platform's pool, and so does each seller, for strangers.
        pool = master_pool(world, 8 * 5 + 8)
        world.condition.pool = pool
        world.condition.save()
        buyers = [build_world(name=f"Buyer{number}") for number in range(8)]
        todo: list[World | str] = [*buyers, *world.invite(8)]
        turn = itertools.count()

        def act() -> Sale | RedeemResult:
            mine = todo[next(turn)]
            return ask(mine) if isinstance(mine, str) else sell(mine, pool, 5)

        outcomes = run_at_once(16, act)
        assert [o for o in outcomes if isinstance(o, Exception)] == []
        sales = [o for o in outcomes if isinstance(o, Sale)]
        assert len(sales) == 8
        assert all(r.charged_minor == 2500 for r in outcomes if isinstance(r, RedeemResult))
        assert (count_available(pool), GiftCard.objects.count()) == (0, 48)
        for buyer, sale in zip(buyers, CardSale.objects.order_by("client__name"), strict=True):
            assert sale.client_id == buyer.client.pk
            assert GiftCard.objects.filter(client=buyer.client, sale=sale).count() == 5
            assert buyer.balance() == 100_000 - 5 * 2400
        assert Redemption.objects.filter(state="issued").count() == 8

    def test_sells_no_card_twice_when_there_are_too_few(self, world: World) -> None:
        pool = master_pool(world, 18)
        outcomes = run_at_once(8, lambda: sell(world, pool, 5))
        refused = [o for o in outcomes if isinstance(o, TooFewCardsError)]
        assert [(o.available, o.quantity) for o in refused] == [(3, 5)] * 5
        assert len([o for o in outcomes if isinstance(o, Sale)]) == 3
        assert (count_available(pool), count_available(world.pool)) == (3, 15)
        paid = Entry.objects.filter(account=world.account, transaction__kind="card_sale")
        assert [entry.amount_minor for entry in paid] == [-12_000] * 3
        assert world.balance() == 10_000_000 - 3 * 12_000

    def test_makes_one_pool_for_a_client_without(self, world: World) -> None:
        world.pool.archived_at = NOW
        world.pool.save()
        pools = itertools.cycle([master_pool(world, 4), master_pool(world, 4)])
        outcomes = run_at_once(8, lambda: sell(world, next(pools), 1))
        assert len({o.pool_id for o in outcomes if isinstance(o, Sale)}) == 1
        assert len([o for o in outcomes if isinstance(o, Sale)]) == 8

    def test_happens_once_for_a_key(self, world: World) -> None:
        pool = master_pool(world, 20)
        outcomes = run_at_once(8, lambda: sell(world, pool, 5, key="k"))
        sales = [o for o in outcomes if isinstance(o, Sale)]
        assert len({sale.sale_id for sale in sales}) == 1
        assert sorted(sale.is_replay for sale in sales) == [False] + [True] * 7
        assert (count_available(pool), world.balance()) == (15, 10_000_000 - 12_000)

    def test_does_not_wait_for_a_card_that_is_being_redeemed(self, world: World) -> None:
        pool = master_pool(world, 3)
        with psycopg.connect(owner_url()) as redemption:
            redemption.execute(
                "SELECT 1 FROM giftcards_giftcard WHERE id = (SELECT id FROM giftcards_giftcard"
                " WHERE pool_id = %s LIMIT 1) FOR UPDATE",
                [pool.pk],
            )
            with pytest.raises(TooFewCardsError) as refusal:
                sell(world, pool, 3)
            assert refusal.value.available == 2
            assert sell(world, pool, 2).quantity == 2
            redemption.rollback()
        # The control: nobody holds it any more.
        assert sell(world, pool, 1).quantity == 1


class TestReverseSale:
    def test_wins_or_loses_against_a_redemption_of_its_cards(self, world: World) -> None:
        for _ in range(6):
            pool = master_pool(world, 2)
            sale, (code,) = sell(world, pool, 2), world.invite()
            who = iter(("reverse", "redeem"))
            lock = threading.Lock()

            def act(
                who: Iterator[str] = who,
                lock: threading.Lock = lock,
                sale: Sale = sale,
                code: str = code,
            ) -> Sale | RedeemResult:
                with lock:
                    mine = next(who)
                if mine == "reverse":
                    return reverse_sale(viewer=SYSTEM, sale_id=sale.sale_id, now=NOW)
                return ask(code)

            outcomes = run_at_once(2, act)
            issued = GiftCard.objects.filter(sale_id=sale.sale_id, status="claimed").count()
            if issued:
                assert any(isinstance(o, SaleInUseError) and o.used == 1 for o in outcomes)
                assert CardSale.objects.get(pk=sale.sale_id).reversed_at is None
                left = GiftCard.objects.filter(sale_id=sale.sale_id, status="available")
                left.update(status="void")
            else:
                assert count_available(pool) == 2
                assert not any(isinstance(o, SaleInUseError) for o in outcomes)
                GiftCard.objects.filter(pool=pool).update(status="void")

    def test_takes_a_card_away_from_a_redemption_that_waits_for_it(self, world: World) -> None:
        pool = master_pool(world, 1)
        sale, (code,) = sell(world, pool, 1), world.invite()
        with psycopg.connect(owner_url()) as reversal:
            reversal.execute("SELECT giftcards_reverse_sale(%s, 'test', now())", [sale.sale_id])
            commit = threading.Timer(0.1, reversal.commit)
            commit.start()
            # It waits for the card's row a moment, and then the card is in another pool.
            assert ask(code).state == "waiting_stock"
            commit.join()
        assert count_available(pool) == 1

    def test_waits_for_a_redemption_and_then_is_refused(self, world: World) -> None:
        sale = sell(world, master_pool(world, 2), 2)
        with psycopg.connect(owner_url()) as redemption:
            redemption.execute(
                "UPDATE giftcards_giftcard SET status = 'void' WHERE id = (SELECT id FROM"
                " giftcards_giftcard WHERE sale_id = %s LIMIT 1)",
                [sale.sale_id],
            )
            commit = threading.Timer(0.3, redemption.commit)
            commit.start()
            with pytest.raises(SaleInUseError):
                reverse_sale(viewer=SYSTEM, sale_id=sale.sale_id, now=NOW)
            commit.join()
        assert CardSale.objects.get().refund_id is None

    def test_gives_the_money_back_once(self, world: World) -> None:
        sale = sell(world, master_pool(world, 2), 2)
        outcomes = run_at_once(
            8, lambda: reverse_sale(viewer=SYSTEM, sale_id=sale.sale_id, now=NOW)
        )
        assert sorted(o.is_replay for o in outcomes if isinstance(o, Sale)) == [False] + [True] * 7
        assert world.balance() == 10_000_000
