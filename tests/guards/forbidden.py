"""What the database refuses, guard by guard: see ``test_every_guard``."""

from __future__ import annotations

import dataclasses

from django.apps import apps


@dataclasses.dataclass(frozen=True)
class Forbidden:
    """A statement that one guard refuses, and that goes through once that guard is gone.

    :param guard: the trigger's or constraint's name; ``table`` is where it is.
    :param as_application: done by the runtime role, since the owner is exempt from the guard.
    :param without: guards that stand in front of this one, switched off in both runs.
    """

    guard: str
    table: str
    sql: str
    as_application: bool = False
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.table}.{self.guard}"


def copy_row(table: str, where: str = "true", **changes: str) -> str:
    """Return the statement that inserts a row like one that is there, but for ``changes``."""
    pairs = ", ".join(f"'{column}', {expression}" for column, expression in changes.items())
    (model,) = (model for model in apps.get_models() if model._meta.db_table == table)
    # What the database computes can't be copied.
    columns = [f'"{field.column}"' for field in model._meta.local_fields if not field.generated]
    copied = ", ".join(f"(c).{column}" for column in columns)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {copied} FROM ("
        f"SELECT jsonb_populate_record(t, jsonb_build_object({pairs})) AS c"
        f" FROM {table} t WHERE {where} LIMIT 1) copies"
    )


NEW = "gen_random_uuid()"
NOW_CHECK = "; SET CONSTRAINTS ALL IMMEDIATE"


def append_only(table: str, column: str) -> list[Forbidden]:
    """Return what is forbidden of rows that are never changed."""
    return [
        Forbidden("refuse_change", table, f"UPDATE {table} SET {column} = {column}"),
        Forbidden("refuse_change", table, f"DELETE FROM {table}"),
        Forbidden("refuse_truncate", table, f"TRUNCATE {table} CASCADE"),
    ]


def never_removed(table: str, where: str = "true") -> list[Forbidden]:
    """Return what is forbidden of rows that change but stay."""
    return [
        Forbidden("refuse_removal", table, f"DELETE FROM {table} WHERE {where}"),
        Forbidden("refuse_truncate", table, f"TRUNCATE {table} CASCADE"),
    ]
