"""People over the API: repeats, strangers, secrets and what the schema says."""

from __future__ import annotations

import json
import logging
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator

from credit.models import Client, IdempotencyRecord
from credit.services.api_keys import SCOPES
from redemption.models import Campaign, Recipient, RecipientBatch
from redemption.services.recipient_uploads import undo_recipients
from tests.credit.partners import Partner, assert_problem
from tests.credit.test_api_schema import check
from tests.giftcards.test_imports import dump_all_tables
from tests.races import run_at_once
from tests.redemption.people_sending import BAD, TWO, assert_nobody_added, send
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def client(world: World) -> Partner:
    return Partner(world.client)


class TestKey:
    def test_is_required(self, world: World, client: Partner) -> None:
        body = assert_problem(send(client, world.campaign, TWO, key=None), 400, "GC-012")
        assert list(body["errors"]) == ["Idempotency-Key"]
        assert_nobody_added()

    def test_gets_the_first_answer_again_codes_included(
        self, world: World, client: Partner
    ) -> None:
        first = send(client, world.campaign, TWO, key="one")
        # Approval changes meanwhile, and another campaign takes people: nothing of it shows.
        Campaign.objects.filter(pk=world.campaign.pk).update(status="ended")
        again = send(client, world.campaign, TWO, key="one")
        assert (again.status_code, again.json()) == (201, first.json())
        assert again["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first
        assert Recipient.objects.count() == 2

    def test_keeps_no_code(self, world: World, client: Partner) -> None:
        text = "external_crm_id,redemption_code\nX-1,PLAINREDEEMCODE77\nX-2,\n"
        body = send(client, world.campaign, text, key="one").json()
        [record] = IdempotencyRecord.objects.all()
        assert (record.status, record.details) == (201, {})
        everything = dump_all_tables()
        assert "redemption_recipientbatch" in everything
        for person in body["recipients"]:
            assert person["redemption_code"].replace("-", "") not in everything
            assert person["redemption_code"] not in everything

    def test_prints_no_code_of_people_who_were_taken_back(
        self, world: World, client: Partner
    ) -> None:
        first = send(client, world.campaign, TWO, key="one").json()
        batch = RecipientBatch.objects.get()
        undo_recipients(batch_id=batch.pk, actor="user:1", now=batch.created_at)
        again = send(client, world.campaign, TWO, key="one").json()
        assert again == {**first, "recipients": []}
        # With a key of its own the same file may come once more.
        assert send(client, world.campaign, TWO).status_code == 201
        assert Recipient.objects.count() == 2

    def test_gets_a_refusal_of_rows_again(self, world: World, client: Partner) -> None:
        first = assert_problem(send(client, world.campaign, BAD, key="k"), 400, "GC-012")
        again = send(client, world.campaign, BAD, key="k")
        body = assert_problem(again, 400, "GC-012")
        assert again["Idempotency-Replayed"] == "true"
        for name in ("batch", "accepted", "rejected", "errors"):
            assert body[name] == first[name], name
        assert RecipientBatch.objects.count() == 1

    def test_gets_a_dry_run_again(self, world: World, client: Partner) -> None:
        query = "?dry_run=1&mode=valid_rows"
        first = send(client, world.campaign, TWO + "Cy,911,A-3\n", key="k", query=query)
        send(client, world.campaign, TWO)
        again = send(client, world.campaign, TWO + "Cy,911,A-3\n", key="k", query=query)
        assert (again.status_code, again.json()) == (200, first.json())
        assert first.json()["recipients"] == []

    @pytest.mark.parametrize(
        ("text", "query"), [(TWO + "\n", ""), (TWO, "?dry_run=1"), (TWO, "?mode=valid_rows")]
    )
    def test_stands_for_one_request(
        self, world: World, client: Partner, text: str, query: str
    ) -> None:
        send(client, world.campaign, TWO, key="one")
        assert_problem(send(client, world.campaign, text, key="one", query=query), 422, "GC-107")
        assert Recipient.objects.count() == 2

    def test_adds_people_once_when_all_come_at_once(self, world: World) -> None:
        partners = [Partner(world.client) for _ in range(4)]
        answers: list[Any] = list(
            run_at_once(4, lambda: send(partners.pop(), world.campaign, TWO, key="same"))
        )
        assert [answer.status_code for answer in answers] == [201] * 4
        assert len({json.dumps(answer.json()) for answer in answers}) == 1
        replayed = [answer.get("Idempotency-Replayed") for answer in answers]
        assert sorted(replayed, key=str) == [None, "true", "true", "true"]
        assert (Recipient.objects.count(), RecipientBatch.objects.count()) == (2, 1)


class TestStranger:
    def test_finds_no_campaign_to_fill(self, world: World) -> None:
        stranger = build_world(name="Birch")
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug=uuid4().hex)
        for owner in (stranger.client, stranger.agency, sibling):
            for query in ("", "?dry_run=1"):
                response = send(Partner(owner), world.campaign, TWO, query=query)
                assert_problem(response, 404, "GC-111")
        assert_nobody_added()
        assert not RecipientBatch.objects.exists()

    def test_wants_a_key_for_it(self, world: World) -> None:
        scopes = tuple(scope for scope in SCOPES if scope != "recipients:write")
        response = send(Partner(world.client, scopes), world.campaign, TWO)
        assert_problem(response, 403, "GC-110")
        assert_nobody_added()

    def test_is_told_that_a_code_is_taken_and_not_by_whom(self, world: World) -> None:
        stranger = build_world(name="Birch")
        text = "external_crm_id,redemption_code\nB-1,QR4K7M2PXN9TWW3\n"
        assert send(Partner(stranger.client), stranger.campaign, text).status_code == 201
        answer = assert_problem(send(Partner(world.client), world.campaign, text), 400, "GC-012")
        assert answer["errors"] == [
            {"line": 2, "field": "redemption_code", "message": "This code is taken."}
        ]
        for telling in (stranger.client.pk, stranger.campaign.pk, stranger.client.name):
            assert str(telling) not in json.dumps(answer)
        # The id and the file are everybody's own: the same in two campaigns is no matter.
        own = send(Partner(stranger.client), stranger.campaign, TWO).json()
        assert send(Partner(world.client), world.campaign, TWO).status_code == 201
        assert Recipient.objects.filter(pk__in=[one["id"] for one in own["recipients"]]).count()

    @pytest.mark.parametrize("owner", ["agency", "platform"])
    def test_is_not_who_stands_above(self, world: World, owner: str) -> None:
        partner = Partner(world.agency if owner == "agency" else None)
        assert send(partner, world.campaign, TWO).status_code == 201


