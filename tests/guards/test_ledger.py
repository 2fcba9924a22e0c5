"""What the database refuses to do to money, whoever asks; each with the control that it could."""

from uuid import uuid4

import psycopg
import pytest

from credit.models import Entry, Transaction
from tests.guards.raw import as_application, as_owner, without
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

REFUSED = psycopg.errors.RestrictViolation
DENIED = psycopg.errors.InsufficientPrivilege
BROKEN = psycopg.errors.CheckViolation

LEDGER = ["credit_transaction", "credit_entry"]
CHANGES = {
    "credit_transaction": [
        "UPDATE credit_transaction SET note = 'x'",
        "DELETE FROM credit_transaction",
        "TRUNCATE credit_transaction CASCADE",
    ],
    "credit_entry": [
        "UPDATE credit_entry SET amount_minor = amount_minor + 1",
        "DELETE FROM credit_entry",
        "TRUNCATE credit_entry",
    ],
}
# All tables that refer to one, however indirectly: CASCADE empties them as well.
_REFERRING = """
    WITH RECURSIVE reached (oid) AS (
        SELECT conrelid FROM pg_constraint
        WHERE contype = 'f' AND confrelid = (%s)::regclass
        UNION
        SELECT conrelid FROM pg_constraint JOIN reached ON confrelid = reached.oid
        WHERE contype = 'f'
    )
    SELECT oid::regclass::text FROM reached
"""
ALL_CHANGES = [(table, change) for table in LEDGER for change in CHANGES[table]]


@pytest.fixture
def world() -> World:
    return build_world()


def add_entries(
    connection: psycopg.Connection, *sides: tuple[object, int], kind: str = "adjustment"
) -> None:
    transaction_id = uuid4()
    connection.execute(
        "INSERT INTO credit_transaction (id, kind, reference, idempotency_key, actor, note)"
        " VALUES (%s, %s, 'x', %s, 'test', 'why')",
        [transaction_id, kind, str(transaction_id)],
    )
    for account_id, amount in sides:
        connection.execute(
            "INSERT INTO credit_entry (transaction_id, account_id, amount_minor)"
            " VALUES (%s, %s, %s)",
            [transaction_id, account_id, amount],
        )


class TestLedger:
    @pytest.mark.two_roles
    @pytest.mark.parametrize(("table", "change"), ALL_CHANGES)
    def test_is_not_the_applications_to_change(self, world: World, table: str, change: str) -> None:
        with as_application() as connection, pytest.raises(DENIED):
            connection.execute(change)

    @pytest.mark.parametrize(("table", "change"), ALL_CHANGES)
    def test_is_not_even_its_owners_to_change(self, world: World, table: str, change: str) -> None:
        with as_owner() as connection, pytest.raises(REFUSED):
            connection.execute(change)
        trigger = "refuse_truncate" if change.startswith("TRUNCATE") else "refuse_change"
        with without(trigger, table) as connection:
            if "CASCADE" in change:
                for (reached,) in connection.execute(_REFERRING, [table]).fetchall():
                    connection.execute(f"ALTER TABLE {reached} DISABLE TRIGGER USER")
            connection.execute(change)  # the control: without the guard it happens

    @pytest.mark.two_roles
    @pytest.mark.parametrize("model", [Transaction, Entry])
    def test_is_not_written_past_its_functions(
        self, world: World, model: type[Transaction | Entry]
    ) -> None:
        with as_application() as connection, pytest.raises(DENIED):
            connection.execute(f"INSERT INTO {model._meta.db_table} DEFAULT VALUES")

    def test_balances_at_commit(self, world: World) -> None:
        sides = [(world.account.pk, -5), (world.platform_account.pk, 4)]
        with as_owner() as connection, pytest.raises(BROKEN, match="not balanced"):
            add_entries(connection, *sides)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with without("credit_transaction_sums_to_zero", "credit_entry") as connection:
            add_entries(connection, *sides)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_has_two_sides(self, world: World) -> None:
        with as_owner() as connection, pytest.raises(BROKEN):
            add_entries(connection, (world.account.pk, -5))
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_knows_its_accounts(self, world: World) -> None:
        with as_owner() as connection, pytest.raises(BROKEN):
            add_entries(connection, (uuid4(), -5), (world.account.pk, 5))
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_stays_in_one_currency(self, world: World) -> None:
        with as_owner() as connection, pytest.raises(BROKEN):
            other = uuid4()
            connection.execute(
                "INSERT INTO credit_account (id, level, purpose, name, currency, status)"
                " VALUES (%s, 'platform', 'held', 'Held EUR', 'EUR', 'active')",
                [other],
            )
            add_entries(connection, (world.account.pk, -5), (other, 5))
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_settles_a_transaction_once(self, world: World) -> None:
        debit = Transaction.objects.order_by("created_at").values_list("pk", flat=True)[0]
        insert = (
            "INSERT INTO credit_transaction"
            " (id, kind, reference, idempotency_key, settles_id, actor)"
            " VALUES (gen_random_uuid(), 'refund', 'r', gen_random_uuid()::text, %s, 't')"
        )
        with as_owner() as connection:
            connection.execute(insert, [debit])
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute(insert, [debit])


