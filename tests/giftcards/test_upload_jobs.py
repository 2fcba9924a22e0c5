"""Workers on large uploads: stopped, dead, many at once; and the clean-up behind them."""

from __future__ import annotations

import io
import itertools
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from alerts.transactions import transaction
from credit.models import AuditEvent
from giftcards.models import CardBatch, GiftCard, StagedCard, UploadJob
from giftcards.services import upload_jobs
from giftcards.services.card_staging import parts_of
from giftcards.services.imports import import_cards
from giftcards.services.large_uploads import (
    ask_to_undo,
    confirm_upload,
    stop_upload,
    sweep_uploads,
)
from giftcards.services.upload_jobs import run_uploads
from giftcards.services.uploads import UploadNotUndoableError
from tests.database import owner_url
from tests.giftcards.receiving import (
    FOUR,
    NOW,
    assert_nothing_staged,
    bring_in,
    check,
    note_of,
    receive,
)
from tests.world import World, build_world

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("small_parts", "no_card_without_a_batch"),
]


@pytest.fixture
def world() -> World:
    return build_world()


class TestStopUpload:
    def test_ends_what_waits_to_be_confirmed(self, world: World) -> None:
        batch = check(world, FOUR)
        assert stop_upload(batch_id=batch.pk, now=NOW)
        batch.refresh_from_db()
        assert (batch.state, batch.accepted, note_of(batch)) == ("stopped", 0, "Stopped by hand.")
        assert_nothing_staged()
        assert not confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="x", now=NOW)
        assert bring_in(world, FOUR).state == "imported"

    def test_leaves_alone_what_has_ended(self, world: World) -> None:
        batch = bring_in(world, FOUR)
        assert not stop_upload(batch_id=batch.pk, now=NOW)
        batch.refresh_from_db()
        assert batch.state == "imported"
        assert GiftCard.objects.count() == 4

    def test_cancels_a_statement_that_runs(self, world: World) -> None:
        """A worker stands still in the middle: it is another import that it waits for."""
        batch = check(world, FOUR)
        confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:7", now=NOW)
        with psycopg.connect(owner_url()) as rival:
            rival.execute("SET giftline.scope = '*'")
            # The code of the last row, not committed yet: the import waits for what becomes of it.
            rival.execute(
                "INSERT INTO giftcards_giftcard (pool_id, brand_id, client_id, code_encrypted,"
                " code_digest, last4, value_minor, currency, source, claim_key)"
                " SELECT p.id, p.brand_id, p.client_id, 'x', s.code_digest, 'x', 2500, 'USD',"
                " 'upload', 1 FROM giftcards_pool p, giftcards_stagedcard s"
                " ORDER BY s.code_digest DESC LIMIT 1"
            )
            worker = threading.Thread(target=run_in_a_thread)
            worker.start()
            wait_for_a_lock(rival)
            assert GiftCard.objects.count() == 0
            assert stop_upload(batch_id=batch.pk, now=NOW)
            worker.join(timeout=10)
            assert not worker.is_alive()
            rival.rollback()
        batch.refresh_from_db()
        assert (batch.state, note_of(batch)) == ("stopped", "Stopped by hand.")
        assert not GiftCard.objects.exists()
        assert_nothing_staged()
        assert bring_in(world, FOUR).state == "imported"


def run_in_a_thread() -> None:
    try:
        run_uploads(now=datetime.now(UTC))
    finally:
        connection.close()


def wait_for_a_lock(observer: psycopg.Connection[Any]) -> None:
    for _ in range(500):
        if observer.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