class TestSecrets:
    def test_stand_in_no_log_line_and_no_refusal(
        self, world: World, client: Partner, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        header = "last_name,email,redemption_code\n"
        rows = "Plainname,plain@example,PLAINCODE0001\nPlainname,,PLAINCODE 0002!\n"
        said = [
            send(client, world.campaign, text, query=query).content.decode()
            for text in (header + rows, rows, f"{header}{rows}\xff", f'{header}"{rows}')
            for query in ("?dry_run=1", "", "?mode=valid_rows")
        ]
        for words in (*said, caplog.text):
            for secret in ("PLAINCODE", "Plainname", "plain@example"):
                assert secret not in words


class TestSchema:
    def test_is_valid_without_a_warning(self) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())

    def test_fits_the_answers_and_its_examples(self, world: World, client: Partner) -> None:
        schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
        operation = schema["paths"]["/api/v1/campaigns/{campaign_id}/recipients/"]["post"]
        for status, answer in (
            ("200", send(client, world.campaign, BAD, query="?dry_run=1")),
            ("400", send(client, world.campaign, BAD)),
            ("400", send(client, world.campaign, b"")),
            ("201", send(client, world.campaign, TWO)),
        ):
            assert str(answer.status_code) == status
            [described] = operation["responses"][status]["content"].values()
            check(answer.json(), described, schema)
        for status in ("200", "201"):
            described = operation["responses"][status]["content"]["application/json"]
            assert described["examples"]
            for example in described["examples"].values():
                check(example["value"], described, schema)
        content = operation["requestBody"]["content"]
        assert set(content) == {"application/json", "text/csv", "multipart/form-data"}
        expected = {"400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "429"}
        assert expected <= set(operation["responses"])
