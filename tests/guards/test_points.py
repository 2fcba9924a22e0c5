"""Points and checkouts are written by the database's functions alone, whoever asks."""

from __future__ import annotations

import psycopg
import pytest

from loyalty.models import Customer
from tests.guards.raw import as_application
from tests.loyalty.deeds import use_shop
from tests.loyalty.shop import Shop, open_shop
from tests.world import World, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.two_roles]

DENIED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def shop(world: World) -> Shop:
    shop = open_shop(world)
    use_shop(shop, world)
    return shop


class TestTheApplication:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE loyalty_loyaltytransaction SET points = 0",
            "UPDATE loyalty_loyaltytransaction SET description = ''",
            "UPDATE loyalty_refund SET reason = ''",
            "UPDATE loyalty_reconciliationitem SET resolution_note = ''",
            "DELETE FROM loyalty_customererasure",
            "DELETE FROM loyalty_loyaltytransaction",
            "INSERT INTO loyalty_loyaltytransaction DEFAULT VALUES",
            "UPDATE loyalty_checkout SET loyalty = 'none'",
            "INSERT INTO loyalty_checkout DEFAULT VALUES",
            "UPDATE loyalty_checkoutline SET refunded = 0",
            "INSERT INTO loyalty_payment DEFAULT VALUES",
            "UPDATE loyalty_reconciliationitem SET resolved = true",
            "INSERT INTO loyalty_refund DEFAULT VALUES",
            "INSERT INTO loyalty_reward DEFAULT VALUES",
            "DELETE FROM loyalty_customer",
        ],
    )
    def test_writes_none_of_it_by_itself(self, shop: Shop, statement: str) -> None:
        with as_application() as connection, pytest.raises(DENIED):
            connection.execute(statement)

    @pytest.mark.parametrize(
        "change",
        ["points_balance = points_balance + 1", "points_held = 0", "transactions = 1"],
    )
    def test_gives_nobody_points(self, shop: Shop, change: str) -> None:
        with as_application() as connection, pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE loyalty_customer SET {change}")
        with as_application() as connection:  # the control: a name it may change
            connection.execute("UPDATE loyalty_customer SET first_name = 'Bo'")
        assert Customer.objects.filter(points_balance__gt=0).count() == 1
