"""Two callers at once on a pool that buys: one card, whoever wins."""

from collections.abc import Iterator

import psycopg
import pytest

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from giftcards.emulator import Emulator
from giftcards.models import ProviderOrder
from redemption.models import Redemption
from redemption.services.redeem import RedeemResult
from redemption.services.serving import MOST_IN_WORK, serve_waiting
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.buying import WITH_FALLBACK, build_buying_world, work
from tests.world import NOW, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]

CALLERS = 12


@pytest.fixture
def world() -> World:
    return build_buying_world(credit_minor=1_000_000)


@pytest.fixture
def without_guards() -> Iterator[None]:
    """Nothing left that lets two callers with one code know of each other, or of an order."""
    switch = [
        "DROP INDEX redemption_one_reward_each",
        "DROP INDEX giftcards_order_one_alive_per_holder",
    ]
    definitions = []
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        for statement in switch:
            name = statement.rpartition(" ")[2]
            row = owner.execute("SELECT pg_get_indexdef(%s::regclass)", [name]).fetchone()
            assert row is not None
            definitions.append(row[0])
            owner.execute(statement)
        # The recipient's row is what queues them up: without the lock they pass each other.
        body = owner.execute("SELECT pg_get_functiondef('redemption_redeem'::regproc)").fetchone()
        assert body is not None
        assert "FOR NO KEY UPDATE OF r" in body[0]
        owner.execute(body[0].replace("FOR NO KEY UPDATE OF r", ""))
    yield
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute(body[0])
        _forget_doubles(owner)
        for definition in definitions:
            owner.execute(definition)


def _forget_doubles(owner: "psycopg.Connection[tuple[object, ...]]") -> None:
    """Let what the damage left not count any more, so that the indexes can be made again."""
    for table, changes in (
        ("giftcards_providerorder", "next_attempt_at = NULL, settled_at = now()"),
        ("redemption_redemption", "failed_at = now()"),
    ):
        owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(f"UPDATE {table} SET state = 'failed', {changes}")
        owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


class TestOneCode:
    def test_buys_one_card_for_many_callers(self, world: World, tillo_emulator: Emulator) -> None:
        (code,) = world.invite()
        outcomes = run_at_once(CALLERS, lambda: ask(code))
        results = [one for one in outcomes if isinstance(one, RedeemResult)]
        assert len(results) == CALLERS, outcomes
        assert len({result.redemption_id for result in results}) == 1
        assert {result.state for result in results} == {"provisioning"}
        assert sum(result.is_ordered for result in results) == 1
        work(now=NOW)
        assert len(tillo_emulator.journal("sold")) == 1
        assert world.balance() == 1_000_000 - 2500
        assert broken_invariants() == {}

    def test_buys_several_without_what_guards_it(self, world: World, without_guards: None) -> None:
        """The control: the same crowd loses once nothing holds it."""

        def loses(code: str) -> bool:
            orders, rewards = ProviderOrder.objects.count(), Redemption.objects.count()
            run_at_once(CALLERS, lambda: ask(code))
            bought = ProviderOrder.objects.count() - orders
            return bought > 1 and Redemption.objects.count() - rewards > 1

        # Now and then they happen to come one after the other.
        assert any(loses(code) for code in world.invite(20))

    def test_is_settled_once_by_many_workers(self, world: World, tillo_emulator: Emulator) -> None:
        for code in world.invite(6):
            ask(code)
        run_at_once(4, lambda: work(now=NOW))
        assert set(Redemption.objects.values_list("state", flat=True)) == {"issued"}
        assert len(tillo_emulator.journal("sold")) == 6
        assert broken_invariants() == {}

    def test_asked_again_while_it_is_settled_gives_one_answer_each(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        codes = world.invite(6)
        for code in codes:
            ask(code)
        turns = iter([lambda: work(now=NOW)] * 2 + [lambda c=c: ask(c) for c in codes])
        outcomes = run_at_once(8, lambda: next(turns)())
        for one in outcomes:
            if isinstance(one, ServiceError):
                assert one.code is ErrorCode.ALREADY_REDEEMED
            else:
                assert isinstance(one, RedeemResult | int), one
        assert len(tillo_emulator.journal("sold")) == 6
        assert broken_invariants() == {}


class TestQueue:
    def test_of_many_rounds_at_once_orders_once_for_each(self, tillo_emulator: Emulator) -> None:
        world = build_buying_world(method="csv_only", credit_minor=1_000_000)
        for code in world.invite(5):
            assert ask(code).state == "waiting_stock"
        world.pool.purchase_method = WITH_FALLBACK
        world.pool.save()
        run_at_once(4, lambda: serve_waiting(now=NOW, limit=100))
        assert ProviderOrder.objects.count() == 5 < MOST_IN_WORK
        work(now=NOW)
        assert len(tillo_emulator.journal("sold")) == 5
        assert broken_invariants() == {}
