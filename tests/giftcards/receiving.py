"""Sending large files of cards, and what becomes of them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from alerts.services.imports import Mode
from credit.selectors.viewers import SYSTEM
from giftcards.models import CardBatch, StagedCard, UploadJob
from giftcards.services.large_uploads import (
    confirm_upload,
)
from giftcards.services.receiving import receive_cards
from giftcards.services.upload_jobs import run_uploads
from tests.world import World

# Leases are kept by the database's clock, so here it is the real time.
NOW = datetime.now(UTC)
FOUR = "code,pin\nGIFT-0001-AAAA,0042\nGIFT-0002-BBBB,\nGIFT-0003-CCCC,\nGIFT-0004-DDDD,\n"


class Dripping:
    """A file that comes in small pieces; at ``break_at`` bytes the line breaks."""

    def __init__(self, content: bytes, *, break_at: int | None = None, step: int = 7) -> None:
        self._file = io.BytesIO(content)
        self._break_at = break_at
        self._step = step

    def read(self, size: int, /) -> bytes:
        if self._break_at is not None and self._file.tell() >= self._break_at:
            raise OSError("connection reset")
        return self._file.read(min(size, self._step))


def receive(world: World, content: str | bytes, **changes: Any) -> UUID:
    raw = content.encode() if isinstance(content, str) else content
    arguments: dict[str, Any] = {
        "viewer": SYSTEM,
        "pool_id": world.pool.pk,
        "source": Dripping(raw),
        "file_name": "million.csv",
        "max_bytes": 10_000_000,
        "now": NOW,
    }
    return receive_cards(**(arguments | changes))


def check(world: World, content: str | bytes) -> CardBatch:
    """Receive a file and have it checked."""
    batch_id = receive(world, content)
    assert run_uploads(now=NOW) == 1
    return CardBatch.objects.get(pk=batch_id)


def bring_in(world: World, content: str | bytes, mode: Mode = "all_or_nothing") -> CardBatch:
    """Receive a file, have it checked, confirm and import it."""
    batch = check(world, content)
    assert confirm_upload(batch_id=batch.pk, mode=mode, actor="user:7", now=NOW)
    assert run_uploads(now=NOW) == 1
    batch.refresh_from_db()
    return batch


def note_of(batch: CardBatch | UUID) -> str:
    return UploadJob.objects.get(pk=getattr(batch, "pk", batch)).note


def assert_nothing_staged() -> None:
    assert not StagedCard.objects.exists()
    assert not UploadJob.objects.filter(due_at__isnull=False).exists()
