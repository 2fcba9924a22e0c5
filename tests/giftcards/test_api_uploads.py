"""Cards uploaded over the API: as CSV, as a form, as JSON; once for a key and once for a file."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from drf_spectacular.generators import SchemaGenerator

from alerts.services.imports import SPREADSHEET_HINT
from alerts.transactions import transaction
from credit.models import AuditEvent, Client, IdempotencyRecord
from credit.services.api_keys import SCOPES
from credit.services.idempotency import KeyClaim, hold_key
from giftcards.models import Brand, CardBatch, GiftCard, Pool, StagedCard
from giftcards.services.secrets import open_field
from giftcards.services.uploads import undo_upload
from tests.credit.partners import Partner, assert_problem
from tests.credit.test_api_schema import check
from tests.giftcards.files import BAD_FILES, BAD_ROWS, CODE_HINT, GOOD_FILES
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TWO = "code,pin\nGIFT-0001-AAAA,0042\nGIFT-0002-BBBB,\n"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def client(world: World) -> Partner:
    return Partner(world.client)


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return described


def send(
    partner: Partner,
    pool: Pool,
    body: Any,
    *,
    content_type: str = "text/csv",
    key: str | None = "new",
    query: str = "",
) -> Any:
    headers = dict(partner.headers)
    if key is not None:
        headers["Idempotency-Key"] = str(uuid4()) if key == "new" else key
    if content_type == "application/json":
        body = json.dumps(body)
    address = f"/api/v1/pools/{pool.pk}/cards/{query}"
    if not body and content_type == "text/csv":
        # Of an empty body the test client would leave the type out.
        headers["Content-Type"] = content_type
    if content_type == "multipart":
        return partner.http.post(address, body, headers=headers)
    return partner.http.post(address, body, content_type=content_type, headers=headers)


def form(content: str | bytes, name: str = "cards.csv") -> dict[str, Any]:
    raw = content.encode() if isinstance(content, str) else content
    return {"file": SimpleUploadedFile(name, raw, content_type="text/csv")}


def assert_nothing_written() -> None:
    assert not GiftCard.objects.exists()
    assert not StagedCard.objects.exists()
    assert not AuditEvent.objects.filter(action="cards.uploaded").exists()


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


class TestKey:
    def test_is_required(self, world: World, client: Partner) -> None:
        body = assert_problem(send(client, world.pool, TWO, key=None), 400, "GC-012")
        assert list(body["errors"]) == ["Idempotency-Key"]
        assert_nothing_written()

    def test_gets_the_first_answer_again(self, world: World, client: Partner) -> None:
        first = send(client, world.pool, TWO, key="one")
        undo_upload(batch_id=CardBatch.objects.get().pk, actor="user:1", now=NOW)
        again = send(client, world.pool, TWO, key="one")
        assert (again.status_code, again.json()) == (201, first.json())
        assert again["Idempotency-Replayed"] == "true"
        assert not GiftCard.objects.exists()

    def test_gets_a_refusal_of_rows_again(self, world: World, client: Partner) -> None:
        first = assert_problem(send(client, world.pool, "code\nSHORT\n", key="k"), 400, "GC-012")
        again = send(client, world.pool, "code\nSHORT\n", key="k")
        body = assert_problem(again, 400, "GC-012")
        assert again["Idempotency-Replayed"] == "true"
        for name in ("batch", "accepted", "rejected", "errors"):
            assert body[name] == first[name], name
        assert CardBatch.objects.count() == 1

    @pytest.mark.parametrize(("body", "status"), [(b"", 400), (b"code\nGIFT-0001-AAAA\n", 404)])
    def test_gets_other_refusals_again(
        self, world: World, client: Partner, body: bytes, status: int
    ) -> None:
        pool = world.pool if status == 400 else build_world(name="Birch").pool
        first = send(client, pool, body, key="k").json()
        again = send(client, pool, body, key="k")
        assert again.status_code == status
        assert again["Idempotency-Replayed"] == "true"
        assert {**again.json(), "request_id": ""} == {**first, "request_id": ""}

    def test_gets_a_dry_run_again(self, world: World, client: Partner) -> None:
        query = "?dry_run=1&mode=valid_rows"
        text = "code\nGIFT-0001-AAAA\nSHORT\n"
        first = send(client, world.pool, text, key="k", query=query)
        world.stock(1)
        again = send(client, world.pool, text, key="k", query=query)
        assert (again.status_code, again.json()) == (200, first.json())
        assert again["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize(
        ("text", "query"),
        [(TWO + "\n", ""), (TWO, "?dry_run=1"), (TWO, "?mode=valid_rows")],
    )
    def test_stands_for_one_request(
        self, world: World, client: Partner, text: str, query: str
    ) -> None:
        send(client, world.pool, TWO, key="one")
        assert_problem(send(client, world.pool, text, key="one", query=query), 422, "GC-107")
        assert GiftCard.objects.count() == 2

    def test_is_free_after_what_may_come_out_differently(
        self, world: World, client: Partner
    ) -> None:
        send(client, world.pool, TWO)
        assert_problem(send(client, world.pool, TWO, key="again"), 409, "GC-114")
        assert IdempotencyRecord.objects.filter(key="again").count() == 0

    def test_keeps_no_code(self, world: World, client: Partner) -> None:
        for number, query in enumerate(("?dry_run=1", "?mode=valid_rows", "")):
            text = f"code\nPLAINCODE-{number}\nPLAIN CODE\n"
            send(client, world.pool, text, query=query)
        for row in IdempotencyRecord.objects.values("details", "key"):
            assert "PLAIN" not in str(row)
        assert IdempotencyRecord.objects.count() == 3

    def test_waits_two_seconds_for_the_first(self, world: World, client: Partner) -> None:
        send(client, world.pool, TWO, key="one")
        record = IdempotencyRecord.objects.get()
        claim = KeyClaim(owner=record.owner, key="two", fingerprint=bytes(record.fingerprint))
        started = time.monotonic()

        def send_second() -> Any:
            try:
                return send(client, world.pool, TWO + "\n", key="two")
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as other, transaction():
            hold_key(claim=claim)
            response = other.submit(send_second).result()
        assert_problem(response, 409, "GC-108")
        assert response["Retry-After"] == "2"
        assert 2 <= time.monotonic() - started < 10
        assert GiftCard.objects.count() == 2

    def test_imports_once_when_all_come_at_once(self, world: World) -> None:
        partners = [Partner(world.client) for _ in range(4)]
        answers = run_at_once(4, lambda: send(partners.pop(), world.pool, TWO, key="same"))
        statuses = [answer.status_code for answer in answers]  # type: ignore[union-attr]
        assert statuses == [201] * 4
        bodies = {json.dumps(answer.json()) for answer in answers}  # type: ignore[union-attr]
        assert len(bodies) == 1
        replayed = [answer.get("Idempotency-Replayed") for answer in answers]  # type: ignore[union-attr]
        assert sorted(replayed, key=str) == [None, "true", "true", "true"]
        assert (GiftCard.objects.count(), CardBatch.objects.count()) == (2, 1)


class TestStranger:
    def test_finds_no_pool_to_fill(self, world: World) -> None:
        stranger = build_world(name="Birch")
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        master = Pool.objects.create(
            name="Master", brand=world.brand, denomination=world.denomination, kind="master"
        )
        for owner, pool in (
            (stranger.client, world.pool),
            (stranger.agency, world.pool),
            (sibling, world.pool),
            (world.client, master),
            (world.agency, master),
        ):
            for query in ("", "?dry_run=1"):
                response = send(Partner(owner), pool, TWO, query=query)
                assert_problem(response, 404, "GC-111")
        assert_nothing_written()
        assert not CardBatch.objects.exists()

    def test_wants_a_key_for_it(self, world: World) -> None:
        scopes = tuple(scope for scope in SCOPES if scope != "inventory:write")
        response = send(Partner(world.client, scopes), world.pool, TWO)
        assert_problem(response, 403, "GC-110")
        assert_nothing_written()

    def test_is_told_of_a_code_elsewhere_without_where(self, world: World) -> None:
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        own = Pool.objects.create(
            name="Sibling's",
            brand=world.brand,
            denomination=world.denomination,
            kind="client",
            client=sibling,
        )
        send(Partner(world.client), world.pool, TWO)
        response = send(Partner(sibling), own, TWO + "GIFT-0003-CCCC,\n", query="?mode=valid_rows")
        body = response.json()
        assert (body["accepted"], body["rejected"]) == (1, 2)
        assert body["errors"][0] == {
            "line": 2,
            "field": "code",
            "message": "This code is in another pool of this brand already.",
        }
        # The very same file: known, and not whose.
        answer = assert_problem(send(Partner(sibling), own, TWO), 409, "GC-114")
        assert str(CardBatch.objects.get(pool=world.pool).pk) not in json.dumps(answer)
        assert GiftCard.objects.count() == 3

    @pytest.mark.parametrize("owner", ["agency", "platform"])
    def test_is_not_who_stands_above(self, world: World, owner: str) -> None:
        partner = Partner(world.agency if owner == "agency" else None)
        assert send(partner, world.pool, TWO).status_code == 201


class TestSecrets:
    def test_stand_in_no_answer_and_no_log_line(
        self, world: World, client: Partner, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        rows = "PLAINCODE-0001,PINPLAIN\nPLAINCODE 0002,PINPLAIN\nPLAINCODE-0001,PIN PLAIN\n"
        said = []
        for text in (f"code,pin\n{rows}", rows, f"{rows}\xff", f'code,pin\n"{rows}'):
            for query in ("?dry_run=1", "", "?mode=valid_rows"):
                said.append(send(client, world.pool, text, query=query).content.decode())
                sent = form(text, name="cards.csv")
                answer = send(client, world.pool, sent, content_type="multipart", query=query)
                said.append(answer.content.decode())
        cards = [{"code": "PLAINCODE-0003", "pin": "PIN PLAIN"}]
        response = send(client, world.pool, {"cards": cards}, content_type="application/json")
        said.append(response.content.decode())
        for words in (*said, caplog.text):
            for secret in ("PLAINCODE", "PINPLAIN", "PIN PLAIN"):
                assert secret not in words


class TestSchema:
    def described(self, schema: dict[str, Any], path: str, status: str) -> dict[str, Any]:
        operation = schema["paths"][f"/api/v1{path}"]["post" if "cards" in path else "get"]
        return operation["responses"][status]["content"]["application/json"]  # type: ignore[no-any-return]

    def test_is_valid_without_a_warning(self) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())

    def test_fits_the_answers_and_its_examples(
        self, schema: dict[str, Any], world: World, client: Partner
    ) -> None:
        cards = "/pools/{pool_id}/cards/"
        bad = "code\nSHORT\n"
        for path, status, answer in (
            ("/pools/", "200", client.get("/pools/")),
            ("/pools/{pool_id}/", "200", client.get(f"/pools/{world.pool.pk}/")),
            (cards, "200", send(client, world.pool, bad, query="?dry_run=1")),
            (cards, "400", send(client, world.pool, bad)),
            (cards, "400", send(client, world.pool, b"")),
            (cards, "201", send(client, world.pool, TWO)),
        ):
            assert str(answer.status_code) == status
            described = self.described(schema, path, status)
            check(answer.json(), described, schema)
            assert described["examples"]
            for example in described["examples"].values():
                check(example["value"], described, schema)

    def test_names_the_three_ways_and_the_failures(self, schema: dict[str, Any]) -> None:
        operation = schema["paths"]["/api/v1/pools/{pool_id}/cards/"]["post"]
        content = operation["requestBody"]["content"]
        assert set(content) == {"application/json", "text/csv", "multipart/form-data"}
        expected = {"400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429"}
        assert expected <= set(operation["responses"])
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert names == {"pool_id", "Idempotency-Key", "dry_run", "mode"}
