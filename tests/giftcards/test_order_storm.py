"""Random faults from several threads: never double, never lost. ``make provider-storm`` for more.

The control is a worker that does what seems natural, and takes a new request id for each attempt:
the same check catches it.
"""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random  # noqa: TID251  it decides what is ordered in a test
from uuid import uuid4

import pytest
from pytest_django import Settings

from giftcards.emulator import Emulator
from giftcards.models import GiftCard, Pool, ProviderBrand, ProviderOrder
from giftcards.providers import CardOrder
from giftcards.providers.tillo import Tillo
from giftcards.services import circuit
from giftcards.services.order_review import replay_order
from redemption.models import Redemption
from redemption.services.serving import serve_waiting
from tests.giftcards.ordering import order_card, order_for_pool
from tests.giftcards.storm import FAULTS, broken_money, broken_promises, run_storm
from tests.invariants import LEDGER, broken_invariants
from tests.redemption.asking import ask
from tests.redemption.buying import build_buying_world
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# By the environment, for `make provider-storm`.
ORDERS = int(os.environ.get("STORM_ORDERS", "40"))
SEED = int(os.environ.get("STORM_SEED", "1"))
WORKERS = 4
# A quarter of the calls end in a sale whose answer is lost. That none of so many does, which a
# control could not see, happens once in 30 million runs.
CONTROL_ORDERS = 60
ASYNCHRONOUS = "home-depot-us"


@pytest.fixture
def world() -> World:
    world = build_world(credit_minor=10_000_000)
    ProviderBrand.objects.create(
        provider="tillo",
        slug=ASYNCHRONOUS,
        name="The Home Depot",
        currency="USD",
        state="enabled",
        is_asynchronous=True,
        synced_at=NOW,
    )
    return world


@pytest.fixture
def stormy(buying: Settings, tillo_emulator: Emulator) -> Emulator:
    tillo_emulator.set_float("USD", "1000000")
    tillo_emulator.set_faults(FAULTS)
    return tillo_emulator


def place_orders(world: World, count: int, seed: int) -> None:
    """Order cards of both kinds, for holders and for a buffer."""
    dice = Random(seed)
    buffer = Pool.objects.create(
        name="Ahead", brand=world.brand, denomination=world.denomination, kind=Pool.Kind.BUFFER
    )
    for _ in range(count):
        kind = dice.random()
        if kind < 0.2:
            order_card(world, slug=ASYNCHRONOUS)
        elif kind < 0.3:
            order_for_pool(world, buffer)
        else:
            order_card(world, charge_minor=dice.choice([2600, 2500, 1]))


class TestTheStorm:
    def test_buys_every_card_once_and_keeps_every_cent(
        self, world: World, stormy: Emulator
    ) -> None:
        place_orders(world, ORDERS, SEED)
        end = run_storm(workers=WORKERS, now=NOW)
        # The orders that came in while it was left alone are over; so is the storm.
        stormy.forward(3600)
        states = list(ProviderOrder.objects.values_list("state", flat=True))
        assert "requested" not in states
        assert broken_money(stormy) == []
        assert broken_promises() == []
        assert broken_invariants(promises=LEDGER) == {}
        assert end < NOW + timedelta(hours=4)
        assert GiftCard.objects.exists()

    def test_with_the_provider_asked_throughout_ends_nearly_all_with_a_card(
        self, world: World, stormy: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(circuit, "FAILURES_TO_OPEN", 10**6)
        place_orders(world, ORDERS, SEED)
        run_storm(workers=WORKERS, now=NOW)
        assert broken_money(stormy) == []
        assert broken_promises() == []
        assert broken_invariants(promises=LEDGER) == {}
        bought = ProviderOrder.objects.filter(state="succeeded").count()
        assert bought >= ORDERS // 2
        # Faults that leave nobody knowing were among them, and were seen through.
        assert ProviderOrder.objects.filter(state="succeeded", attempts__gt=1).exists()

    def test_would_be_lost_by_a_new_request_id_for_each_attempt(
        self, world: World, stormy: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(circuit, "FAILURES_TO_OPEN", 10**6)
        issue = Tillo.issue

        def issue_anew(self: Tillo, order: CardOrder) -> object:
            fresh = CardOrder(
                request_id=uuid4().hex,
                brand=order.brand,
                amount_minor=order.amount_minor,
                currency=order.currency,
                is_asynchronous=order.is_asynchronous,
            )
            return issue(self, fresh)

        monkeypatch.setattr(Tillo, "issue", issue_anew)
        for _ in range(CONTROL_ORDERS):
            order_card(world)
        run_storm(workers=WORKERS, now=NOW)
        broken = broken_money(stormy)
        assert any("was sold for no order" in one for one in broken)
        assert len(stormy.sales()) > GiftCard.objects.count()

    def test_would_be_lost_by_giving_the_credit_back_after_a_timeout(
        self, world: World, stormy: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(circuit, "FAILURES_TO_OPEN", 10**6)
        from giftcards.services import orders
        from giftcards.services.order_verdicts import Ending, Verdict, judge_answer

        def judge_hastily(**facts: object) -> Verdict:
            verdict = judge_answer(**facts)  # type: ignore[arg-type]
            if verdict.ending is Ending.AGAIN and not verdict.is_accepted:
                return Verdict(ending=Ending.NOT_BOUGHT, code=verdict.code)
            return verdict

        monkeypatch.setattr(orders, "judge_answer", judge_hastily)
        for _ in range(CONTROL_ORDERS):
            order_card(world)
        run_storm(workers=WORKERS, now=NOW)
        assert any("is failed, and was sold" in one for one in broken_money(stormy))


class TestRedemptionsInTheStorm:
    def test_all_get_one_card_each_and_pay_once(
        self, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        world = build_buying_world(credit_minor=10_000_000)
        stormy = tillo_emulator
        stormy.set_float("USD", "1000000")
        stormy.set_faults(FAULTS)
        count = max(10, min(ORDERS // 2, 100))
        for code in world.invite(count):
            assert ask(code).state == "provisioning"
        now = NOW
        for _ in range(6):
            now = run_storm(workers=WORKERS, now=now) + timedelta(minutes=20)
            assert broken_money(stormy) == []
            # Who was refused waits for stock, and is served from the same provider again.
            serve_waiting(now=now, limit=count)
        # The weather clears; a person sends again what nobody knows the end of.
        stormy.set_faults([])
        stormy.wait_until_quiet()
        for order_id in ProviderOrder.objects.filter(state="unknown").values_list("pk", flat=True):
            replay_order(order_id=order_id, actor="user:1", reason="it works again", now=now)
        for _ in range(count):
            now = run_storm(workers=WORKERS, now=now) + timedelta(minutes=20)
            if not Redemption.objects.exclude(state="issued").exists():
                break
            serve_waiting(now=now, limit=count)  # a few at a time, so that others get through

        assert broken_money(stormy) == []
        assert broken_invariants() == {}
        states = Redemption.objects.values_list("state", flat=True)
        assert set(states) == {"issued"}
        assert len(stormy.sales()) == GiftCard.objects.count() == count
        assert GiftCard.objects.values("holder_id").distinct().count() == count
        charge = Redemption.objects.order_by("pk").values_list("charged_minor", flat=True)[0]
        assert charge is not None
        assert world.balance() == 10_000_000 - count * charge
