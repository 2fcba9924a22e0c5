"""Receiving a large file of cards: sealed row by row as it comes, and never held as a whole.

Note [Large uploads]
A file of a million cards is money in plain text, tens of megabytes of it. It rests on no disk, in
no queue and in no memory: each row is checked and encrypted as its bytes arrive, and staged. What
follows is a worker's, and nobody's who waits at a screen: comparing the staged rows with each other
and with the stock, and, once somebody has looked at the figures and confirmed them, making cards of
them in one transaction. Rows are staged in short transactions of their own, because a slow line
takes minutes, and a transaction that is open for so long keeps the whole database from tidying up.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db.models.functions import Now

from alerts.csvfiles import ByteSource, FileProblem, read_rows
from alerts.errors import ServiceError, ValidationFailedError
from alerts.keyring import digest
from alerts.queue import ring_bell
from alerts.scope import EVERYTHING, seeing
from alerts.services.imports import (
    FileTooLargeError,
    Rejects,
    check_mapping,
    clean_file_name,
    error_of,
)
from alerts.transactions import durable, transaction
from credit.selectors.viewers import Viewer
from giftcards.models import CardBatch, Pool, UploadJob
from giftcards.services.card_rows import FIELDS, REQUIRED, copy_lines
from giftcards.services.card_staging import stage_cards, tell_nobody
from giftcards.services.upload_ends import UploadStoppedError, end_upload, forget_upload
from giftcards.services.upload_rules import pattern_for, refuse_known_file
from giftcards.services.uploads import find_pool_to_fill

WORK_TASK: Final = "giftcards.tasks.run_uploads"
# From a screen far away a megabyte may take a minute; who is silent for longer is gone.
PATIENCE: Final = timedelta(minutes=5)
_ROWS_A_TRANSACTION: Final = 10_000


@durable
def receive_cards(
    *,
    viewer: Viewer,
    pool_id: UUID,
    source: ByteSource,
    file_name: str,
    max_bytes: int,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    first_line: int = 1,
) -> UUID:
    """Take in a file of any length for one of the viewer's pools; return the upload's id.

    Nothing comes into stock yet: a worker checks what was received, and then somebody confirms.
    Of a file that is refused nothing is kept. If the sender breaks off, the upload ends as failed;
    if this process dies, ``sweep_uploads`` ends it.

    :param source: read once, from where it stands.
    :raises PoolNotFoundError: the pool is not the viewer's to fill (GC-111).
    :raises FileTooLargeError: it has more than ``max_bytes`` (GC-116).
    :raises FileAlreadyUploadedError: GC-114.
    :raises UploadStoppedError: somebody has stopped it from another page (GC-115).
    :raises ValidationFailedError: the file can't be read, or the pool takes no uploads (GC-012).
    """
    check_mapping(mapping or {}, fields=FIELDS)
    pool = find_pool_to_fill(viewer=viewer, pool_id=pool_id)
    pattern = pattern_for(pool)
    counted = _CountedSource(source, max_bytes=max_bytes)
    rejects = Rejects()
    batch_id = uuid4()
    with seeing(EVERYTHING):
        _begin(batch_id, pool=pool, file_name=file_name, actor=viewer.actor, now=now)
        with _ended_unless_whole(batch_id, now=now):
            rows = read_rows(
                counted, fields=FIELDS, required=REQUIRED, mapping=mapping, first_line=first_line
            )
            lines = copy_lines(
                rows, batch_id=batch_id, pattern=pattern, today=now.date(), rejects=rejects
            )
            staged = _stage(batch_id, lines, rejects)
            if not staged and not rejects.rows:
                raise ValidationFailedError(errors={"file": ["The file has no rows."]})
            file_hash = counted.digest()
            refuse_known_file(brand_id=pool.brand_id, file_hash=file_hash)
            _pass_on(batch_id, staged=staged, rejects=rejects, file_hash=file_hash, now=now)
    ring_bell(WORK_TASK)
    return batch_id


@dataclasses.dataclass
class _CountedSource:
    """A file that knows how much of it was read, stops when that is too much, and has a digest."""

    source: ByteSource
    max_bytes: int
    _count: int = 0
    _sha256: Any = dataclasses.field(default_factory=hashlib.sha256)

    def read(self, size: int, /) -> bytes:
        chunk = self.source.read(size)
        self._count += len(chunk)
        if self._count > self.max_bytes:
            raise FileTooLargeError(
                errors={"file": [f"The file is over {self.max_bytes / 2**20:,.0f} MB."]}
            )
        self._sha256.update(chunk)
        return chunk

    def digest(self) -> bytes:
        """Return what ``digest_file`` would say of what was read."""
        return digest(self._sha256.hexdigest(), purpose="card_file")


def _begin(batch_id: UUID, *, pool: Pool, file_name: str, actor: str, now: datetime) -> None:
    with transaction():
        CardBatch.objects.create(
            pk=batch_id,
            pool=pool,
            file_name=clean_file_name(file_name),
            file_hash=b"",
            state=CardBatch.State.RECEIVING,
            actor=actor,
            created_at=now,
        )
        UploadJob.objects.create(
            batch_id=batch_id,
            step=UploadJob.Step.RECEIVE,
            actor=actor,
            leased_until=Now() + PATIENCE,
            changed_at=now,
        )


def _stage(batch_id: UUID, lines: Iterator[str], rejects: Rejects) -> int:
    """Stage all lines, some thousands in each transaction; return how many there were."""
    staged = 0
    job = UploadJob.objects.filter(batch_id=batch_id, stop_asked_at=None)
    # The line may be slow: the transaction begins when its rows are there.
    while block := list(itertools.islice(lines, _ROWS_A_TRANSACTION)):
        with transaction():
            staged += stage_cards(block, after_block=tell_nobody)
            done = staged + rejects.rows
            if not job.update(rows_done=done, leased_until=Now() + PATIENCE):
                raise UploadStoppedError
    return staged


def _pass_on(
    batch_id: UUID, *, staged: int, rejects: Rejects, file_hash: bytes, now: datetime
) -> None:
    """Leave what was received to a worker."""
    problems = [problem._asdict() for problem in rejects.problems]
    with transaction():
        CardBatch.objects.filter(pk=batch_id).update(
            state=CardBatch.State.CHECKING,
            file_hash=file_hash,
            rows=staged + rejects.rows,
            rejected=rejects.rows,
            rejects=problems,
        )
        UploadJob.objects.filter(pk=batch_id).update(
            step=UploadJob.Step.CHECK,
            rows_done=0,
            rows_total=staged,
            rejects=problems,
            rejected=rejects.rows,
            due_at=now,
            leased_until=None,
            changed_at=now,
        )


@contextlib.contextmanager
def _ended_unless_whole(batch_id: UUID, *, now: datetime) -> Iterator[None]:
    """Clear away what was received when the block raises."""
    is_told = is_whole = False
    try:
        yield
        is_whole = True
    except UploadStoppedError:
        end_upload(
            batch_id=batch_id,
            state=CardBatch.State.STOPPED,
            note="Stopped while it was being received.",
            now=now,
        )
        is_told = True
        raise
    except (ServiceError, FileProblem) as problem:
        # Whoever sends it is told, and there was never anything to look at.
        forget_upload(batch_id=batch_id)
        is_told = True
        if isinstance(problem, FileProblem):
            raise error_of(problem) from problem
        raise
    finally:
        if not (is_whole or is_told):
            end_upload(
                batch_id=batch_id,
                state=CardBatch.State.FAILED,
                note="It broke off before all of it was received.",
                now=now,
            )
