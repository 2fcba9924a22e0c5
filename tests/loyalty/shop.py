"""A shop to test in: a client with a programme, articles, a till and customers."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
from django.db import connection

from credit.models import Client
from loyalty.models import (
    Customer,
    LoyaltyProgram,
    LoyaltyTransaction,
    RegisterSession,
    StockItem,
    Tier,
)
from loyalty.services.checkouts import Cart, CheckoutResult, Line, ManualPayment, check_out
from tests.database import owner_url
from tests.world import World

NOW = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


@dataclasses.dataclass
class Shop:
    """A client whose customers earn a point for each dollar; a hundred points take one off."""

    client: Client
    program: LoyaltyProgram
    coffee: StockItem
    mug: StockItem
    till: RegisterSession
    _numbers: Any = dataclasses.field(default_factory=itertools.count)

    def customer(self, points: int = 0, **fields: Any) -> Customer:
        """Add somebody, with points to begin with."""
        customer = Customer.objects.create(client=self.client, first_name="Ana", **fields)
        if points:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT loyalty_adjust_points(%s, %s, %s, %s, 'To begin with', 'test', %s)",
                    [self.client.pk, customer.pk, points, uuid4(), NOW],
                )
            customer.refresh_from_db()
        return customer

    def cart(
        self, customer: Customer | None = None, *, coffees: int = 0, mugs: int = 0, points: int = 0
    ) -> Cart:
        """Put articles into a cart; a coffee costs 4.00, a mug 12.00."""
        lines = [Line(sku="COFFEE", quantity=coffees)] if coffees else []
        lines += [Line(sku="MUG", quantity=mugs)] if mugs else []
        return Cart(
            client_id=self.client.pk,
            customer_id=None if customer is None else customer.pk,
            lines=lines,
            points_to_redeem=points,
        )

    def buy(self, cart: Cart, *, pay: int | None = None, **changes: Any) -> CheckoutResult:
        """Check a cart out at the till; ``pay`` is what it costs unless said."""
        cost = sum(
            {"COFFEE": 400, "MUG": 1200}.get(line.sku, 0) * line.quantity for line in cart.lines
        )
        arguments: dict[str, Any] = {
            "cart": cart,
            "payment": ManualPayment(
                is_approved=changes.pop("is_approved", True),
                amount_minor=cost - cart.points_to_redeem if pay is None else pay,
                reference="slip-1",
            ),
            "order_number": f"order-{next(self._numbers)}",
            "register_session_id": self.till.pk,
            "actor": "key:test",
            "request_id": "req-1",
            "now": NOW,
        }
        return check_out(**{**arguments, **changes})


def open_shop(world: World, *, expiry_months: int = 0) -> Shop:
    """Open a shop of the world's client."""
    program = LoyaltyProgram.objects.create(
        client=world.client,
        currency="USD",
        points_per_currency_unit=Decimal(1),
        point_value_minor=Decimal(1),
        expiry_months=expiry_months,
    )
    Tier.objects.create(
        program=program,
        client=world.client,
        name="Gold",
        from_lifetime_points=100,
        earn_multiplier=Decimal("1.50"),
    )
    return Shop(
        client=world.client,
        program=program,
        coffee=_article(world.client, "COFFEE", 400, 100),
        mug=_article(world.client, "MUG", 1200, 10),
        till=RegisterSession.objects.create(
            client=world.client,
            register="Till 1",
            currency="USD",
            opened_at=NOW,
            opened_by="key:test",
        ),
    )


def _article(client: Client, sku: str, price_minor: int, on_hand: int) -> StockItem:
    return StockItem.objects.create(
        client=client,
        sku=sku,
        name=sku.title(),
        price_minor=price_minor,
        currency="USD",
        on_hand=on_hand,
    )


def points_of(customer: Customer) -> tuple[int, int]:
    """Return a customer's balance and how much of it is held."""
    customer.refresh_from_db()
    return customer.points_balance, customer.points_held


def history_of(customer_id: UUID) -> list[tuple[str, int, int, int]]:
    """Return type, points, balance before and after of each transaction, oldest first."""
    rows = LoyaltyTransaction.objects.filter(customer_id=customer_id).order_by("number")
    return list(rows.values_list("type", "points", "balance_before", "balance_after"))


def points_out_of_order() -> contextlib.AbstractContextManager[None]:
    """Have every posting of points fail, as long as it lasts."""
    return rows_out_of_order("loyalty_loyaltytransaction", words="points are out of order")


@contextlib.contextmanager
def rows_out_of_order(table: str, *, words: str = "out of order") -> Iterator[None]:
    """Have every new row of a table fail, as long as it lasts."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute(
            "CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{words}'; END $$"
        )
        owner.execute(
            f"CREATE TRIGGER test_refuse BEFORE INSERT ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION test_refuse()"
        )
        try:
            yield
        finally:
            owner.execute("DROP FUNCTION test_refuse() CASCADE")
