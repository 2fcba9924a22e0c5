"""Random rounds of everything that is done to points, by several workers, with random faults.

A round is decided by its number and the seed alone; what it meets depends on who was there first.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random  # noqa: TID251  it decides what is tried in a test
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from django.db import DatabaseError

from alerts.errors import ServiceError
from credit.services.idempotency import KeyAnsweredError, KeyClaim, claim_key
from loyalty.models import Checkout, Customer, ReconciliationItem, StockItem
from loyalty.services.checkouts import Cart, CheckoutResult, Line
from tests.database import owner_url
from tests.loyalty.deeds import adjust, ask_database, expire, refund, replay, take_reward
from tests.loyalty.shop import NOW, Shop
from tests.races import run_at_once
from tests.world import World

CUSTOMERS: Final = 4
_PRICES: Final = {"COFFEE": 400, "MUG": 1200}
_BEGIN: Final = (
    "SELECT id FROM loyalty_begin_checkout(%s, %s, %s, %s, %s, %s::text[], %s::integer[], %s,"
    " 'elsewhere', %s, %s, 'test', '', NULL, NULL, NULL, %s)"
)
_FINISH: Final = "SELECT state FROM loyalty_finish_checkout(%s, %s, %s, '', 0, %s)"
_RESOLVE: Final = "SELECT loyalty_resolve_item(%s, 'Given up', 'test', %s) IS NULL"
# What may be said of a deed: our own refusals, the fault that is injected, and that somebody else
# has held a row for too long. A violated constraint or a deadlock is a find.
_INJECTED: Final = "P0001"
_TOO_LONG: Final = "55P03"


@contextlib.contextmanager
def points_failing(share: float) -> Iterator[None]:
    """Have so many postings of points fail, at random, as long as it lasts."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION test_refuse_some_points() RETURNS trigger LANGUAGE plpgsql AS $$"
            f" BEGIN IF random() < {share} THEN RAISE EXCEPTION 'points are out of order';"
            " END IF; RETURN NEW; END $$"
        )
        owner.execute(
            "CREATE TRIGGER test_refuse_some_points BEFORE INSERT ON loyalty_loyaltytransaction"
            " FOR EACH ROW EXECUTE FUNCTION test_refuse_some_points()"
        )
        try:
            yield
        finally:
            owner.execute("DROP FUNCTION test_refuse_some_points() CASCADE")