class TestBalance:
    @pytest.mark.two_roles
    def test_is_not_written_by_the_application(self, world: World) -> None:
        with as_application() as connection, pytest.raises(REFUSED, match="ledger alone"):
            connection.execute(
                "UPDATE credit_account SET balance_minor = 1 WHERE id = %s", [world.account.pk]
            )
        with without("credit_account_balance_is_the_ledgers", "credit_account") as connection:
            connection.execute(
                "UPDATE credit_account SET balance_minor = 1 WHERE id = %s", [world.account.pk]
            )

    def test_is_never_negative(self, world: World) -> None:
        with (
            as_owner() as connection,
            pytest.raises(BROKEN, match="credit_account_balance_never_negative"),
        ):
            connection.execute(
                "UPDATE credit_account SET balance_minor = -1 WHERE id = %s", [world.account.pk]
            )

    @pytest.mark.two_roles
    def test_begins_at_nothing(self, world: World) -> None:
        insert = (
            "INSERT INTO credit_account (id, level, purpose, name, parent_id, agency_id,"
            " client_id, currency, balance_minor, status)"
            " VALUES (gen_random_uuid(), 'campaign', 'credit', 'Gift', %s, %s, %s, 'USD', %s,"
            " 'active')"
        )
        owners = [world.account.pk, world.agency.pk, world.client.pk]
        with as_application() as connection:
            connection.execute(insert, [*owners, 0])
            with pytest.raises(REFUSED):
                connection.execute(insert, [*owners, 100])

    @pytest.mark.parametrize("level", ["agency", "client", "campaign"])
    def test_is_kept_below_the_platform_only(self, world: World, level: str) -> None:
        with as_owner() as connection, pytest.raises(BROKEN):
            connection.execute(
                "UPDATE credit_account SET balance_minor = 0 WHERE id = %s",
                [world.platform_account.pk],
            )
        with as_owner() as connection, pytest.raises(BROKEN):
            connection.execute(
                "UPDATE credit_account SET balance_minor = NULL WHERE id = %s", [world.account.pk]
            )


class TestAccount:
    def test_stands_one_level_below_its_parent(self, world: World) -> None:
        stranger = build_world(name="Birch")
        assert world.account.parent is not None
        for parent in (world.platform_account.pk, stranger.account.parent, world.account.pk):
            parent_id = getattr(parent, "pk", parent)
            with as_owner() as connection, pytest.raises(BROKEN):
                connection.execute(
                    "UPDATE credit_account SET parent_id = %s WHERE id = %s",
                    [parent_id, world.account.pk],
                )

    @pytest.mark.parametrize(
        ("change", "trigger"),
        [
            ("DELETE FROM credit_account WHERE level = 'client'", "refuse_removal"),
            ("TRUNCATE credit_account CASCADE", "refuse_truncate"),
        ],
    )
    def test_is_never_removed(self, world: World, change: str, trigger: str) -> None:
        with as_owner() as connection, pytest.raises(REFUSED):
            connection.execute(change)
