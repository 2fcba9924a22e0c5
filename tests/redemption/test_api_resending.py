"""Sending a reward again over the partner API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from alerts.transactions import transaction
from credit.models import AuditEvent, IdempotencyRecord
from redemption.services.redeem import RedeemResult
from sms.models import Message
from sms.services.consents import Proof, revoke_consent
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import cancel, live_links, redeem_one, row
from tests.redemption.test_api import Api, assert_problem, make_key
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = "+12025550199"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def api(world: World) -> Api:
    return Api(make_key(world.client))


def path_of(result: RedeemResult) -> str:
    return f"/redemptions/{result.redemption_id}/resend/"


def resend(api: Api, result: RedeemResult, body: Any = None, **more: Any) -> Any:
    return api.post(path_of(result), {} if body is None else body, **more)


class TestResend:
    def test_says_where_it_goes(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        response = resend(api, result)
        assert response.status_code == 202
        assert response["Cache-Control"] == "no-store"
        message = Message.objects.get(purpose="resend")
        assert response.json() == {
            "message": {
                "id": str(message.pk),
                "channel": "sms",
                "to_masked": "•••0123",
                "state": "queued",
            }
        }

    def test_goes_to_a_corrected_number(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        response = resend(api, result, {"method": "sms", "to": "(202) 555-0199"})
        assert response.json()["message"]["to_masked"] == "•••0199"
        assert row(result).contact_to == OTHER
        assert live_links(result) == [2]
        # A look afterwards tells of both, and shows no number.
        detail = api.get(f"/redemptions/{result.redemption_id}/")
        assert [one["state"] for one in detail.json()["messages"]] == ["cancelled", "queued"]
        assert detail.json()["trace"][-1]["step"] == "resend"
        assert "5550199" not in detail.content.decode()

    def test_goes_by_email(self, world: World, api: Api, settings: Settings) -> None:
        settings.EMAIL_ENABLED = True
        response = resend(api, redeem_one(world), {"to": "ana@example.com"})
        assert response.json()["message"]["channel"] == "email"

    def test_names_the_key_that_did_it(self, world: World, api: Api) -> None:
        resend(api, redeem_one(world))
        assert AuditEvent.objects.get(action="redemption.resent").actor.startswith("key:")

    def test_is_not_for_what_waits_or_has_ended(self, world: World, api: Api) -> None:
        waiting = ask(world.invite()[0])
        assert assert_problem(resend(api, waiting), 409, "GC-115")["state"] == "waiting_stock"
        world.stock(1)
        ended = redeem_one(world)
        cancel(ended)
        assert assert_problem(resend(api, ended), 409, "GC-115")["state"] == "cancelled"

    def test_says_that_a_person_wants_no_texts(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        whose = {"client_ids": [world.client.pk], "proof": Proof(way="text: STOP"), "now": NOW}
        with transaction():
            revoke_consent(phone=OTHER, **whose)  # type: ignore[arg-type]
        problem = assert_problem(resend(api, result, {"to": OTHER}), 400, "GC-012")
        assert problem["errors"]["to"][0].startswith("This person has replied STOP")
        assert row(result).contact_to == "+12025550123"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"to": "12"}, "to"),
            ({"to": ""}, "to"),
            ({"to": None}, "to"),
            ({"to": 12025550199}, "to"),
            ({"to": "x" * 255}, "to"),
            ({"to": "a\u0000b"}, "to"),
            ({"method": "email"}, "to"),
            ({"method": "fax"}, "method"),
            ({"method": "none"}, "method"),
            ({"method": ["sms"]}, "method"),
            ({"phone": OTHER}, "phone"),
            ([], "body"),
            (b"{", ""),
        ],
    )
    def test_says_what_is_wrong_with_a_body(
        self, world: World, api: Api, body: Any, field: str
    ) -> None:
        result = redeem_one(world)
        before = snapshot()
        problem = assert_problem(resend(api, result, body), 400, "GC-012")
        if field:
            assert set(problem["errors"]) == {field}
        assert snapshot() == before

    def test_is_not_for_strangers(self, world: World) -> None:
        result = redeem_one(world)
        stranger = build_world(name="Birch")
        before = snapshot()
        for owner in (stranger.client, stranger.agency):
            assert_problem(Api(make_key(owner)).post(path_of(result), {}), 404, "GC-111")
        anybody = Api(make_key(world.client))
        assert_problem(anybody.post(f"/redemptions/{uuid4()}/resend/", {}), 404, "GC-111")
        anybody.headers = {}
        assert_problem(anybody.post(path_of(result), {}), 401, "GC-109")
        assert snapshot() == before

    def test_needs_its_scope(self, world: World) -> None:
        result = redeem_one(world)
        key = make_key(world.client, ("provision", "cards:reveal", "credit:read"))
        assert_problem(Api(key).post(path_of(result), {}), 403, "GC-110")
        assert Message.objects.count() == 1
        key = make_key(world.client, ("redeem",))
        assert Api(key).post(path_of(result), {}).status_code == 202

    def test_is_for_the_agency_and_the_platform_too(self, world: World) -> None:
        for owner in (world.agency, None):
            result = redeem_one(world)
            assert Api(make_key(owner)).post(path_of(result), {}).status_code == 202

    def test_takes_nothing_but_a_post(self, world: World, api: Api) -> None:
        assert_problem(api.get(path_of(redeem_one(world))), 405, "GC-117")


class TestIdempotencyKey:
    def test_sends_once_and_repeats_the_answer(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        first = resend(api, result, {"to": OTHER}, key="k")
        Message.objects.update(state="delivered", next_attempt_at=None)
        second = resend(api, result, {"to": OTHER}, key="k")
        assert (first.status_code, second.status_code) == (202, 202)
        assert "Idempotency-Replayed" not in first
        assert second["Idempotency-Replayed"] == "true"
        assert first.json() == second.json()
        assert Message.objects.filter(purpose="resend").count() == 1
        # Nothing of a number rests in what is kept.
        assert "5550199" not in str(IdempotencyRecord.objects.get(key="k").details)

    def test_of_another_body_or_redemption_is_refused(self, world: World, api: Api) -> None:
        result, other = redeem_one(world), redeem_one(world)
        resend(api, result, key="k")
        assert_problem(resend(api, result, {"to": OTHER}, key="k"), 422, "GC-107")
        assert_problem(resend(api, other, key="k"), 422, "GC-107")
        assert Message.objects.filter(purpose="resend").count() == 1

    def test_keeps_a_refusal_that_would_come_out_the_same(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        assert_problem(resend(api, result, {"to": "12"}, key="k"), 400, "GC-012")
        again = resend(api, result, {"to": "12"}, key="k")
        assert_problem(again, 400, "GC-012")
        assert again["Idempotency-Replayed"] == "true"

    def test_keeps_none_that_may_come_out_differently(self, world: World, api: Api) -> None:
        waiting = ask(world.invite()[0])
        assert_problem(resend(api, waiting, key="k"), 409, "GC-115")
        assert not IdempotencyRecord.objects.filter(key="k").exists()

    def test_may_be_left_out(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        resend(api, result)
        resend(api, result)
        assert Message.objects.filter(purpose="resend").count() == 2
