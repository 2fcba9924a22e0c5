from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import InternalError, connection
from django.test import TestCase

from alerts.models import Alert
from alerts.transactions import (
    MissingTransactionError,
    UnexpectedTransactionError,
    durable,
    is_in_transaction,
    savepoint,
    snapshot,
    transaction,
    transaction_required,
)
from tests.database import owner_url


def count_rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM transactions_probe")
        return int(cursor.fetchone()[0])


def insert_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO transactions_probe DEFAULT VALUES")


@transaction_required
def block(number: int, *, name: str = "") -> str:
    """Add a row."""
    insert_row()
    return f"{name}{number}"


def insert_row_and_fail() -> None:
    insert_row()
    raise KeyError


@durable
def call_vendor() -> str:
    return "called"


@pytest.fixture
def probe(transactional_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        # A temporary table lives and dies with this connection, and needs no right but one.
        cursor.execute("CREATE TEMPORARY TABLE transactions_probe (id serial)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE transactions_probe")


@pytest.mark.usefixtures("probe")
class TestTransaction:
    def test_commits_at_the_end(self) -> None:
        with transaction():
            insert_row()
            assert is_in_transaction()
        assert not is_in_transaction()
        assert count_rows() == 1

    def test_rolls_back_when_the_block_raises(self) -> None:
        with pytest.raises(KeyError), transaction():
            insert_row_and_fail()
        assert count_rows() == 0

    def test_decorates_a_use_case(self) -> None:
        @transaction()
        def use_case() -> str:
            return block(1)

        assert use_case() == "1"
        assert use_case() == "1"
        assert count_rows() == 2

    def test_refuses_to_be_part_of_another(self) -> None:
        with transaction():
            insert_row()
            with (
                pytest.raises(UnexpectedTransactionError, match=r"transaction\(\).*'default'"),
                transaction(),
            ):
                insert_row()
        assert count_rows() == 1


@pytest.mark.usefixtures("probe")
class TestSavepoint:
    def test_undoes_only_its_own_work(self) -> None:
        with transaction():
            insert_row()
            with pytest.raises(KeyError), savepoint():
                insert_row_and_fail()
        assert count_rows() == 1

    def test_needs_an_open_transaction(self) -> None:
        with pytest.raises(MissingTransactionError, match=r"savepoint\(\)"), savepoint():
            insert_row()
        assert count_rows() == 0


@pytest.mark.usefixtures("probe")
class TestTransactionRequired:
    def test_lets_a_block_run_inside_a_transaction(self) -> None:
        with transaction():
            assert block(2, name="n") == "n2"
        assert count_rows() == 1

    def test_lets_a_block_run_inside_a_savepoint(self) -> None:
        with transaction(), savepoint():
            block(1)
        assert count_rows() == 1

    def test_refuses_before_anything_is_done(self) -> None:
        with pytest.raises(MissingTransactionError, match="block needs an open transaction"):
            block(1)
        assert count_rows() == 0

    def test_keeps_the_name_and_the_docstring(self) -> None:
        assert block.__name__ == "block"
        assert block.__doc__ == "Add a row."

    def test_refuses_a_generator_at_once(self) -> None:
        def rows() -> Iterator[int]:
            yield 1

        with pytest.raises(TypeError, match="rows runs after its call"):
            transaction_required(rows)


@pytest.mark.usefixtures("probe")
class TestDurable:
    def test_runs_outside_a_transaction(self) -> None:
        assert call_vendor() == "called"

    def test_refuses_inside_a_transaction(self) -> None:
        with (
            transaction(),
            pytest.raises(UnexpectedTransactionError, match="call_vendor must not run"),
        ):
            call_vendor()

    def test_refuses_inside_a_savepoint(self) -> None:
        with transaction(), savepoint(), pytest.raises(UnexpectedTransactionError):
            call_vendor()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
class TestUsing:
    def test_looks_at_the_named_database_only(self) -> None:
        @durable(using="owner")
        def on_owner() -> str:
            return "done"

        @transaction_required(using="owner")
        def inside_owner() -> str:
            return "done"

        with transaction():
            assert on_owner() == "done"
            with pytest.raises(MissingTransactionError, match="'owner'"):
                inside_owner()
        with transaction(using="owner"):
            assert inside_owner() == "done"
            assert not is_in_transaction()
            with pytest.raises(UnexpectedTransactionError, match="'owner'"):
                on_owner()


class TestInsideTestCase(TestCase):
    """TestCase's own transaction counts as none."""

    def test_a_transaction_can_be_opened_and_undone(self) -> None:
        assert connection.in_atomic_block
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE transactions_probe (id serial)")
        with transaction():
            block(1)
        with pytest.raises(KeyError), transaction():
            insert_row_and_fail()
        assert count_rows() == 1

    def test_a_block_and_a_savepoint_still_need_one(self) -> None:
        with pytest.raises(MissingTransactionError):
            block(1)
        with pytest.raises(MissingTransactionError), savepoint():
            pass

    def test_what_must_last_is_allowed(self) -> None:
        assert call_vendor() == "called"

    def test_a_transaction_in_a_transaction_is_refused_as_ever(self) -> None:
        with transaction(), pytest.raises(UnexpectedTransactionError), transaction():
            pass


def commit_elsewhere() -> None:
    with psycopg.connect(owner_url(), autocommit=True) as other:
        other.execute(
            "INSERT INTO alerts_alert (id, kind, severity, subject, message, data, dedupe_key,"
            " state, count) VALUES (gen_random_uuid(), 'test', 'info', 'elsewhere', '', '{}',"
            " 'elsewhere', 'open', 1)"
        )


@pytest.mark.django_db(transaction=True)
class TestSnapshot:
    def test_does_not_see_what_is_committed_meanwhile(self) -> None:
        with snapshot():
            before = Alert.objects.count()
            commit_elsewhere()
            assert Alert.objects.count() == before == 0
        assert Alert.objects.count() == 1

    def test_sees_it_in_a_transaction_that_is_none(self) -> None:
        # The control: it is the isolation that hides it, not the harness.
        with transaction():
            assert Alert.objects.count() == 0
            commit_elsewhere()
            assert Alert.objects.count() == 1

    def test_lets_nothing_be_written(self) -> None:
        with pytest.raises(InternalError, match="read-only"), snapshot():
            Alert.objects.create(severity="info", subject="here", dedupe_key="here")
        assert Alert.objects.count() == 0

    def test_leaves_the_connection_as_it_was(self) -> None:
        with snapshot():
            assert Alert.objects.count() == 0
        Alert.objects.create(severity="info", subject="here", dedupe_key="here")
        assert Alert.objects.count() == 1

    def test_refuses_to_run_in_a_transaction(self) -> None:
        with transaction(), pytest.raises(UnexpectedTransactionError), snapshot():
            pass


class TestSnapshotInTestCase(TestCase):
    def test_works_in_the_transaction_of_the_test(self) -> None:
        with snapshot():
            assert is_in_transaction()