class TestRunUploads:
    def test_leaves_alone_what_another_worker_has_in_hand(self, world: World) -> None:
        receive(world, FOUR)
        UploadJob.objects.update(leased_until=NOW + timedelta(seconds=5))
        assert run_uploads(now=NOW) == 0
        # Until it is silent for too long.
        assert run_uploads(now=NOW + timedelta(seconds=6)) == 1
        assert CardBatch.objects.get().state == "previewed"

    def test_gives_up_on_what_kills_its_workers(self, world: World) -> None:
        batch_id = receive(world, FOUR)
        UploadJob.objects.update(attempts=upload_jobs.MOST_ATTEMPTS)
        run_uploads(now=NOW)
        assert CardBatch.objects.get(pk=batch_id).state == "failed"
        assert note_of(batch_id) == "The worker died of it several times."
        assert_nothing_staged()

    def test_does_a_step_once_however_many_there_are(self, world: World) -> None:
        batch = check(world, FOUR)
        confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:7", now=NOW)
        workers = [threading.Thread(target=run_in_a_thread) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(timeout=20)
        batch.refresh_from_db()
        assert (batch.state, batch.accepted) == ("imported", 4)
        assert GiftCard.objects.count() == 4
        assert AuditEvent.objects.filter(action="cards.uploaded").count() == 1


class TestAskToUndo:
    def test_takes_the_cards_out_of_stock(self, world: World) -> None:
        others = world.stock(2)
        batch = bring_in(world, FOUR)
        ask_to_undo(batch_id=batch.pk, actor="user:8", now=NOW)
        assert GiftCard.objects.count() == 6
        assert run_uploads(now=NOW) == 1
        batch.refresh_from_db()
        assert batch.state == "undone"
        assert set(GiftCard.objects.all()) == set(others)
        assert AuditEvent.objects.get(action="cards.upload_undone").actor == "user:8"
        assert bring_in(world, FOUR).state == "imported"

    def test_leaves_an_upload_alone_of_which_a_card_was_used(self, world: World) -> None:
        batch = bring_in(world, FOUR)
        GiftCard.objects.filter(last4="BBBB").update(status="expired")
        ask_to_undo(batch_id=batch.pk, actor="user:8", now=NOW)
        run_uploads(now=NOW)
        batch.refresh_from_db()
        assert batch.state == "imported"
        assert note_of(batch) == "1 of its cards are in use or sold, so nothing was undone."
        assert GiftCard.objects.count() == 4
        assert run_uploads(now=NOW) == 0

    def test_refuses_a_second_time(self, world: World) -> None:
        batch = bring_in(world, FOUR)
        ask_to_undo(batch_id=batch.pk, actor="user:8", now=NOW)
        with pytest.raises(UploadNotUndoableError):
            ask_to_undo(batch_id=batch.pk, actor="user:8", now=NOW)
        assert stop_upload(batch_id=batch.pk, now=NOW)
        assert run_uploads(now=NOW) == 0
        batch.refresh_from_db()
        assert batch.state == "imported"

    def test_takes_uploads_that_came_another_way(self, world: World) -> None:
        import_cards(
            pool=world.pool,
            source=io.BytesIO(FOUR.encode()),
            file_name="command.csv",
            mode="all_or_nothing",
            dry_run=False,
            actor="command",
            now=NOW,
        )
        ask_to_undo(batch_id=CardBatch.objects.get().pk, actor="user:8", now=NOW)
        run_uploads(now=NOW)
        assert CardBatch.objects.get().state == "undone"
        assert not GiftCard.objects.exists()


class TestSweepUploads:
    def test_ends_what_broke_off_without_a_word(self, world: World) -> None:
        batch_id = receive(world, FOUR)
        with transaction(), connection.cursor() as cursor:
            # As kill -9 of the web server leaves it.
            cursor.execute("DELETE FROM giftcards_uploadjob")
            cursor.execute("DELETE FROM giftcards_cardbatch")
        CardBatch.objects.create(
            pk=batch_id, pool=world.pool, file_name="x", file_hash=b"", state="receiving", actor="x"
        )
        UploadJob.objects.create(
            batch_id=batch_id,
            step="receive",
            actor="x",
            leased_until=NOW - timedelta(seconds=1),
            changed_at=NOW,
        )
        assert StagedCard.objects.count() == 4
        assert sweep_uploads(now=NOW) == 1
        assert CardBatch.objects.get().state == "failed"
        assert_nothing_staged()
        assert sweep_uploads(now=NOW) == 0

    def test_ends_previews_that_nobody_confirms_for_a_day(self, world: World) -> None:
        batch = check(world, FOUR)
        assert sweep_uploads(now=NOW + timedelta(hours=23)) == 0
        assert StagedCard.objects.count() == 4
        assert sweep_uploads(now=NOW + timedelta(hours=25)) == 1
        batch.refresh_from_db()
        assert (batch.state, note_of(batch)) == (
            "stopped",
            "Nobody has confirmed it within 24 hours.",
        )
        assert_nothing_staged()

    def test_clears_rows_that_belong_to_nothing(self, world: World) -> None:
        receive(world, FOUR)
        with transaction(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM giftcards_uploadjob")
            cursor.execute("DELETE FROM giftcards_cardbatch")
        receive(world, FOUR)
        assert StagedCard.objects.count() == 8
        sweep_uploads(now=NOW)
        assert StagedCard.objects.count() == 4


class TestPartsOf:
    @pytest.mark.parametrize("rows", [0, 1, 3, 7, 100])
    def test_leave_no_gap_and_do_not_overlap(self, rows: int) -> None:
        parts = list(parts_of(rows))
        assert parts[0][0] == b"\0"
        assert parts[-1][1] > b"\xff" * 32
        assert parts[-1][2] == 1.0
        for (_, end, _), (begin, _, _) in itertools.pairwise(parts):
            assert end == begin
        assert len(parts) == min(max(rows // 2, 1), 16)
