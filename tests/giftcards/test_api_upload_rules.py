"""Uploads over the API: repeats, strangers, secrets and what the schema says."""

from __future__ import annotations

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from drf_spectacular.generators import SchemaGenerator

from alerts.transactions import transaction
from credit.models import Client, IdempotencyRecord
from credit.services.api_keys import SCOPES
from credit.services.idempotency import KeyClaim, hold_key
from giftcards.models import CardBatch, GiftCard, Pool
from giftcards.services.uploads import undo_upload
from tests.credit.partners import Partner, assert_problem
from tests.credit.test_api_schema import check
from tests.giftcards.api_sending import TWO, assert_nothing_written, form, send
from tests.races import run_at_once
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


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
        [described] = operation["responses"][status]["content"].values()
        return described  # type: ignore[no-any-return]

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
