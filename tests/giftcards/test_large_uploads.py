"""Large files of cards: received row by row, checked and imported by a worker, all or nothing."""

from __future__ import annotations

import io
import time
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.conf import settings

from alerts.errors import ValidationFailedError
from alerts.services.imports import FileAlreadyUploadedError, FileTooLargeError
from credit.models import AuditEvent
from credit.selectors.viewers import Viewer
from giftcards.models import CardBatch, GiftCard, Pool, StagedCard, UploadJob
from giftcards.services import upload_rules
from giftcards.services.imports import import_cards
from giftcards.services.large_uploads import (
    confirm_upload,
    stop_upload,
    sweep_uploads,
)
from giftcards.services.secrets import open_field
from giftcards.services.upload_ends import UploadStoppedError
from giftcards.services.upload_jobs import run_uploads
from giftcards.services.upload_watch import UploadWatch
from giftcards.services.uploads import PoolNotFoundError
from tests.database import owner_url
from tests.giftcards.files import BAD_FILES, BAD_ROWS, CODE_HINT, GOOD_FILES, SAVE_AS_HINT
from tests.giftcards.receiving import (
    FOUR,
    NOW,
    Dripping,
    assert_nothing_staged,
    bring_in,
    check,
    note_of,
    receive,
)
from tests.giftcards.test_imports import dump_all_tables
from tests.invariants import broken_invariants
from tests.world import World, build_world

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("small_parts", "no_card_without_a_batch"),
]


@pytest.fixture
def world() -> World:
    return build_world()


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
