"""The partner API of redemptions, over Django's test client and a real database."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as HttpClient

from alerts.transactions import transaction
from credit.models import Agency, Client, Entry, IdempotencyRecord
from credit.services.api_keys import SCOPES, create_api_key
from giftcards.models import GiftCard
from redemption.models import Redemption
from sms.models import Message
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

SMS = {"method": "sms", "phone": "+1 202 555 0123"}


@pytest.fixture
def world() -> World:
    return build_world()


def make_key(owner: Agency | Client | None, scopes: tuple[str, ...] = SCOPES) -> str:
    with transaction():
        return create_api_key(name="Test", owner=owner, scopes=scopes, now=NOW)[1]


class Api:
    """A partner with a key."""

    def __init__(self, secret: str) -> None:
        self.http = HttpClient()
        self.headers = {"Authorization": f"Api-Key {secret}"}

    def post(self, path: str, body: Any, *, key: str | None = None, **headers: str) -> Any:
        sent = {**self.headers, **headers}
        if key is not None:
            sent["Idempotency-Key"] = key
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(f"/api/v1{path}", raw, content_type="application/json", headers=sent)

    def redeem(self, code: str, *, key: str | None = None, **fields: Any) -> Any:
        return self.post(
            "/redemptions/", {"code": code, "contact": SMS, **fields}, key=key or str(uuid4())
        )

    def get(self, path: str) -> Any:
        return self.http.get(f"/api/v1{path}", headers=self.headers)


@pytest.fixture
def api(world: World) -> Api:
    return Api(make_key(world.client))


def assert_problem(response: Any, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["code"] == code
    assert body["status"] == status
    assert set(body) >= {"type", "title", "detail", "request_id"}
    return body


class TestValidate:
    def test_tells_what_a_code_is_worth_without_a_key(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        response = HttpClient().post(
            "/api/v1/codes/validate/", {"code": code.lower()}, content_type="application/json"
        )
        assert response.status_code == 200
        assert response.json() == {
            "valid": True,
            "state": "ready",
            "campaign": {"id": str(world.campaign.pk), "name": "Acorn campaign"},
            "conditions": [
                {
                    "number": 1,
                    "name": "Came to the appointment",
                    "brand": "Acorn Shop",
                    "value": "25.00",
                    "currency": "USD",
                }
            ],
            "requires": ["contact"],
        }

    def test_says_out_of_stock_and_still_valid(self, world: World, api: Api) -> None:
        (code,) = world.invite()
        body = api.post("/codes/validate/", {"code": code}).json()
        assert (body["state"], body["valid"]) == ("out_of_stock", True)

    def test_says_redeemed_afterwards(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        api.redeem(code)
        body = api.post("/codes/validate/", {"code": code}).json()
        assert (body["state"], body["valid"], body["requires"]) == ("redeemed", False, [])

    def test_does_not_know_another_clients_code(self, world: World) -> None:
        stranger = build_world(name="Birch")
        (code,) = world.invite()
        response = Api(make_key(stranger.client)).post("/codes/validate/", {"code": code})
        assert_problem(response, 404, "GC-011")


class TestRedeem:
    def test_issues_a_card_and_shows_its_code(self, world: World, api: Api) -> None:
        (card,) = world.stock(1)
        (code,) = world.invite()
        response = api.redeem(code)
        assert response.status_code == 201
        body = response.json()
        assert body["state"] == "issued"
        assert body["reason"] is None
        assert body["source"] == "csv"
        assert (body["face_value"], body["charged"], body["currency"]) == ("25.00", "25.00", "USD")
        assert body["credit_remaining"] == "975.00"
        assert body["card"]["code"].startswith("GIFT-")
        assert body["card"]["pin"] == "4321"
        assert body["card"]["last4"] == card.last4
        assert body["message"]["to_masked"].endswith("0123")
        assert "555" not in body["message"]["to_masked"]
        assert body["message"]["state"] == "queued"
        assert "/r/" in body["reveal_url"]
        assert response["Cache-Control"] == "no-store"
        card.refresh_from_db()
        # Shown is seen: the mark was committed with the claim.
        assert card.status == GiftCard.Status.DELIVERED
        assert card.disclosed_at is not None

    def test_hides_credit_from_a_key_without_the_scope(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        body = Api(make_key(world.client, ("redeem",))).redeem(code).json()
        assert body["credit_remaining"] is None

    def test_waits_with_202_when_out_of_stock(self, world: World, api: Api) -> None:
        (code,) = world.invite()
        first = api.redeem(code)
        assert first.status_code == 202
        assert first.json()["state"] == "waiting_stock"
        assert first.json()["reason"]["code"] == "GC-003"
        assert first.json()["card"] is None
        assert world.balance() == 100_000
        assert api.redeem(code).json()["id"] == first.json()["id"]

    def test_refuses_a_second_time_with_the_first_ones_id(self, world: World, api: Api) -> None:
        world.stock(2)
        (code,) = world.invite()
        first = api.redeem(code).json()
        body = assert_problem(api.redeem(code), 409, "GC-010")
        assert body["redemption_id"] == first["id"]
        assert GiftCard.objects.filter(status="available").count() == 1

    def test_gives_a_test_code_no_card_and_takes_no_money(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite(is_test=True)
        body = api.redeem(code).json()
        assert body["state"] == "issued"
        assert body["card"]["code"].startswith("TEST-")
        assert body["charged"] == "0.00"
        assert world.balance() == 100_000
        assert GiftCard.objects.filter(status="available").count() == 1

    def test_sends_nothing_when_no_contact_is_given(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        body = api.post("/redemptions/", {"code": code}, key="a").json()
        assert body["message"] is None
        assert Message.objects.count() == 0

    def test_refuses_when_credit_is_short_and_keeps_nothing(self) -> None:
        world = build_world(credit_minor=2499)
        world.stock(1)
        (code,) = world.invite()
        assert_problem(Api(make_key(world.client)).redeem(code), 402, "GC-006")
        assert Redemption.objects.count() == 0
        assert GiftCard.objects.get().status == "available"
        assert IdempotencyRecord.objects.count() == 0


class TestAccess:
    def test_refuses_a_caller_without_a_key(self, world: World) -> None:
        response = HttpClient().post(
            "/api/v1/redemptions/", {"code": "x"}, content_type="application/json"
        )
        assert_problem(response, 401, "GC-109")
        assert response["WWW-Authenticate"].startswith("Api-Key")

    @pytest.mark.parametrize("header", ["Bearer abc", "Api-Key", "Api-Key wrong", "Api-Key \x00"])
    def test_refuses_a_bad_key(self, world: World, header: str) -> None:
        response = HttpClient().post(
            "/api/v1/codes/validate/",
            {"code": "x"},
            content_type="application/json",
            headers={"Authorization": header},
        )
        assert_problem(response, 401, "GC-109")

    def test_refuses_a_key_without_the_scope(self, world: World) -> None:
        api = Api(make_key(world.client, ("credit:read",)))
        assert_problem(api.redeem("x"), 403, "GC-110")

    def test_hides_another_clients_code_and_redemption(self, world: World, api: Api) -> None:
        stranger = Api(make_key(build_world(name="Birch").client))
        world.stock(1)
        (code,) = world.invite()
        assert_problem(stranger.redeem(code), 404, "GC-011")
        redemption_id = api.redeem(code).json()["id"]
        assert_problem(stranger.get(f"/redemptions/{redemption_id}/"), 404, "GC-111")

    def test_lets_the_own_agency_and_the_platform_in(self, world: World) -> None:
        world.stock(2)
        first, second = world.invite(2)
        assert Api(make_key(world.agency)).redeem(first).status_code == 201
        assert Api(make_key(None)).redeem(second).status_code == 201


class TestIdempotency:
    def test_prints_the_first_answer_again(self, world: World, api: Api) -> None:
        world.stock(2)
        (code,) = world.invite()
        first = api.redeem(code, key="one")
        again = api.redeem(code, key="one")
        assert again.status_code == 201
        assert again["Idempotency-Replayed"] == "true"
        assert again.json() == first.json()
        assert Redemption.objects.count() == 1
        assert Message.objects.count() == 1
        assert world.balance() == 97_500

    def test_prints_a_waiting_answer_again_after_it_was_served(
        self, world: World, api: Api
    ) -> None:
        (code,) = world.invite()
        first = api.redeem(code, key="one")
        assert api.redeem(code, key="one").json() == first.json()

    def test_keeps_the_key_over_a_rotation(self, world: World, api: Api) -> None:
        world.stock(2)
        (code,) = world.invite()
        first = api.redeem(code, key="one").json()
        assert Api(make_key(world.client)).redeem(code, key="one").json() == first

    def test_refuses_the_key_for_another_body(self, world: World, api: Api) -> None:
        world.stock(2)
        one, two = world.invite(2)
        api.redeem(one, key="one")
        assert_problem(api.redeem(two, key="one"), 422, "GC-107")
        assert Redemption.objects.count() == 1

    def test_repeats_a_kept_refusal(self, world: World, api: Api) -> None:
        first = api.redeem("7777-7777-77777", key="one")
        again = api.redeem("7777-7777-77777", key="one")
        assert_problem(first, 404, "GC-011")
        assert_problem(again, 404, "GC-011")
        assert again["Idempotency-Replayed"] == "true"

    def test_forgets_a_refusal_that_may_come_out_differently(self) -> None:
        world = build_world(credit_minor=0)
        world.stock(1)
        (code,) = world.invite()
        api = Api(make_key(world.client))
        assert_problem(api.redeem(code, key="one"), 402, "GC-006")
        assert IdempotencyRecord.objects.count() == 0

    @pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "é"])
    def test_asks_for_a_printable_key(self, world: World, api: Api, key: str) -> None:
        (code,) = world.invite()
        body = assert_problem(api.post("/redemptions/", {"code": code}, key=key), 400, "GC-012")
        assert "Idempotency-Key" in body["errors"]

    def test_stores_no_code(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        shown = api.redeem(code, key="one").json()["card"]["code"]
        record = IdempotencyRecord.objects.get()
        assert shown not in json.dumps(record.details)
        assert code not in json.dumps(record.details)


class TestBadInput:
    @pytest.mark.parametrize(
        ("raw", "field"),
        [
            (b"", "code"),
            (b"{", "body"),
            (b"[]", "body"),
            (b"null", "body"),
            (b'"code"', "body"),
            (b'{"code": NaN}', "body"),
            (b'{"code": "a", "code": "b"}', "body"),
            (b"\xff\xfe{\x00}\x00", "body"),
            (b'{"code": "caf\xe9"}', "body"),
            (b"[" * 100_000, "body"),
            (b'{"a":' * 60 + b"1" + b"}" * 60, "body"),
            (b'{"code": 12}', "code"),
            (b"{}", "code"),
            (b'{"code": null}', "code"),
            (b'{"code": ["x"]}', "code"),
            (b'{"code": ""}', "code"),
            (b'{"code": "a\\u0000b"}', "code"),
            (b'{"code": "' + b"x" * 200 + b'"}', "code"),
            (b'{"code": "x", "colour": "red"}', "colour"),
            (b'{"code": "x", "\\u0000": 1}', "\ufffd"),
            (b'{"code": "x", "\\ud800": 1}', "\ufffd"),
            (b'{"code": "x", "contact": []}', "contact"),
            (b'{"code": "x", "contact": {"method": "pigeon"}}', "contact.method"),
            (b'{"code": "x", "contact": {"method": "sms"}}', "contact.phone"),
            (b'{"code": "x", "contact": {"method": "sms", "phone": "12"}}', "contact.phone"),
            (b'{"code": "x", "contact": {"method": "email", "email": "a"}}', "contact.email"),
            (b'{"code": "x", "condition_number": 0}', "condition_number"),
            (b'{"code": "x", "condition_number": "one"}', "condition_number"),
        ],
    )
    def test_names_the_field_and_writes_nothing(
        self, world: World, api: Api, raw: bytes, field: str
    ) -> None:
        response = api.post("/redemptions/", raw, key="one")
        body = assert_problem(response, 400, "GC-012")
        assert field in body["errors"]
        assert Redemption.objects.count() == 0
        assert Entry.objects.count() == 4

    def test_refuses_a_body_over_ten_megabytes(self, world: World, api: Api) -> None:
        raw = b'{"code": "' + b"x" * (10 * 1024 * 1024) + b'"}'
        assert_problem(api.post("/redemptions/", raw, key="one"), 413, "GC-116")

    def test_refuses_another_content_type(self, world: World, api: Api) -> None:
        response = api.http.post(
            "/api/v1/redemptions/",
            {"code": "x"},
            headers={**api.headers, "Idempotency-Key": "one"},
        )
        assert_problem(response, 415, "GC-117")

    def test_refuses_another_method(self, world: World, api: Api) -> None:
        response = api.http.delete("/api/v1/redemptions/", headers=api.headers)
        assert_problem(response, 405, "GC-117")
        assert "POST" in response["Allow"]

    def test_answers_an_unknown_address_with_a_problem(self) -> None:
        assert_problem(HttpClient().get("/api/v1/nothing/"), 404, "GC-111")

    def test_reads_a_code_however_it_is_typed(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        typed = f" {code[:4]} - {code[4:].lower()} ".replace("0", "o").replace("1", "l")
        assert api.redeem(typed).status_code == 201


class TestRead:
    def test_shows_the_trace_and_hides_the_code_without_the_scope(
        self, world: World, api: Api
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        redemption_id = api.redeem(code).json()["id"]
        body = Api(make_key(world.client, ("redeem",))).get(f"/redemptions/{redemption_id}/").json()
        assert body["state"] == "delivered"
        assert body["card"]["code"] is None
        assert body["card"]["pin"] is None
        assert body["reveal_url"] is None
        assert [step["step"] for step in body["trace"]] == [
            "claim_card",
            "queue_message",
            "debit_account",
        ]
        assert [message["channel"] for message in body["messages"]] == ["sms"]

    def test_shows_the_code_to_who_may_reveal_it(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        shown = api.redeem(code).json()
        body = api.get(f"/redemptions/{shown['id']}/").json()
        assert body["card"]["code"] == shown["card"]["code"]
