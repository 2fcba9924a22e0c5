"""kill -9 of who receives or imports a large file: nothing half written, and another goes on."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from credit.models import AuditEvent
from credit.selectors.viewers import SYSTEM
from giftcards.models import CardBatch, GiftCard, StagedCard, UploadJob
from giftcards.services.large_uploads import confirm_upload, sweep_uploads
from giftcards.services.receiving import receive_cards
from giftcards.services.upload_jobs import run_uploads
from tests.crash.test_redeem import wait_until_blocked, wait_until_gone
from tests.database import owner_url
from tests.giftcards.receiving import Dripping
from tests.invariants import broken_invariants
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 200
FILE = ("code\n" + "".join(f"GIFT-{number:04d}-AAAA\n" for number in range(ROWS))).encode()
START = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from datetime import UTC, datetime
from alerts.scope import EVERYTHING, seeing
"""
WORKER = (
    START
    + """
from giftcards.services.upload_jobs import run_uploads
print("ready", flush=True)
run_uploads(now=datetime.now(UTC))
print("done", flush=True)
"""
)
# Receives what comes by its standard input, as the web server does by a connection.
RECEIVER = (
    START
    + """
from credit.selectors.viewers import SYSTEM
from giftcards.services import receiving
receiving._ROWS_A_TRANSACTION = 50
print("ready", flush=True)
receiving.receive_cards(viewer=SYSTEM, pool_id=sys.argv[1], source=sys.stdin.buffer.raw,
    file_name="x.csv", max_bytes=10**9, now=datetime.now(UTC))
"""
)


@pytest.fixture
def world() -> World:
    return build_world()


@contextmanager
def program(text: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program that says when it is ready; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", text, *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


@contextmanager
def rival_code() -> Iterator[psycopg.Connection[Any]]:
    """Hold the last of the staged codes, uncommitted: an import of it waits."""
    with psycopg.connect(owner_url()) as rival:
        rival.execute("SET giftline.scope = '*'")
        rival.execute(
            "INSERT INTO giftcards_giftcard (pool_id, brand_id, client_id, code_encrypted,"
            " code_digest, last4, value_minor, currency, source, claim_key)"
            " SELECT p.id, p.brand_id, p.client_id, 'x', s.code_digest, 'x', 2500, 'USD',"
            " 'upload', 1 FROM giftcards_pool p, giftcards_stagedcard s"
            " ORDER BY s.code_digest DESC LIMIT 1"
        )
        yield rival
        rival.rollback()


class TestKilledWhileImporting:
    def test_leaves_nothing_and_the_next_worker_begins_anew(self, world: World) -> None:
        now = datetime.now(UTC)
        batch_id = receive_cards(
            viewer=SYSTEM,
            pool_id=world.pool.pk,
            source=Dripping(FILE, step=999),
            file_name="x.csv",
            max_bytes=10**9,
            now=now,
        )
        run_uploads(now=now)
        confirm_upload(batch_id=batch_id, mode="all_or_nothing", actor="user:1", now=now)
        with rival_code() as rival:
            with program(WORKER) as worker:
                backend = wait_until_blocked(rival)
                # The watch keeps the lease: nobody else comes.
                assert run_uploads(now=datetime.now(UTC)) == 0
                worker.kill()
                worker.wait()
            assert not GiftCard.objects.filter(batch_id=batch_id).exists()
            assert CardBatch.objects.get().state == "importing"
            # Not before the lease is over, and then as if nothing had been.
            assert run_uploads(now=datetime.now(UTC)) == 0
            rival.rollback()
        wait_until_gone(backend)
        assert not GiftCard.objects.exists()
        assert StagedCard.objects.count() == ROWS
        assert run_uploads(now=datetime.now(UTC) + timedelta(minutes=1)) == 1
        batch = CardBatch.objects.get()
        assert (batch.state, batch.accepted) == ("imported", ROWS)
        assert GiftCard.objects.filter(batch=batch).count() == ROWS
        assert AuditEvent.objects.filter(action="cards.uploaded").count() == 1
        assert not StagedCard.objects.exists()
        assert broken_invariants() == {}


class TestKilledWhileReceiving:
    def test_is_cleared_away_and_can_be_uploaded_again(self, world: World) -> None:
        with program(RECEIVER, str(world.pool.pk)) as receiver:
            assert receiver.stdin is not None
            # Enough for several of its transactions, and then the line is silent.
            receiver.stdin.write(FILE[:-200])
            receiver.stdin.flush()
            deadline = time.monotonic() + 10
            while StagedCard.objects.count() < 150 and time.monotonic() < deadline:
                time.sleep(0.02)
        assert 0 < StagedCard.objects.count() < ROWS
        batch = CardBatch.objects.get()
        assert (batch.state, batch.rows) == ("receiving", 0)
        assert not GiftCard.objects.exists()
        assert sweep_uploads(now=datetime.now(UTC)) == 0
        assert sweep_uploads(now=datetime.now(UTC) + timedelta(minutes=6)) == 1
        batch.refresh_from_db()
        assert batch.state == "failed"
        assert UploadJob.objects.get().note == "It broke off before all of it was received."
        assert not StagedCard.objects.exists()
        now = datetime.now(UTC)
        receive_cards(
            viewer=SYSTEM,
            pool_id=world.pool.pk,
            source=Dripping(FILE, step=999),
            file_name="x.csv",
            max_bytes=10**9,
            now=now,
        )
        run_uploads(now=now)
        assert CardBatch.objects.get(state="previewed").accepted == ROWS
