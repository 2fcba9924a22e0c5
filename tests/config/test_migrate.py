"""The grants of the runtime role, seen from the runtime role's own connection."""

import os
from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]),
    pytest.mark.two_roles,
]


@pytest.fixture
def runtime() -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def scratch() -> Iterator[str]:
    """A table, a partitioned one and a function that the owner made after the last migrate."""
    with connections["owner"].cursor() as owner:
        owner.execute(
            """
            CREATE TABLE scratch (id bigserial PRIMARY KEY);
            CREATE TABLE scratch_parts (id bigint) PARTITION BY RANGE (id);
            CREATE TABLE scratch_part_1 PARTITION OF scratch_parts FOR VALUES FROM (0) TO (9);
            CREATE FUNCTION scratch_answer(number int) RETURNS int
                LANGUAGE sql AS 'SELECT number';
            """
        )
    yield "scratch"
    with connections["owner"].cursor() as owner:
        owner.execute("DROP TABLE scratch, scratch_parts; DROP FUNCTION scratch_answer(int)")


class TestMigrate:
    def test_grants_new_tables_sequences_and_functions_to_the_runtime_role(
        self, runtime: psycopg.Connection[Any], scratch: str
    ) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            runtime.execute("INSERT INTO scratch DEFAULT VALUES")
        call_command("migrate", verbosity=0)

        runtime.execute("INSERT INTO scratch DEFAULT VALUES")
        runtime.execute("UPDATE scratch SET id = 7")
        runtime.execute("INSERT INTO scratch_parts VALUES (1)")
        assert runtime.execute("SELECT scratch_answer(id::int) FROM scratch").fetchall() == [(7,)]
        for statement in ("TRUNCATE scratch", "DROP TABLE scratch", "SELECT * FROM scratch_part_1"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                runtime.execute(statement)

    def test_takes_back_what_the_settings_narrow(
        self,
        runtime: psycopg.Connection[Any],
        scratch: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        call_command("migrate", verbosity=0)
        runtime.execute("INSERT INTO scratch DEFAULT VALUES")
        monkeypatch.setitem(settings.RUNTIME_PRIVILEGES, "scratch", ("SELECT",))
        call_command("migrate", verbosity=0)

        assert runtime.execute("SELECT count(*) FROM scratch").fetchone() == (1,)
        for statement in ("INSERT INTO scratch DEFAULT VALUES", "DELETE FROM scratch"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                runtime.execute(statement)

    def test_gives_nothing_to_everybody(self, scratch: str) -> None:
        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT coalesce(relname, '') FROM pg_class, aclexplode(relacl) AS acl
                WHERE relnamespace = 'public'::regnamespace AND acl.grantee = 0
                UNION ALL
                SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
                    AS acl
                WHERE pronamespace = 'public'::regnamespace AND acl.grantee = 0
                """
            )
            assert cursor.fetchall() == []

    def test_keeps_the_runtime_role_from_making_tables(
        self, runtime: psycopg.Connection[Any]
    ) -> None:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            runtime.execute("CREATE TABLE mine (number int)")

    def test_leaves_no_table_to_the_runtime_role(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE tableowner = current_user")
            assert cursor.fetchall() == []

    def test_lets_the_runtime_role_read_every_model(self, runtime: psycopg.Connection[Any]) -> None:
        for model in apps.get_models():
            table = psycopg.sql.Identifier(model._meta.db_table)
            runtime.execute(psycopg.sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table))

    def test_migrates_as_the_owner_whichever_alias_is_named(self, scratch: str) -> None:
        output = StringIO()
        call_command("migrate", database="default", stdout=output)

        role = settings.DATABASES["default"]["USER"]
        assert f"Granted {role} what it needs." in output.getvalue()

    def test_warns_loudly_when_the_server_owns_its_tables(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owner = settings.DATABASES["owner"]["USER"]
        monkeypatch.setitem(settings.DATABASES["default"], "USER", owner)
        errors = StringIO()
        call_command("migrate", verbosity=0, stderr=errors)

        assert "row-level security is off" in errors.getvalue()

    def test_says_how_to_make_a_missing_role(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(settings.DATABASES["default"], "USER", "nobody_here")
        with pytest.raises(CommandError, match='CREATE ROLE "nobody_here" LOGIN'):
            call_command("migrate", verbosity=0)

    def test_only_plans_when_asked_to_plan(
        self, runtime: psycopg.Connection[Any], scratch: str
    ) -> None:
        call_command("migrate", plan=True, stdout=StringIO())

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            runtime.execute("SELECT * FROM scratch")
