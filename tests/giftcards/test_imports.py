"""Cards from files, good and hostile, into real tables."""

import io
from datetime import date

import pytest
from django.db import connection

from alerts.csvfiles import RowProblem
from alerts.errors import ServiceError, ValidationFailedError
from alerts.services.imports import (
    PROBLEMS_KEPT,
    FileAlreadyUploadedError,
    FileTooLargeError,
    ImportReport,
)
from giftcards.models import Brand, CardBatch, GiftCard, Pool, StagedCard
from giftcards.services.imports import import_cards
from giftcards.services.secrets import open_field
from tests.giftcards.files import BAD_FILES, BAD_ROWS, CODE_HINT, GOOD_FILES
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db


def upload(world: World, text: str | bytes, **changes: object) -> ImportReport:
    arguments: dict[str, object] = {
        "pool": world.pool,
        "source": io.BytesIO(text.encode() if isinstance(text, str) else text),
        "file_name": "cards.csv",
        "mode": "all_or_nothing",
        "dry_run": False,
        "actor": "user:1",
        "now": NOW,
    }
    return import_cards(**(arguments | changes))  # type: ignore[arg-type]


def codes_in(pool: Pool) -> set[str]:
    return {
        open_field(card.code_encrypted, field="code") for card in GiftCard.objects.filter(pool=pool)
    }


@pytest.fixture
def world() -> World:
    return build_world()


