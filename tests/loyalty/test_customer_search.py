"""Customers are found by an index, among many and whatever the policies say."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from uuid import UUID

import psycopg
import pytest
from django.db import connection

from alerts.scope import EVERYTHING, NOTHING, seeing
from loyalty.models import Customer
from loyalty.selectors.customers import find_customers_by_email, find_customers_named
from tests.database import owner_url
from tests.loyalty.shop import Shop
from tests.loyalty.test_races import changed

pytestmark = pytest.mark.django_db(transaction=True)

MANY = (
    "INSERT INTO loyalty_customer (id, client_id, first_name, last_name, email)"
    " SELECT gen_random_uuid(), %s, 'First' || n, 'Last' || n, 'Person' || n || '@example.com'"
    " FROM generate_series(1, 20000) n"
)
NAMES = ("loyalty_customer_by_first_name", "loyalty_customer_by_last_name")


@pytest.fixture
def crowd(shop: Shop) -> Customer:
    """Return Zoe Quill, among twenty thousand others."""
    zoe = Customer.objects.create(
        client=shop.client, first_name="Zoe", last_name="Quill", email="Zoe@Example.com"
    )
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute(MANY, [shop.client.pk])
        owner.execute("ANALYZE loyalty_customer")
    return zoe


def scans_of(find: Callable[[], list[UUID]]) -> tuple[list[UUID], int]:
    """Return what is found, and how often the table was read from end to end for it."""
    count = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'loyalty_customer'"
    with connection.cursor() as cursor, seeing(EVERYTHING):
        seen = []
        for step in (list, find):
            found = step()
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(count)
            seen.append(cursor.fetchone()[0])
    return found, seen[1] - seen[0]


class TestFindNamed:
    @pytest.mark.parametrize("words", [["zo"], ["QUILL"], ["qui", "ZOE"]])
    def test_reads_an_index_and_not_the_table(self, crowd: Customer, words: list[str]) -> None:
        assert scans_of(partial(find_customers_named, words, limit=9)) == ([crowd.pk], 0)

    def test_would_read_the_table_without_it(self, crowd: Customer) -> None:
        """The control."""
        with psycopg.connect(owner_url()) as owner:
            made = owner.execute(
                "SELECT pg_get_indexdef(indexrelid) FROM pg_stat_user_indexes"
                " WHERE indexrelname = ANY (%s) ORDER BY 1",
                [list(NAMES)],
            ).fetchall()
        with changed(
            *((f"DROP INDEX {name}", row[0]) for name, row in zip(NAMES, made, strict=True))
        ):
            assert scans_of(partial(find_customers_named, ["qui"], limit=9)) == ([crowd.pk], 1)

    def test_takes_signs_for_themselves(self, shop: Shop) -> None:
        odd = Customer.objects.create(client=shop.client, last_name="50%_\\'s")
        Customer.objects.create(client=shop.client, last_name="5000")
        for words in (["50%"], ["50%_"], ["50%_\\"], ["50%_\\'S"]):
            with seeing(EVERYTHING):
                assert find_customers_named(words, limit=9) == [odd.pk]
        with seeing(EVERYTHING):
            assert find_customers_named([], limit=9) == []

    def test_returns_the_newest_of_too_many(self, crowd: Customer) -> None:
        with seeing(EVERYTHING):
            assert len(find_customers_named(["last"], limit=9)) == 9

    def test_finds_nobody_for_who_does_not_see_everybody(self, crowd: Customer) -> None:
        with seeing(NOTHING):
            assert find_customers_named(["qui"], limit=9) == []


class TestFindByEmail:
    def test_reads_an_index_and_not_the_table(self, crowd: Customer) -> None:
        assert scans_of(partial(find_customers_by_email, "zoe@EXAMPLE.com")) == ([crowd.pk], 0)

    def test_finds_nobody_without_an_address(self, shop: Shop) -> None:
        shop.customer()
        assert find_customers_by_email("") == []