@dataclasses.dataclass
class Storm:
    """What is tried, and what was promised to whom.

    :param sold: what a till was told of each order that it was told is paid.
    :param finds: what nobody may meet.
    """

    shop: Shop
    world: World
    seed: int
    customers: list[Customer]
    sold: dict[str, CheckoutResult] = dataclasses.field(default_factory=dict)
    met: Counter[str] = dataclasses.field(default_factory=Counter)
    finds: list[str] = dataclasses.field(default_factory=list)
    _keys: list[tuple[Cart, str, KeyClaim]] = dataclasses.field(default_factory=list)
    _lock: Any = dataclasses.field(default_factory=threading.Lock)

    def run(self, *, rounds: int, workers: int) -> None:
        """Go through the rounds, the workers taking one after the other."""
        numbers = iter(range(rounds))

        def work() -> None:
            while True:
                with self._lock:
                    number = next(numbers, None)
                if number is None:
                    return
                self.do(number)

        for outcome in run_at_once(workers, work):
            if outcome is not None:
                self.finds.append(repr(outcome))

    def do(self, number: int) -> None:
        """Do what a round is about; a refusal is an answer, anything else a find."""
        dice = Random(f"{self.seed}:{number}")
        deeds: dict[Callable[[Random, int, datetime], object], int] = {
            self.check_out: 40,
            self.check_out_later: 12,
            self.say_again: 6,
            self.refund: 12,
            self.reward: 8,
            self.adjust: 6,
            self.expire: 4,
            self.replay: 6,
            self.resolve: 2,
        }
        (deed,) = dice.choices(list(deeds), list(deeds.values()))
        name = deed.__name__
        try:
            outcome = deed(dice, number, NOW + timedelta(minutes=number))
            answer = "nothing to do" if outcome is None else "done"
        except (KeyAnsweredError, ServiceError) as error:
            answer = type(error).__name__
        except DatabaseError as error:
            answer = str(getattr(error.__cause__, "sqlstate", None))
            if not answer.startswith("GC") and answer not in (_INJECTED, _TOO_LONG):
                with self._lock:
                    self.finds.append(f"{name} {number}: {error!r}")
        with self._lock:
            self.met[f"{name}: {answer}"] += 1

    def someone(self, dice: Random) -> Customer:
        return dice.choice(self.customers)

    def cart(self, dice: Random) -> Cart:
        """Fill a cart: for somebody or nobody, with some, all or too many of their points."""
        lines = [Line(sku="COFFEE", quantity=dice.randint(1, 5))]
        if dice.random() < 0.3:
            lines.append(Line(sku="MUG", quantity=dice.randint(1, 2)))
        if dice.random() < 0.1:
            return Cart(client_id=self.shop.client.pk, lines=lines)
        customer = self.someone(dice)
        cost = sum(_PRICES[line.sku] * line.quantity for line in lines)
        points = dice.choice([0, 0, dice.randint(1, cost), cost, None, cost + 1])
        if points is None:  # all there are, as it seems
            customer = Customer.objects.get(pk=customer.pk)
            points = min(cost, customer.points_balance - customer.points_held)
        return Cart(
            client_id=self.shop.client.pk,
            customer_id=customer.pk,
            lines=lines,
            points_to_redeem=points,
        )

    def check_out(self, dice: Random, number: int, now: datetime) -> CheckoutResult:
        cart = self.cart(dice)
        key = claim_key(owner="client:1", key=f"k{number}", method="POST", path="/x", body={})
        order = f"S-{number}"
        with self._lock:
            self._keys.append((cart, order, key))
        is_approved = dice.random() > 0.1
        result = self.shop.buy(cart, order_number=order, key=key, is_approved=is_approved, now=now)
        return self._keep(order, result)

    def _keep(self, order: str, result: CheckoutResult) -> CheckoutResult:
        with self._lock:
            if result.state == "completed":
                if order in self.sold:
                    self.finds.append(f"{order} was sold twice")
                self.sold[order] = result
        return result

    def say_again(self, dice: Random, number: int, now: datetime) -> CheckoutResult | None:
        """Repeat a request, which may still be running, or not have been heard at all."""
        with self._lock:
            known = list(self._keys)
        if not known:
            return None
        cart, order, key = dice.choice(known[-10:])
        return self._keep(order, self.shop.buy(cart, order_number=order, key=key, now=now))

    def check_out_later(self, dice: Random, number: int, now: datetime) -> object:
        """Begin a checkout, and hear of its payment, twice, or not before the end of the storm."""
        cart = self.cart(dice)
        checkout_id = uuid4()
        ask_database(
            _BEGIN,
            checkout_id,
            cart.client_id,
            cart.customer_id,
            self.shop.till.pk,
            f"S-{number}",
            [line.sku for line in cart.lines],
            [line.quantity for line in cart.lines],
            cart.points_to_redeem,
            uuid4(),
            now,
            now,
        )
        if dice.random() < 0.2:
            return checkout_id
        outcome = dice.choice(["approved", "approved", "declined"])
        for _ in range(dice.choice([1, 2])):
            finish(checkout_id, outcome, now=now)
        return checkout_id

    def refund(self, dice: Random, number: int, now: datetime) -> object:
        sold = list(
            Checkout.objects.filter(state__in=["completed", "partly_refunded"])
            .order_by("-created_at", "pk")
            .values_list("pk", "total_minor", "refunded_minor")[:20]
        )
        if not sold:
            return None
        checkout_id, total, refunded = dice.choice(sold)
        if dice.random() < 0.3:
            return refund(
                self.shop.client.pk, checkout_id, lines=[("COFFEE", dice.randint(1, 2))], now=now
            )
        rest = total - refunded
        amount = rest if dice.random() < 0.4 else dice.randint(1, max(1, rest))
        return refund(self.shop.client.pk, checkout_id, amount_minor=amount, now=now)

    def reward(self, dice: Random, number: int, now: datetime) -> object:
        denomination_id = self.world.denomination.pk
        customer_id = self.someone(dice).pk
        return take_reward(self.shop.client.pk, customer_id, denomination_id, now=now)

    def adjust(self, dice: Random, number: int, now: datetime) -> object:
        points = dice.choice([dice.randint(1, 15_000), -dice.randint(1, 500)])
        return adjust(self.shop.client.pk, self.someone(dice).pk, points, now=now)

    def expire(self, dice: Random, number: int, now: datetime) -> object:
        before = now - timedelta(minutes=dice.randint(10, 200))
        return expire(self.someone(dice).pk, before=before, now=now)

    def replay(self, dice: Random, number: int, now: datetime) -> object:
        item_id = self._an_item(dice)
        return None if item_id is None else replay(item_id, now=now)

    def resolve(self, dice: Random, number: int, now: datetime) -> object:
        item_id = self._an_item(dice)
        return None if item_id is None else ask_database(_RESOLVE, item_id, now)

    def _an_item(self, dice: Random) -> UUID | None:
        """Return an item that is owed, or was a moment ago."""
        keys = ReconciliationItem.objects.order_by("resolved", "-created_at", "pk")
        found = list(keys.values_list("pk", flat=True)[:5])
        return dice.choice(found) if found else None


def finish(checkout_id: UUID, outcome: str, *, now: datetime) -> str:
    """Say of a checkout's payment how it ended."""
    state: str = ask_database(_FINISH, checkout_id, outcome, f"pi_{checkout_id}", now)
    return state


def set_up(shop: Shop, world: World, *, rounds: int, seed: int) -> Storm:
    """Open the shop to a few customers with points, with enough coffee, and too few mugs."""
    for article, on_hand in ((shop.coffee, 5 * rounds), (shop.mug, rounds // 20)):
        StockItem.objects.filter(pk=article.pk).update(on_hand=on_hand)
        article.refresh_from_db()
    world.stock(max(2, rounds // 20))
    customers = [shop.customer(points=10_000) for _ in range(CUSTOMERS)]
    return Storm(shop=shop, world=world, seed=seed, customers=customers)


def settle(now: datetime) -> tuple[int, int]:
    """After the storm: hear of every payment, and replay what is owed; return how many of each."""
    waiting = list(
        Checkout.objects.filter(state="payment_unknown").order_by("pk").values_list("pk", flat=True)
    )
    for checkout_id, outcome in zip(waiting, itertools.cycle(["approved", "declined"])):
        finish(checkout_id, outcome, now=now)
    owed = list(
        ReconciliationItem.objects.filter(resolved=False)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    for item_id in owed:
        assert replay(item_id, now=now)
    return len(waiting), len(owed)
