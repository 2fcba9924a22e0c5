"""Everybody at once: threads that start together, each on a database connection of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

import psycopg
from django.db import connection

from tests.database import owner_url

T = TypeVar("T")
_PATIENCE_SECONDS = 20


def run_at_once(count: int, work: Callable[[], T]) -> list[T | Exception]:
    """Run ``work`` in ``count`` threads that start together; return what each gave or raised."""
    barrier = threading.Barrier(count)

    def run(_number: int) -> T | Exception:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=_PATIENCE_SECONDS)
            return work()
        except Exception as error:  # noqa: BLE001  what each one got is the test's to judge
            return error
        finally:
            connection.close()

    with _without_pool(), ThreadPoolExecutor(count) as threads:
        return list(threads.map(run, range(count)))


@contextlib.contextmanager
def _without_pool() -> Iterator[None]:
    # The pool has 8 connections, as in production; here the company has to be larger.
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    pool = options.pop("pool", None)
    try:
        yield
    finally:
        connection.close()
        if pool is not None:
            options["pool"] = pool


class Locked:
    """A row that another connection holds, until it is released."""

    def __init__(self, table: str, key: UUID) -> None:
        self._connection = psycopg.connect(owner_url())
        self._connection.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", [key])
        self._observer = psycopg.connect(owner_url(), autocommit=True)

    def __enter__(self) -> Locked:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._observer.close()

    def release(self) -> None:
        if not self._connection.closed:
            self._connection.rollback()
            self._connection.close()

    def wait_until_blocked(self, *, blocked: int) -> None:
        """Wait until so many connections wait for a lock, one behind the other."""
        _wait_until_blocked(self._observer, blocked=blocked)


def overtake(work: Callable[[], T], *, by: str, parameters: Sequence[object]) -> T:
    """Begin ``work`` while another has written and not committed yet; return what it gives then.

    :param by: the other's statement; the work has to come to a row of it.
    """

    def run() -> T:
        try:
            return work()
        finally:
            connection.close()

    with (
        psycopg.connect(owner_url(), autocommit=True) as observer,
        ThreadPoolExecutor(1) as threads,
        psycopg.connect(owner_url()) as other,
    ):
        other.execute(by.encode(), parameters)
        worker = threads.submit(run)
        _wait_until_blocked(observer, blocked=1)
        other.commit()
        return worker.result()


def _wait_until_blocked(observer: psycopg.Connection, *, blocked: int) -> None:
    for _ in range(1000):
        row = observer.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND cardinality(pg_blocking_pids(pid)) > 0"
        ).fetchone()
        assert row is not None
        if row[0] >= blocked:
            return
        time.sleep(0.005)
    raise AssertionError("nobody came to the lock")
