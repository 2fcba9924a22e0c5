"""The test database itself: what every other test stands on."""

from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import pytest
from django.db import connection

from credit.models import Agency
from tests import database
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.world import build_world

_SEEN: set[UUID] = set()


class TestOnce:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("time", ["first", "second", "third"])
    def test_puts_the_same_rows_back(self, time: str) -> None:
        world = build_world()
        world.stock(1)
        ask(world.invite()[0])
        assert world.balance() == 97_500
        assert broken_invariants() == {}
        assert world.client.pk not in _SEEN
        _SEEN.add(world.client.pk)

    @pytest.mark.django_db(transaction=True)
    def test_makes_another_where_a_row_is_in_the_way(self) -> None:
        assert build_world().client.pk != build_world().client.pk
        assert Agency.objects.count() == 2


class TestEmptyTables:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("time", ["first", "second"])
    def test_leaves_each_test_an_empty_database(self, time: str) -> None:
        assert Agency.objects.count() == 0
        Agency.objects.create(name=f"Written by the {time} test")

    @pytest.mark.django_db(transaction=True)
    def test_leaves_the_guards_on(self) -> None:
        Agency.objects.create(name="One")
        database.empty_tables()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'")
            assert cursor.fetchone() == (0,)
            cursor.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal")
            assert cursor.fetchone() != (0,)

    @pytest.mark.django_db(transaction=True)
    def test_keeps_what_migrations_wrote(self) -> None:
        Agency.objects.create(name="One")
        database.empty_tables()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) > 0 FROM django_migrations")
            assert cursor.fetchone() == (True,)
            cursor.execute("SELECT count(*) > 0 FROM django_content_type")
            assert cursor.fetchone() == (True,)

    def test_refuses_any_other_database(self, monkeypatch: pytest.MonkeyPatch) -> None:
        elsewhere = urlunsplit(urlsplit(database.owner_url())._replace(path="/postgres"))
        monkeypatch.setattr(database, "owner_url", lambda: elsewhere)
        database.forget_housekeeper()
        with pytest.raises(RuntimeError, match="Only a test database is emptied"):
            database.empty_tables()
        database.forget_housekeeper()
