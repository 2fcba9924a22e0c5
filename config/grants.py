"""What the runtime role may do with the tables it does not own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg import sql

from alerts.transactions import transaction

_EVERYTHING: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
_NARROWED: Final[Mapping[str, tuple[str, ...]]] = {"django_migrations": ("SELECT",)}
# Any constant will do: it keeps two deployments from granting at once, which PostgreSQL answers
# with "tuple concurrently updated".
_LOCK: Final = 7_426_001

# Partitions are left out: they are reached through their parent, whose grants would otherwise
# be worth nothing.
_OWN_TABLES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relowner = current_user::regrole
      AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
    ORDER BY relname
"""
_OWN_FUNCTIONS: Final = """
    SELECT proname, pg_get_function_identity_arguments(oid) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proowner = current_user::regrole
      AND prokind <> 'p' AND NOT EXISTS (
          SELECT 1 FROM pg_depend
          WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e'
      )
    ORDER BY proname
"""
_ANYBODY_MAY_CREATE: Final = """
    SELECT 1 FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS grants
    WHERE nspname = 'public' AND grants.grantee = 0 AND grants.privilege_type = 'CREATE'
      AND pg_has_role(nspowner, 'USAGE')
"""


class RoleMissingError(Exception):
    """The runtime role does not exist; the text says what to do."""


def grant_to_runtime_role(
    connection: BaseDatabaseWrapper,
    *,
    role: str,
    narrowed: Mapping[str, Iterable[str]],
) -> None:
    """Give the runtime role exactly what it needs, whatever it had before, in one transaction.

    :param connection: of the tables' owner.
    :param narrowed: the privileges on tables where the role must not do everything.
    :raises RoleMissingError: there is no such role.
    """
    grants = {**_NARROWED, **{table: tuple(rights) for table, rights in narrowed.items()}}
    name = sql.Identifier(role)
    with transaction(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if not cursor.fetchone():
            raise RoleMissingError(
                f"The role {role} of DATABASE_URL does not exist. Create it as a superuser:"
                f' CREATE ROLE "{role}" LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD …'
            )
        cursor.execute(_ANYBODY_MAY_CREATE)
        if cursor.fetchone():
            cursor.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        _run(cursor, "GRANT USAGE ON SCHEMA public TO {role}", role=name)
        cursor.execute(_OWN_TABLES)
        for (table,) in cursor.fetchall():
            rights = sql.SQL(", ").join(map(sql.SQL, grants.get(table, _EVERYTHING)))
            on = {"table": sql.Identifier("public", table), "role": name}
            _run(cursor, "REVOKE ALL ON {table} FROM PUBLIC, {role}", **on)
            _run(cursor, "GRANT {rights} ON {table} TO {role}", rights=rights, **on)
        _run(cursor, "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}", role=name)
        cursor.execute(_OWN_FUNCTIONS)
        for function, arguments in cursor.fetchall():
            signature = sql.SQL("{}({})").format(
                sql.Identifier("public", function), sql.SQL(arguments)
            )
            _run(cursor, "REVOKE ALL ON FUNCTION {function} FROM PUBLIC", function=signature)
            _run(cursor, "GRANT EXECUTE ON FUNCTION {f} TO {role}", f=signature, role=name)


def weakness_of_runtime_role(connection: BaseDatabaseWrapper, *, role: str) -> str:
    """Say why the runtime role could walk past the guards; empty when it could not."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT rolsuper, rolbypassrls, pg_has_role(oid, current_user, 'USAGE')
            FROM pg_roles WHERE rolname = %s
            """,
            [role],
        )
        is_superuser, bypasses, is_member = cursor.fetchone() or (False, False, False)
    if is_superuser or bypasses:
        return f"The role {role} is a superuser or has BYPASSRLS: row-level security is off for it."
    if is_member:
        return f"The role {role} is a member of the tables' owner: it can disable their triggers."
    return ""


def _run(cursor: CursorWrapper, statement: str, **parts: sql.Composable) -> None:
    # The identifiers are quoted, so the result is safe; Django's cursor takes it as it is.
    cursor.execute(sql.SQL(statement).format(**parts).as_string(cursor.connection))
