"""Keeping what is about people no longer than it is needed: rules, and how one is applied."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from alerts.transactions import durable, transaction

_ROWS_AT_ONCE: Final = 2_000
# The first night on old data leaves the rest to the next.
_MOST_ROWS: Final = 200_000
_COUNT: Final = "SELECT count(*) FROM {table} WHERE {due}"
_FIND: Final = "SELECT {key} FROM {table} WHERE {due} LIMIT {most}"
_PIECE: Final = (
    "(SELECT {key} FROM {table} WHERE {key} = ANY (%(keys)s) AND {due}"
    " ORDER BY {key} FOR NO KEY UPDATE SKIP LOCKED)"
)
_EMPTY: Final = "UPDATE {table} SET {changes} WHERE {key} IN " + _PIECE  # noqa: S608
_DELETE: Final = "DELETE FROM {table} WHERE {key} IN " + _PIECE  # noqa: S608


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """What of a table goes once it is older than a setting says.

    :param setting: how long it is kept, in seconds; 0 keeps it for ever.
    :param words: what goes, for operators.
    :param due: SQL, true of a row whose time has come and in which something is left;
        ``%(before)s`` is the moment.
    :param changes: SQL of what is emptied; None deletes the row.
    """

    name: str
    setting: str
    words: str
    table: str
    key: str = "id"
    due: str
    changes: str | None

    @property
    def kept_seconds(self) -> float:
        """How long, as it is set."""
        return float(getattr(settings, self.setting))


def list_rules() -> tuple[RetentionRule, ...]:
    """Return the rules of all apps, in the order of ``settings.RETENTION_RULES``.

    :raises ValueError: two rules share a name.
    """
    return _import_rules(tuple(settings.RETENTION_RULES))


@cache
def _import_rules(paths: tuple[str, ...]) -> tuple[RetentionRule, ...]:
    rules: dict[str, RetentionRule] = {}
    for path in paths:
        for rule in import_string(path):
            if rule.name in rules:
                raise ValueError(f"{path} has a second rule named {rule.name}")
            rules[rule.name] = rule
    return tuple(rules.values())


def count_due(rule: RetentionRule, *, now: datetime) -> int:
    """Return how many rows a run at ``now`` would empty."""
    if not rule.kept_seconds:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_put(_COUNT, rule), {"before": _before(rule, now)})
        return int(cursor.fetchone()[0])


@durable
def apply_rule(rule: RetentionRule, *, now: datetime) -> int:
    """Empty what is older than a rule keeps it, in pieces; return how many rows it was.

    Each piece is a transaction of its own that passes over what somebody has locked and looks
    again whether it is due, so that two at once share the work and nobody waits long.
    """
    if not rule.kept_seconds:
        return 0
    before = _before(rule, now)
    # The table is read once; a search for every piece would read what is emptied again and again.
    with connection.cursor() as cursor:
        cursor.execute(_put(_FIND, rule), {"before": before})
        keys = [key for (key,) in cursor.fetchall()]
    change = _put(_DELETE if rule.changes is None else _EMPTY, rule)
    done = 0
    for start in range(0, len(keys), _ROWS_AT_ONCE):
        piece = keys[start : start + _ROWS_AT_ONCE]
        with transaction(), connection.cursor() as cursor:
            cursor.execute(change, {"keys": piece, "before": before})
            done += cursor.rowcount
    return done


def _before(rule: RetentionRule, now: datetime) -> datetime:
    return now - timedelta(seconds=rule.kept_seconds)


def _put(statement: str, rule: RetentionRule) -> str:
    # The rules are ours, and nothing in them comes from outside.
    return statement.format(
        table=rule.table, key=rule.key, due=rule.due, changes=rule.changes, most=_MOST_ROWS
    )
