"""Taking back what was bought on the spot: card to its pool, money to who paid the capture."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from credit.models import Transaction
from giftcards.emulator import Emulator
from giftcards.models import GiftCard, ProviderOrder
from redemption.services.cancelling import RedemptionStateError
from redemption.services.redeem import RedeemResult
from redemption.services.stuck import CleanUp
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.redemption.buying import add_buffer, build_buying_world, work
from tests.redemption.taking_back import cancel, clean_up, give_up_text, refunds, replace, row
from tests.world import NOW, World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def world() -> World:
    return build_buying_world()


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def buy_one(world: World) -> RedeemResult:
    result = ask(world.invite()[0])
    assert result.state == "provisioning"
    # A busy machine may be too slow for the first try; the next one asks for the same card.
    for wait in (10, 60, 600, 1800):
        work(now=NOW + timedelta(seconds=wait))
        if row(result).state == "issued":
            break
    assert row(result).state == "issued"
    return result


class TestCleanUp:
    def test_leaves_an_order_in_work_alone(self, world: World) -> None:
        result = ask(world.invite()[0])
        assert clean_up(LATER) == CleanUp()
        with pytest.raises(RedemptionStateError):
            cancel(result)
        assert row(result).state == "provisioning"

    def test_puts_the_card_into_its_pool_and_the_money_back(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        result = buy_one(world)
        give_up_text(result)
        assert clean_up(LATER) == CleanUp(taken_back=1)
        card = GiftCard.objects.get()
        assert (card.status, card.source, card.pool_id) == ("available", "api", world.pool.pk)
        assert ProviderOrder.objects.get().card_gone_at is not None
        assert refunds() == [2_500]
        assert world.balance() == 100_000
        refund = Transaction.objects.get(kind="refund")
        assert refund.settles is not None
        assert refund.settles.kind == "capture"

    def test_lets_the_next_one_have_it_without_buying(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        give_up_text(buy_one(world))
        clean_up(LATER)
        again = ask(world.invite()[0])
        assert (again.state, again.source) == ("issued", "api")
        assert len(tillo_emulator.sales()) == 1
        assert cancel(again).card == "returned"


class TestReplace:
    def test_takes_what_was_bought_ahead_and_buys_nothing(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        result = buy_one(world)
        first_cost = row(result).cost_minor
        assert first_cost is not None
        add_buffer(world, stock=1)
        replace(result)
        redemption = row(result)
        assert (redemption.source, redemption.state) == ("buffer", "issued")
        assert redemption.cost_minor == first_cost + 2_410
        assert redemption.platform_margin_minor == 2_500 - first_cost - 2_410
        assert (redemption.charged_minor, world.balance()) == (2_500, 100_000 - 2_500)
        assert len(tillo_emulator.sales()) == 1
