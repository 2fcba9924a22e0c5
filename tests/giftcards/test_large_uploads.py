"""Large files of cards: received row by row, checked and imported by a worker, all or nothing."""

from __future__ import annotations

import io
import itertools
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from alerts.errors import ValidationFailedError
from alerts.services.imports import FileAlreadyUploadedError, FileTooLargeError, Mode
from alerts.transactions import transaction
from credit.models import AuditEvent
from credit.selectors.viewers import SYSTEM, Viewer
from giftcards.models import CardBatch, GiftCard, Pool, StagedCard, UploadJob
from giftcards.services import card_staging, upload_jobs, upload_rules
from giftcards.services.card_staging import parts_of
from giftcards.services.imports import import_cards
from giftcards.services.large_uploads import (
    ask_to_undo,
    confirm_upload,
    stop_upload,
    sweep_uploads,
)
from giftcards.services.receiving import receive_cards
from giftcards.services.secrets import open_field
from giftcards.services.upload_ends import UploadStoppedError
from giftcards.services.upload_jobs import run_uploads
from giftcards.services.upload_watch import UploadWatch
from giftcards.services.uploads import PoolNotFoundError, UploadNotUndoableError
from tests.database import owner_url
from tests.giftcards.files import BAD_FILES, BAD_ROWS, CODE_HINT, GOOD_FILES, SAVE_AS_HINT
from tests.giftcards.test_imports import dump_all_tables
from tests.invariants import broken_invariants
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# Leases are kept by the database's clock, so here it is the real time.
NOW = datetime.now(UTC)
FOUR = "code,pin\nGIFT-0001-AAAA,0042\nGIFT-0002-BBBB,\nGIFT-0003-CCCC,\nGIFT-0004-DDDD,\n"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a few rows go through as many parts and transactions as many do."""
    monkeypatch.setattr(card_staging, "_PART_ROWS", 2)
    monkeypatch.setattr("giftcards.services.receiving._ROWS_A_TRANSACTION", 2)


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


class TestReceiveCards:
    def test_stages_sealed_rows_and_nothing_else(self, world: World) -> None:
        batch = CardBatch.objects.get(pk=receive(world, FOUR + "SHORT,\n"))
        assert (batch.state, batch.rows, batch.rejected) == ("checking", 5, 1)
        assert batch.rejects == [{"line": 6, "field": "code", "message": CODE_HINT}]
        assert (batch.pool, batch.file_name, batch.actor) == (world.pool, "million.csv", "system")
        job = UploadJob.objects.get()
        assert (job.step, job.rows_total, job.due_at, job.leased_until) == ("check", 4, NOW, None)
        assert not GiftCard.objects.exists()
        staged = StagedCard.objects.order_by("line")
        assert [row.line for row in staged] == [2, 3, 4, 5]
        assert open_field(staged[0].code_encrypted, field="code") == "GIFT-0001-AAAA"
        everything = dump_all_tables()
        assert "giftcards_stagedcard" in everything
        assert "GIFT-" not in everything
        assert "0001AAAA" not in everything

    def test_gives_the_file_the_digest_by_which_small_uploads_know_it(self, world: World) -> None:
        batch_id = receive(world, FOUR)
        sweep_uploads(now=NOW)
        import_cards(
            pool=world.pool,
            source=io.BytesIO(FOUR.encode()),
            file_name="small.csv",
            mode="all_or_nothing",
            dry_run=False,
            actor="user:1",
            now=NOW,
        )
        large, small = (
            CardBatch.objects.get(pk=batch_id),
            CardBatch.objects.get(file_name="small.csv"),
        )
        assert bytes(large.file_hash) == bytes(small.file_hash)

    @pytest.mark.parametrize("content", GOOD_FILES)
    def test_reads_files_as_people_send_them(self, world: World, content: bytes) -> None:
        assert bring_in(world, content).accepted == 1
        card = GiftCard.objects.get()
        assert open_field(card.code_encrypted, field="code") == "00123456"

    @pytest.mark.parametrize(("row", "problems"), BAD_ROWS)
    def test_says_what_is_wrong_with_a_row(
        self, world: World, row: str, problems: list[tuple[str, str]]
    ) -> None:
        batch = check(world, f"code,pin,number,expires_on\nGIFT-9999-ZZZZ,,,\n{row}\n")
        assert (batch.state, batch.accepted, batch.rejected) == ("previewed", 1, 1)
        assert batch.rejects == [
            {"line": 3, "field": field, "message": message} for field, message in problems
        ]
        assert not GiftCard.objects.exists()

    @pytest.mark.parametrize(("content", "message"), BAD_FILES)
    def test_keeps_nothing_of_what_is_no_file_of_cards(
        self, world: World, content: bytes, message: str
    ) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            receive(world, content)
        assert caught.value.errors == {"file": [message]}
        assert_nothing_staged()
        assert not CardBatch.objects.exists()
        assert not UploadJob.objects.exists()

    def test_keeps_nothing_of_a_file_that_turns_bad_at_its_last_row(self, world: World) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            receive(world, FOUR.encode() + b"GIFT-\xff-0005,\n")
        assert caught.value.errors == {
            "file": [f"Line 6 has unreadable characters. {SAVE_AS_HINT}"]
        }
        assert_nothing_staged()
        assert not CardBatch.objects.exists()

    def test_takes_so_many_bytes_and_no_more(self, world: World) -> None:
        size = len(FOUR)
        with pytest.raises(FileTooLargeError):
            receive(world, FOUR, max_bytes=size - 1)
        assert_nothing_staged()
        assert not CardBatch.objects.exists()
        receive(world, FOUR, max_bytes=size)

    def test_refuses_a_file_that_was_imported_before(self, world: World) -> None:
        first = bring_in(world, FOUR)
        with pytest.raises(FileAlreadyUploadedError) as caught:
            receive(world, FOUR)
        assert caught.value.batch_id == first.pk
        assert_nothing_staged()
        assert CardBatch.objects.count() == 1

    @pytest.mark.parametrize(
        "changes", [{"archived_at": NOW}, {"purchase_method": Pool.PurchaseMethod.API_ONLY}]
    )
    def test_refuses_a_pool_that_takes_no_uploads(
        self, world: World, changes: dict[str, Any]
    ) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(**changes)
        with pytest.raises(ValidationFailedError) as caught:
            receive(world, FOUR)
        assert list(caught.value.errors) == ["pool"]
        assert not CardBatch.objects.exists()

    def test_refuses_a_stranger(self, world: World) -> None:
        with pytest.raises(PoolNotFoundError):
            receive(world, FOUR, viewer=Viewer(actor="user:9"))
        assert not CardBatch.objects.exists()

    def test_ends_when_the_sender_breaks_off(self, world: World) -> None:
        with pytest.raises(OSError, match="connection reset"):
            receive(world, b"", source=Dripping(FOUR.encode(), break_at=60))
        batch = CardBatch.objects.get()
        assert (batch.state, note_of(batch)) == (
            "failed",
            "It broke off before all of it was received.",
        )
        assert_nothing_staged()
        assert bring_in(world, FOUR).state == "imported"

    def test_ends_when_somebody_stops_it_elsewhere(self, world: World) -> None:
        class Stopping(Dripping):
            def read(self, size: int, /) -> bytes:
                if self._file.tell() > 60:
                    assert stop_upload(batch_id=CardBatch.objects.get().pk, now=NOW)
                return super().read(size)

        with pytest.raises(UploadStoppedError):
            receive(world, b"", source=Stopping(FOUR.encode()))
        assert CardBatch.objects.get().state == "stopped"
        assert_nothing_staged()


class TestCheckUpload:
    def test_counts_what_would_happen_and_writes_no_card(self, world: World) -> None:
        elsewhere = Pool.objects.create(
            name="Master", brand=world.brand, denomination=world.denomination, kind="master"
        )
        bring_in(world, "code\nGIFT-0003-CCCC\n")
        import_cards(
            pool=elsewhere,
            source=io.BytesIO(b"code\nGIFT-0004-DDDD\n"),
            file_name="other.csv",
            mode="all_or_nothing",
            dry_run=False,
            actor="user:1",
            now=NOW,
        )
        batch = check(world, FOUR + "SHORT,\ngift0001aaaa,\n")
        assert (batch.state, batch.rows, batch.accepted, batch.rejected) == ("previewed", 6, 2, 4)
        assert batch.rejects == [
            {"line": 4, "field": "code", "message": "This code is in this pool already."},
            {
                "line": 5,
                "field": "code",
                "message": "This code is in another pool of this brand already.",
            },
            {"line": 6, "field": "code", "message": CODE_HINT},
            {"line": 7, "field": "code", "message": "The same code is on line 2."},
        ]
        assert GiftCard.objects.count() == 2
        assert run_uploads(now=NOW) == 0

    def test_says_that_a_crash_of_the_database_has_lost_the_rows(self, world: World) -> None:
        batch_id = receive(world, FOUR)
        StagedCard.objects.all().delete()
        run_uploads(now=NOW)
        assert CardBatch.objects.get(pk=batch_id).state == "failed"
        assert "The database was restarted" in note_of(batch_id)
        assert bring_in(world, FOUR).state == "imported"


class TestImportUpload:
    def test_makes_a_card_of_each_good_row(self, world: World) -> None:
        batch = bring_in(world, FOUR + "SHORT,\nGIFT-0001-AAAA,\n", mode="valid_rows")
        assert (batch.state, batch.rows, batch.accepted, batch.rejected) == ("imported", 6, 4, 2)
        assert GiftCard.objects.filter(batch=batch, pool=world.pool).count() == 4
        card = GiftCard.objects.get(last4="AAAA")
        # Of two lines with one code it is the first that counts.
        assert open_field(card.pin_encrypted, field="pin") == "0042"
        assert (card.value_minor, card.currency, card.source) == (2500, "USD", "upload")
        assert card.client == world.client
        event = AuditEvent.objects.get(action="cards.uploaded")
        assert (event.actor, event.object_id, event.client) == (
            "user:7",
            str(batch.pk),
            world.client,
        )
        assert_nothing_staged()
        assert broken_invariants() == {}

    def test_makes_none_where_all_was_confirmed_and_one_went_bad(self, world: World) -> None:
        batch = check(world, FOUR)
        bring_in(world, "code\nGIFT-0003-CCCC\n")
        confirm_upload(batch_id=batch.pk, mode="all_or_nothing", actor="user:7", now=NOW)
        run_uploads(now=NOW)
        batch.refresh_from_db()
        assert (batch.state, batch.accepted, batch.rejected) == ("refused", 0, 1)
        assert batch.rejects[0]["line"] == 4
        assert GiftCard.objects.count() == 1
        assert_nothing_staged()

    def test_makes_the_rest_where_the_good_rows_were_confirmed(self, world: World) -> None:
        batch = check(world, FOUR + "SHORT,\n")
        bring_in(world, "code\nGIFT-0003-CCCC\n")
        confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:7", now=NOW)
        run_uploads(now=NOW)
        batch.refresh_from_db()
        assert (batch.state, batch.accepted, batch.rejected) == ("imported", 3, 2)
        assert [reject["line"] for reject in batch.rejects] == [4, 6]
        assert GiftCard.objects.count() == 4

    def test_takes_the_same_file_once(self, world: World) -> None:
        first, second = check(world, FOUR), check(world, FOUR)
        for batch in (first, second):
            confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:7", now=NOW)
            UploadJob.objects.filter(pk=second.pk).update(due_at=NOW + timedelta(seconds=1))
        assert run_uploads(now=NOW + timedelta(seconds=1)) == 2
        first.refresh_from_db()
        second.refresh_from_db()
        assert (first.state, second.state) == ("imported", "failed")
        assert note_of(second) == "The same file was imported meanwhile."
        assert GiftCard.objects.count() == 4
        assert_nothing_staged()

    def test_makes_none_in_a_pool_that_was_archived_meanwhile(self, world: World) -> None:
        batch = check(world, FOUR)
        Pool.objects.filter(pk=world.pool.pk).update(archived_at=NOW)
        confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:7", now=NOW)
        run_uploads(now=NOW)
        batch.refresh_from_db()
        assert (batch.state, note_of(batch)) == ("failed", "This pool is archived.")
        assert not GiftCard.objects.exists()
        assert_nothing_staged()

    def test_rings_for_those_who_wait(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        rings: list[str] = []
        monkeypatch.setattr(upload_rules, "ring_bell", rings.append)
        batch = check(world, FOUR)
        assert rings == []
        confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:7", now=NOW)
        run_uploads(now=NOW)
        assert rings == [settings.RESTOCK_TASK] == ["redemption.tasks.serve_waiting"]

    def test_is_confirmed_once(self, world: World) -> None:
        batch = bring_in(world, FOUR)
        assert not confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:8", now=NOW)
        assert run_uploads(now=NOW) == 0
        assert GiftCard.objects.count() == 4

    def test_tells_how_far_it_is_while_it_runs(self, world: World) -> None:
        batch = check(world, FOUR)
        confirm_upload(batch_id=batch.pk, mode="valid_rows", actor="user:7", now=NOW)
        seen: list[tuple[int, int]] = []
        tell = UploadWatch.tell

        def look(watch: UploadWatch, rows: int) -> None:
            tell(watch, rows)
            with psycopg.connect(owner_url(), autocommit=True) as other:
                other.execute("SET giftline.scope = '*'")
                for _ in range(200):
                    found = other.execute(
                        "SELECT rows_done, (SELECT count(*) FROM giftcards_giftcard)"
                        " FROM giftcards_uploadjob"
                    ).fetchone()
                    if found and found[0] == rows:
                        break
                    time.sleep(0.02)
                assert found is not None
                seen.append(found)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(UploadWatch, "tell", look)
            run_uploads(now=NOW)
        # The others see how far it is, and no card until all are there.
        assert seen == [(2, 0), (4, 0)]
        assert GiftCard.objects.count() == 4


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


@pytest.fixture(autouse=True)
def no_card_without_a_batch() -> Iterator[None]:
    """Whatever happened: a card that is there belongs to an import that says so."""
    yield
    strays = GiftCard.objects.filter(source="upload").exclude(batch__state="imported")
    assert not strays.filter(batch__isnull=False).exists()
