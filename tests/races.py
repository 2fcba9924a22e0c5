"""Everybody at once: threads that start together, each on a database connection of its own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

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
