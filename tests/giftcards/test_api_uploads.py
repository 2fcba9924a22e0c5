"""Cards uploaded over the API: as CSV, as a form, as JSON; once for a key and once for a file."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.services.imports import SPREADSHEET_HINT
from credit.models import AuditEvent
from giftcards.models import Brand, CardBatch, GiftCard, Pool
from giftcards.services.secrets import open_field
from giftcards.services.uploads import undo_upload
from tests.credit.partners import Partner, assert_problem
from tests.giftcards.api_sending import TWO, assert_nothing_written, form, send
from tests.giftcards.files import BAD_FILES, BAD_ROWS, CODE_HINT, GOOD_FILES
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def client(world: World) -> Partner:
    return Partner(world.client)


class TestUpload:
    @pytest.mark.parametrize(
        ("content_type", "body", "name"),
        [
            ("text/csv", TWO, "upload.csv"),
            ("text/csv; charset=utf-8", TWO, "upload.csv"),
            ("multipart", TWO, "cards.csv"),
            (
                "application/json",
                {"cards": [{"code": "GIFT-0001-AAAA", "pin": "0042"}, {"code": "GIFT-0002-BBBB"}]},
                "cards.json",
            ),
        ],
    )
    def test_makes_cards_whichever_way_they_come(
        self, world: World, client: Partner, content_type: str, body: Any, name: str
    ) -> None:
        sent = form(body) if content_type == "multipart" else body
        response = send(client, world.pool, sent, content_type=content_type)
        batch = CardBatch.objects.get()
        assert response.status_code == 201, response.content
        assert response.json() == {
            "batch": {"id": str(batch.pk), "state": "imported"},
            "accepted": 2,
            "rejected": 0,
            "errors": [],
        }
        assert response["Cache-Control"] == "no-store"
        assert "Idempotency-Replayed" not in response
        assert (batch.file_name, batch.pool, batch.actor[:4]) == (name, world.pool, "key:")
        first, second = GiftCard.objects.order_by("last4")
        assert open_field(first.code_encrypted, field="code") == "GIFT-0001-AAAA"
        assert open_field(first.pin_encrypted, field="pin") == "0042"
        assert second.pin_encrypted == ""
        assert (first.client, first.batch, first.source) == (world.client, batch, "upload")

    def test_writes_down_who_did_it(self, world: World, client: Partner) -> None:
        send(client, world.pool, TWO)
        event = AuditEvent.objects.get(action="cards.uploaded")
        assert (event.object_kind, event.object_id) == (
            "cardbatch",
            str(CardBatch.objects.get().pk),
        )
        assert (event.client, event.agency, event.actor[:4]) == (
            world.client,
            world.agency,
            "key:",
        )
        assert event.details == {
            "after": {"pool_id": str(world.pool.pk), "accepted": 2, "rejected": 0}
        }

    @pytest.mark.parametrize("content", GOOD_FILES)
    @pytest.mark.parametrize("content_type", ["text/csv", "multipart"])
    def test_reads_files_as_people_send_them(
        self, world: World, client: Partner, content: bytes, content_type: str
    ) -> None:
        body = form(content) if content_type == "multipart" else content
        assert send(client, world.pool, body, content_type=content_type).status_code == 201
        card = GiftCard.objects.get()
        assert open_field(card.code_encrypted, field="code") == "00123456"

    @pytest.mark.parametrize(("row", "problems"), BAD_ROWS)
    def test_says_what_is_wrong_with_a_row(
        self, world: World, client: Partner, row: str, problems: list[tuple[str, str]]
    ) -> None:
        text = f"code,pin,number,expires_on\nGIFT-9999-ZZZZ,,,\n{row}\n"
        body = assert_problem(send(client, world.pool, text), 400, "GC-012")
        batch = CardBatch.objects.get()
        assert (body["accepted"], body["rejected"]) == (0, 1)
        assert body["batch"] == {"id": str(batch.pk), "state": "refused"}
        assert body["errors"] == [
            {"line": 3, "field": field, "message": message} for field, message in problems
        ]
        assert_nothing_written()

    @pytest.mark.parametrize(("content", "message"), BAD_FILES)
    @pytest.mark.parametrize("content_type", ["text/csv", "multipart"])
    def test_refuses_what_is_no_file_of_cards(
        self, world: World, client: Partner, content: bytes, message: str, content_type: str
    ) -> None:
        body = form(content) if content_type == "multipart" else content
        answer = assert_problem(
            send(client, world.pool, body, content_type=content_type), 400, "GC-012"
        )
        assert answer["errors"] == {"file": [message]}
        assert_nothing_written()

    def test_brings_in_the_good_rows_where_that_is_asked_for(
        self, world: World, client: Partner
    ) -> None:
        text = "code\nGIFT-0001-AAAA\n1.23E+15\nGIFT-0001-AAAA\n"
        response = send(client, world.pool, text, query="?mode=valid_rows")
        assert response.status_code == 201
        body = response.json()
        assert (body["accepted"], body["rejected"], body["batch"]["state"]) == (1, 2, "imported")
        assert body["errors"] == [
            {"line": 3, "field": "code", "message": SPREADSHEET_HINT},
            {"line": 4, "field": "code", "message": "The same code is on line 2."},
        ]
        assert GiftCard.objects.count() == 1

    def test_refuses_a_file_without_a_good_row_in_either_mode(
        self, world: World, client: Partner
    ) -> None:
        response = send(client, world.pool, "code\nSHORT\n", query="?mode=valid_rows")
        assert assert_problem(response, 400, "GC-012")["accepted"] == 0
        assert_nothing_written()

    @pytest.mark.parametrize(("mode", "accepted"), [("all_or_nothing", 0), ("valid_rows", 1)])
    def test_writes_nothing_in_a_dry_run(
        self, world: World, client: Partner, mode: str, accepted: int
    ) -> None:
        text = "code\nGIFT-0001-AAAA\nSHORT\n"
        response = send(client, world.pool, text, query=f"?dry_run=1&mode={mode}")
        assert response.status_code == 200
        assert response.json() == {
            "batch": {"id": None, "state": "previewed"},
            "accepted": accepted,
            "rejected": 1,
            "errors": [{"line": 3, "field": "code", "message": CODE_HINT}],
        }
        assert_nothing_written()
        assert not CardBatch.objects.exists()

    def test_counts_the_first_card_of_json_as_line_1(self, world: World, client: Partner) -> None:
        cards = [
            {"code": "GIFT-0001-AAAA", "pin": None},
            {"code": "two\nlines"},
            {"code": "not\ufffdtext"},
            {"code": '=cmd|"/c calc"!A1,"'},
            {"code": "", "pin": "12"},
            {"code": "GIFT-0001-AAAA"},
        ]
        response = send(client, world.pool, {"cards": cards}, content_type="application/json")
        errors = assert_problem(response, 400, "GC-012")["errors"]
        assert [(error["line"], error["message"]) for error in errors] == [
            (2, CODE_HINT),
            (3, CODE_HINT),
            (4, CODE_HINT),
            (5, "The code is missing."),
            (6, "The same code is on line 1."),
        ]
        assert_nothing_written()

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "cards"),
            ({"cards": []}, "cards"),
            ({"cards": "GIFT-0001-AAAA"}, "cards"),
            ({"cards": [{"pin": "1"}]}, "cards.0.code"),
            ({"cards": [{"code": 12345678}]}, "cards.0.code"),
            ({"cards": [{"code": "GIFT-0001-AAAA", "value": "25"}]}, "cards.0.value"),
            ({"cards": [{"code": "X" * 256}]}, "cards.0.code"),
            ({"cards": [{"code": "nul\0byte"}]}, "cards.0.code"),
            ({"cards": [{"code": "half\ud800"}]}, "cards.0.code"),
            ({"cards": ["GIFT-0001-AAAA"]}, "cards.0"),
            ({"cards": [{"code": "GIFT-0001-AAAA"}], "pool": "x"}, "pool"),
        ],
    )
    def test_refuses_json_of_another_shape(
        self, world: World, client: Partner, body: Any, field: str
    ) -> None:
        response = send(client, world.pool, body, content_type="application/json")
        assert list(assert_problem(response, 400, "GC-012")["errors"]) == [field]
        assert_nothing_written()

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "file"),
            ({"file": "code\nGIFT-0001-AAAA\n"}, "file"),
            ({**form(TWO), "mode": "valid_rows"}, "mode"),
            ({**form(TWO), "x\0": "1"}, "x\ufffd"),
            ({"file": [form(TWO)["file"], form(TWO)["file"]]}, "file"),
        ],
    )
    def test_refuses_a_form_of_another_shape(
        self, world: World, client: Partner, body: Any, field: str
    ) -> None:
        response = send(client, world.pool, body, content_type="multipart")
        assert list(assert_problem(response, 400, "GC-012")["errors"]) == [field]
        assert_nothing_written()

    @pytest.mark.parametrize("query", ["?mode=some", "?dry_run=perhaps", "?x=1", "?mode=a&mode=b"])
    def test_refuses_parameters_that_it_does_not_know(
        self, world: World, client: Partner, query: str
    ) -> None:
        assert_problem(send(client, world.pool, TWO, query=query), 400, "GC-012")
        assert_nothing_written()

    @pytest.mark.parametrize("content_type", ["text/plain", "application/xml", ""])
    def test_refuses_another_type(self, world: World, client: Partner, content_type: str) -> None:
        response = send(client, world.pool, TWO, content_type=content_type)
        assert_problem(response, 415, "GC-117")

    def test_takes_10_000_rows_and_no_more(self, world: World, client: Partner) -> None:
        text = "code\n" + "".join(f"GIFT-{number:06d}\n" for number in range(10_001))
        body = assert_problem(send(client, world.pool, text), 413, "GC-116")
        assert body["errors"] == {"file": ["The file has more than 10,000 rows."]}
        cards = [{"code": f"GIFT-{number:06d}"} for number in range(10_001)]
        as_json = {"content_type": "application/json"}
        assert_problem(send(client, world.pool, {"cards": cards}, **as_json), 413, "GC-116")
        assert_nothing_written()
        response = send(client, world.pool, {"cards": cards[:-1]}, **as_json)
        assert (response.status_code, response.json()["accepted"]) == (201, 10_000)

    @pytest.mark.parametrize("content_type", ["text/csv", "multipart", "application/json"])
    def test_takes_10_megabytes_and_no_more(
        self, world: World, client: Partner, content_type: str
    ) -> None:
        text = TWO + "\n" * (10 * 1024 * 1024)
        body = form(text) if content_type == "multipart" else text
        assert_problem(send(client, world.pool, body, content_type=content_type), 413, "GC-116")
        assert_nothing_written()

    def test_refuses_the_same_file_again(self, world: World, client: Partner) -> None:
        assert send(client, world.pool, TWO).status_code == 201
        for mode in ("", "?mode=valid_rows", "?dry_run=1"):
            assert_problem(send(client, world.pool, TWO, query=mode), 409, "GC-114")
        assert GiftCard.objects.count() == 2
        assert CardBatch.objects.count() == 1

    def test_takes_the_file_again_once_it_was_undone(self, world: World, client: Partner) -> None:
        send(client, world.pool, TWO)
        undo_upload(batch_id=CardBatch.objects.get().pk, actor="user:1", now=NOW)
        assert send(client, world.pool, TWO).status_code == 201
        assert GiftCard.objects.count() == 2

    @pytest.mark.parametrize(
        "changes", [{"archived_at": NOW}, {"purchase_method": Pool.PurchaseMethod.API_ONLY}]
    )
    def test_refuses_a_pool_that_takes_no_uploads(
        self, world: World, client: Partner, changes: dict[str, Any]
    ) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(**changes)
        body = assert_problem(send(client, world.pool, TWO), 400, "GC-012")
        assert list(body["errors"]) == ["pool"]

    def test_holds_codes_against_the_brands_pattern(self, world: World, client: Partner) -> None:
        Brand.objects.filter(pk=world.brand.pk).update(code_format="9999-9999-9999")
        body = assert_problem(send(client, world.pool, "code\n001234567890\n"), 400, "GC-012")
        assert body["errors"][0]["message"] == "A code looks like 9999-9999-9999 (9 a digit)."
