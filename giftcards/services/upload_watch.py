"""Somebody beside a long transaction: keeps its lease, tells how far it is, and hears "stop"."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final
from uuid import UUID

import psycopg
import structlog
from django.db import Error, OperationalError, connection

from alerts.scope import EVERYTHING, seeing
from giftcards.services.upload_ends import UploadStoppedError

log = structlog.get_logger()

# Who is silent for so long has died; another worker begins anew.
LEASE_SECONDS: Final = 30
_BEAT_SECONDS: Final = 0.5
_CANCEL_SECONDS: Final = 5.0

# By the database's clock, and on a connection of its own: what the long transaction writes itself
# is seen by nobody until it ends, and then it is too late to stop it.
_BEAT: Final = """
    UPDATE giftcards_uploadjob
    SET rows_done = %s, leased_until = clock_timestamp() + make_interval(secs => %s)
    WHERE batch_id = %s RETURNING stop_asked_at IS NOT NULL
"""


class UploadWatch:
    """Watches over the block that works on an upload.

    :raises UploadStoppedError: out of the block, once somebody has asked for it to be stopped; a
        statement that is running is cancelled, and its transaction rolls back.
    """

    def __init__(self, *, batch_id: UUID) -> None:
        self._batch_id = batch_id
        self._rows_done = 0
        self._is_stopped = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upload watch", daemon=True)
        self._working: psycopg.Connection[object] | None = None

    def tell(self, rows: int) -> None:
        """Hear how many rows are done.

        :raises UploadStoppedError: it has been stopped meanwhile.
        """
        self._rows_done = rows
        if self._is_stopped.is_set():
            raise UploadStoppedError

    def __enter__(self) -> UploadWatch:
        connection.ensure_connection()
        self._working = connection.connection
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join()
        is_cancelled = isinstance(error, OperationalError) and isinstance(
            error.__cause__, psycopg.errors.QueryCanceled
        )
        if is_cancelled and self._is_stopped.is_set():
            raise UploadStoppedError from error

    def _run(self) -> None:
        try:
            with seeing(EVERYTHING):
                while not self._is_over.is_set():
                    self._beat()
                    self._is_over.wait(_BEAT_SECONDS)
        finally:
            connection.close()

    def _beat(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute(_BEAT, [self._rows_done, LEASE_SECONDS, self._batch_id])
                is_stopped = any(asked for (asked,) in cursor.fetchall())
        except Error as error:
            # The work itself will meet the same trouble, or live on: its lease tells.
            log.warning("an upload's watch missed a beat", error=type(error).__name__)
            connection.close()
            return
        if is_stopped and not self._is_stopped.is_set():
            self._is_stopped.set()
            if self._working is not None:
                self._working.cancel_safe(timeout=_CANCEL_SECONDS)