class TestImportCards:
    def test_makes_a_card_of_each_row(self, world: World) -> None:
        report = upload(
            world,
            "code,pin,number,expires_on\n"
            "GIFT-0001-AAAA,0042,6006 4912 0000,2027-03-31\n"
            "GIFT-0002-BBBB,,,\n",
        )
        batch = CardBatch.objects.get()
        assert report == ImportReport(
            state="imported",
            batch_id=batch.pk,
            rows=2,
            accepted=2,
            rejected=0,
            problems=(),
            problem_count=0,
        )
        first, second = GiftCard.objects.order_by("expiry_bucket")
        assert open_field(first.code_encrypted, field="code") == "GIFT-0001-AAAA"
        assert open_field(first.pin_encrypted, field="pin") == "0042"
        assert open_field(first.number_encrypted, field="number") == "6006 4912 0000"
        assert (first.last4, first.expires_on, first.expiry_bucket) == (
            "AAAA",
            date(2027, 3, 31),
            202703,
        )
        assert (first.pool, first.brand, first.client) == (world.pool, world.brand, world.client)
        assert (first.value_minor, first.currency, first.source) == (2500, "USD", "upload")
        assert (first.status, first.batch, first.created_at) == ("available", batch, NOW)
        assert (second.pin_encrypted, second.number_encrypted) == ("", "")
        assert (second.expires_on, second.expiry_bucket) == (None, 999912)
        assert first.claim_key != second.claim_key
        assert (batch.state, batch.rows, batch.accepted, batch.rejected) == ("imported", 2, 2, 0)
        assert (batch.file_name, batch.actor, batch.rejects) == ("cards.csv", "user:1", [])
        assert not StagedCard.objects.exists()

    def test_makes_cards_that_can_be_redeemed(self, world: World) -> None:
        from redemption.models import Redemption
        from redemption.services.redeem import Caller, Contact, redeem

        upload(world, "code\nGIFT-0001-AAAA\n")
        result = redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
            contact=Contact(method="none"),
            code=world.invite()[0],
            now=NOW,
        )
        assert result.state == "issued"
        assert result.card is not None
        assert open_field(result.card.code_encrypted, field="code") == "GIFT-0001-AAAA"

    @pytest.mark.parametrize(
        "text",
        GOOD_FILES,
    )
    def test_reads_files_as_people_send_them(self, world: World, text: bytes) -> None:
        assert upload(world, text).accepted == 1
        card = GiftCard.objects.get()
        assert open_field(card.code_encrypted, field="code") == "00123456"
        assert open_field(card.pin_encrypted, field="pin") == "0042"
        assert card.expires_on == date(2031, 12, 31)

    def test_follows_a_mapping(self, world: World) -> None:
        report = upload(
            world, "Kartennummer;Geheimzahl\nGIFT0001;77\n", mapping={"code": "Kartennummer"}
        )
        assert report.accepted == 1
        assert codes_in(world.pool) == {"GIFT0001"}

    @pytest.mark.parametrize(
        ("row", "problems"),
        BAD_ROWS,
    )
    def test_says_what_is_wrong_with_a_row(
        self, world: World, row: str, problems: list[tuple[str, str]]
    ) -> None:
        report = upload(world, f"code,pin,number,expires_on\nGIFT-9999-ZZZZ,,,\n{row}\n")
        assert report.problems == tuple(RowProblem(3, *problem) for problem in problems)
        assert (report.state, report.rows, report.accepted, report.rejected) == ("refused", 2, 0, 1)
        assert not GiftCard.objects.exists()
        assert not StagedCard.objects.exists()
        batch = CardBatch.objects.get()
        assert (batch.state, batch.accepted, batch.rejected) == ("refused", 0, 1)
        assert batch.rejects[0] == {"line": 3, "field": problems[0][0], "message": problems[0][1]}

    def test_holds_codes_against_the_brands_pattern(self, world: World) -> None:
        Brand.objects.filter(pk=world.brand.pk).update(code_format="9999-9999-9999")
        world.pool.refresh_from_db()
        report = upload(world, "code\n0012-3456-7890\n001234567890\n")
        assert report.problems == (
            RowProblem(3, "code", "A code looks like 9999-9999-9999 (9 a digit)."),
        )

    def test_finds_the_same_code_within_the_file(self, world: World) -> None:
        report = upload(
            world, "code\nGIFT-0001-AAAA\nGIFT-0002-BBBB\ngift0001aaaa\nGIFT-0001-AAAA\n"
        )
        assert report.problems == (
            RowProblem(4, "code", "The same code is on line 2."),
            RowProblem(5, "code", "The same code is on line 2."),
        )
        assert (report.state, report.rows, report.accepted, report.rejected) == ("refused", 4, 0, 2)
        assert not GiftCard.objects.exists()

    def test_finds_codes_that_the_brand_has_in_any_pool(self, world: World) -> None:
        elsewhere = Pool.objects.create(
            name="Master", brand=world.brand, denomination=world.denomination, kind="master"
        )
        upload(world, "code\nGIFT-0001-AAAA\n")
        upload(world, "code\nGIFT-0002-BBBB\n", pool=elsewhere)
        report = upload(world, "code\nGIFT-0003-CCCC\nGIFT0002BBBB\nGIFT-0001-AAAA\n")
        assert report.problems == (
            RowProblem(3, "code", "This code is in another pool of this brand already."),
            RowProblem(4, "code", "This code is in this pool already."),
        )
        assert GiftCard.objects.count() == 2

    def test_finds_the_same_code_near_and_far(self, world: World) -> None:
        codes = [f"GIFT-{number:06d}" for number in range(6_000)]
        text = "\n".join(["code", codes[0], *codes, codes[2_999]])
        report = upload(world, text)
        assert report.problems == (
            RowProblem(3, "code", "The same code is on line 2."),
            RowProblem(6003, "code", "The same code is on line 3002."),
        )
        assert not GiftCard.objects.exists()

    @pytest.mark.parametrize(
        "code_format", ["(AAAA+)+$", "(X*)*999", "A{1,40}A{1,40}", "[XX-AA]+?"]
    )
    def test_never_hangs_on_a_pattern(self, world: World, code_format: str) -> None:
        # As a regular expression each of these would try for longer than anybody lives.
        Brand.objects.filter(pk=world.brand.pk).update(code_format=code_format)
        world.pool.refresh_from_db()
        report = upload(world, "code\n" + ("A" * 60_000 + "!\n") * 3)
        assert (report.accepted, report.rejected) == (0, 3)
        assert not GiftCard.objects.exists()

    @pytest.mark.parametrize(
        ("text", "changes", "rings"),
        [
            ("code\nGIFT-0001-AAAA\n", {}, ["redemption.tasks.serve_waiting"]),
            ("code\nGIFT-0001-AAAA\n", {"dry_run": True}, []),
            ("code\nSHORT\n", {}, []),
        ],
    )
    def test_rings_for_those_who_wait(
        self,
        world: World,
        monkeypatch: pytest.MonkeyPatch,
        text: str,
        changes: dict[str, object],
        rings: list[str],
    ) -> None:
        rung: list[str] = []
        monkeypatch.setattr("giftcards.services.upload_rules.ring_bell", rung.append)
        upload(world, text, **changes)
        assert rung == rings

    def test_lets_two_brands_use_the_same_code(self, world: World) -> None:
        stranger = build_world(name="Birch")
        upload(world, "code\nGIFT-0001-AAAA\n")
        assert upload(stranger, "code\nGIFT-0001-AAAA\n").accepted == 1

    def test_brings_in_the_good_rows_where_that_is_asked_for(self, world: World) -> None:
        world.stock(1)
        report = upload(
            world,
            "code,pin\nGIFT-0001-AAAA,1\nSHORT,2\nGIFT-0001-AAAA,3\nGIFT-0002-BBBB,4\n",
            mode="valid_rows",
        )
        assert (report.state, report.rows, report.accepted, report.rejected) == (
            "imported",
            4,
            2,
            2,
        )
        assert report.problems == (
            RowProblem(3, "code", CODE_HINT),
            RowProblem(4, "code", "The same code is on line 2."),
        )
        cards = GiftCard.objects.filter(batch_id=report.batch_id)
        # Of two lines with one code it is the first that counts.
        assert {open_field(card.pin_encrypted, field="pin") for card in cards} == {"1", "4"}
        assert not StagedCard.objects.exists()

    def test_refuses_a_file_without_a_good_row_in_either_way(self, world: World) -> None:
        report = upload(world, "code\nSHORT\n", mode="valid_rows")
        assert (report.state, report.accepted, report.rejected) == ("refused", 0, 1)
        # Which leaves the file free to come again.
        assert upload(world, "code\nSHORT\n", mode="valid_rows").state == "refused"

    @pytest.mark.parametrize("mode", ["all_or_nothing", "valid_rows"])
    def test_writes_nothing_in_a_dry_run(self, world: World, mode: str) -> None:
        text = "code\nGIFT-0001-AAAA\nSHORT\nGIFT-0001-AAAA\nGIFT-0002-BBBB\n"
        report = upload(world, text, mode=mode, dry_run=True)
        assert (report.state, report.batch_id, report.rows) == ("previewed", None, 4)
        assert report.accepted == (2 if mode == "valid_rows" else 0)
        assert (report.rejected, len(report.problems)) == (2, 2)
        for model in (GiftCard, StagedCard, CardBatch):
            assert not model.objects.exists()

    def test_recognises_a_file_that_came_before(self, world: World) -> None:
        text = "code\nGIFT-0001-AAAA\n"
        first = upload(world, text)
        with pytest.raises(FileAlreadyUploadedError) as caught:
            upload(world, text, file_name="other-name.csv")
        assert caught.value.code.code == "GC-114"
        assert (caught.value.batch_id, caught.value.imported_at) == (first.batch_id, NOW)
        assert CardBatch.objects.count() == GiftCard.objects.count() == 1

    def test_takes_the_file_again_once_its_import_was_undone(self, world: World) -> None:
        text = "code\nGIFT-0001-AAAA\n"
        upload(world, text)
        GiftCard.objects.all().delete()
        CardBatch.objects.update(state=CardBatch.State.UNDONE)
        assert upload(world, text).state == "imported"

    @pytest.mark.parametrize(
        ("text", "message"),
        BAD_FILES,
    )
    def test_refuses_what_is_no_file_of_cards(
        self, world: World, text: bytes, message: str
    ) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            upload(world, text)
        assert caught.value.errors == {"file": [message]}
        assert not CardBatch.objects.exists()
        assert not GiftCard.objects.exists()
        assert not StagedCard.objects.exists()

    def test_refuses_more_rows_than_asked_for(self, world: World) -> None:
        text = "code\n" + "".join(f"GIFT-{number:04d}\n" for number in range(11))
        with pytest.raises(FileTooLargeError) as caught:
            upload(world, text, max_rows=10)
        assert caught.value.errors == {"file": ["The file has more than 10 rows."]}
        assert not GiftCard.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"archived_at": NOW}, "pool"),
            ({"purchase_method": Pool.PurchaseMethod.API_ONLY}, "pool"),
        ],
    )
    def test_refuses_a_pool_that_takes_no_uploads(
        self, world: World, changes: dict[str, object], field: str
    ) -> None:
        for name, value in changes.items():
            setattr(world.pool, name, value)
        with pytest.raises(ValidationFailedError) as caught:
            upload(world, "code\nGIFT-0001-AAAA\n")
        assert list(caught.value.errors) == [field]

    def test_refuses_a_mapping_of_a_field_that_there_is_not(self, world: World) -> None:
        with pytest.raises(ServiceError) as caught:
            upload(world, "code\nGIFT-0001-AAAA\n", mapping={"cod": "Nr"})
        assert caught.value.errors == {
            "mapping": ["There is no field 'cod', only code, pin, number, expires_on."]
        }

    def test_keeps_the_first_problems_and_counts_the_rest(self, world: World) -> None:
        world.stock(1)
        bad = PROBLEMS_KEPT + 5
        text = "code\nGIFT-0001-AAAA\nGIFT-0001-AAAA\n" + "SHORT\n" * bad
        report = upload(world, text)
        assert (report.rejected, report.problem_count) == (bad + 1, bad + 1)
        assert len(report.problems) == len(CardBatch.objects.get().rejects) == PROBLEMS_KEPT
        assert report.problems[0] == RowProblem(3, "code", "The same code is on line 2.")

    def test_tells_how_far_it_is(self, world: World) -> None:
        told: list[tuple[int, float]] = []
        text = "code\n" + "".join(f"GIFT-{number:06d}\n" for number in range(2500))
        upload(world, text, progress=lambda rows, share: told.append((rows, share)))
        assert [rows for rows, _ in told] == [1000, 2000, 2500]
        assert told[-1][1] == 1.0

    def test_leaves_no_code_in_plain_anywhere_in_the_database(self, world: World) -> None:
        text = (
            "code,pin,number\nPLAINCODE-0001,PINPLAIN1,NUMBERPLAIN1\n"
            "PLAINCODE-0002,PINPLAIN2,BAD/NUMBERPLAIN2\nPLAINCODE-0003,PIN PLAIN,NUMBERPLAIN3\n"
        )
        upload(world, text, mode="valid_rows")
        upload(world, text.replace("0001", "0009"))
        assert GiftCard.objects.count() == 1
        everything = dump_all_tables()
        assert "giftcards_cardbatch" in everything
        for secret in ("PLAINCODE", "PINPLAIN", "PIN PLAIN", "NUMBERPLAIN"):
            assert secret not in everything


def dump_all_tables() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        dumped = []
        for table in tables:
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} t")
            dumped += [table, *(row for (row,) in cursor.fetchall())]
    return "\n".join(dumped)
