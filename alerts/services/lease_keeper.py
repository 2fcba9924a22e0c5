"""The thread of a worker that makes the leases of what it runs longer: Note [Job lease]."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, connection

from alerts.services.job_leases import LEASE, extend_leases

log = structlog.get_logger()


class LeaseKeeper:
    """Knows the leases this process holds; asks the database only about runs that take long."""

    def __init__(self, *, every_seconds: float) -> None:
        self._every_seconds = every_seconds
        self._lock = threading.Lock()
        self._holders: set[UUID] = set()
        self._thread: threading.Thread | None = None
        self._pid = 0

    @contextlib.contextmanager
    def keep(self, holder: UUID) -> Iterator[None]:
        """Keep a lease inside the block."""
        with self._lock:
            # A forked worker inherits the object but not the thread, nor what its parent held.
            if self._thread is None or self._pid != os.getpid():
                self._pid, self._holders = os.getpid(), set()
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            self._holders.add(holder)
        try:
            yield
        finally:
            with self._lock:
                self._holders.discard(holder)

    def _run(self) -> None:
        rest = threading.Event()
        known: set[UUID] = set()
        while True:
            rest.wait(self._every_seconds)
            with self._lock:
                # Whoever began since the last round has a fresh lease.
                old, known = known & self._holders, set(self._holders)
            if old:
                self._extend(sorted(old))

    def _extend(self, holders: list[UUID]) -> None:
        try:
            extend_leases(holders=holders)
        except DatabaseError as error:
            # There are three more rounds before the leases end.
            log.warning("[JOB] Leases not extended", error=type(error).__name__)
        finally:
            connection.close()


KEEPER: Final = LeaseKeeper(every_seconds=LEASE.total_seconds() / 5)
