"""Faults at the n-th write: an error, or a connection that is lost, after any row is written."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from tests.database import is_superuser, superuser_url

# A sequence keeps counting when what was counted is rolled back. AFTER, and by its name the last:
# the row is written, and nothing that comes after it is.
_SET_UP = """
    CREATE SEQUENCE zz_writes;
    CREATE TABLE zz_fault (write bigint, kind text);
    CREATE FUNCTION zz_fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE v_kind text;
    BEGIN
        SELECT kind INTO v_kind FROM zz_fault WHERE write = nextval('zz_writes');
        IF v_kind = 'ERROR' THEN
            RAISE EXCEPTION 'a fault';
        ELSIF v_kind = 'LOST_CONNECTION' THEN
            PERFORM pg_terminate_backend(pg_backend_pid());
        END IF;
        RETURN NULL;
    END $$;
    DO $$ DECLARE v_table regclass; BEGIN
        FOR v_table IN SELECT c.oid FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
                AND c.relname NOT LIKE 'django%' AND c.relname <> 'zz_fault'
        LOOP
            EXECUTE format('CREATE TRIGGER zz_fault AFTER INSERT OR UPDATE OR DELETE ON %s'
                ' FOR EACH ROW EXECUTE FUNCTION zz_fault()', v_table);
        END LOOP;
    END $$;
"""
_CLEAN_UP = "DROP FUNCTION zz_fault() CASCADE; DROP TABLE zz_fault; DROP SEQUENCE zz_writes"


class Kind(enum.Enum):
    """What befalls a write."""

    ERROR = enum.auto()
    LOST_CONNECTION = enum.auto()


class Faults:
    """Faults to come; made by :func:`faults`."""

    def __init__(self, superuser: psycopg.Connection) -> None:
        self._superuser = superuser

    @contextlib.contextmanager
    def at(self, write: int, kind: Kind) -> Iterator[None]:
        """Let the ``write``-th row that is written from here on, in whatever table, be the last."""
        self._superuser.execute("ALTER SEQUENCE zz_writes RESTART")
        self._superuser.execute("INSERT INTO zz_fault VALUES (%s, %s)", [write, kind.name])
        try:
            yield
        finally:
            connection.close()
            self._superuser.execute("DELETE FROM zz_fault")

    def writes(self) -> int:
        """Return how many rows were written since :meth:`at`."""
        query = "SELECT last_value FROM zz_writes WHERE is_called"
        row = self._superuser.execute(query).fetchone()
        return 0 if row is None else int(row[0])


@contextlib.contextmanager
def faults() -> Iterator[Faults]:
    """Have the writes counted, as long as it lasts."""
    if not is_superuser():
        pytest.skip("on a given server nobody may end another role's connection")
    connection.close()
    with psycopg.connect(superuser_url(), autocommit=True) as superuser:
        superuser.execute(_SET_UP)
        try:
            yield Faults(superuser)
        finally:
            connection.close()
            superuser.execute(_CLEAN_UP)
