"""Cancelling and replacing over the partner API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from credit.models import AuditEvent, IdempotencyRecord
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from redemption.models import Campaign, Redemption, Replacement
from redemption.services.redeem import Contact, RedeemResult
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import card_of, redeem_one, refunds, row
from tests.redemption.test_api import Api, assert_problem, make_key
from tests.redemption.visiting import put
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

WHY = {"reason": "The recipient moved away"}
FIELDS = {
    "id", "state", "reason", "campaign_id", "recipient_id", "condition_number", "source",
    "face_value", "charged", "currency", "credit_remaining", "card", "reveal_url", "message",
    "created_at", "issued_at", "delivered_at", "messages", "trace", "refunded",
}  # fmt: skip


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def api(world: World) -> Api:
    return Api(make_key(world.client))


def cancel(api: Api, result: RedeemResult, body: Any = WHY, **more: Any) -> Any:
    return api.post(f"/redemptions/{result.redemption_id}/cancel/", body, **more)


def replace(api: Api, result: RedeemResult, body: Any = WHY, **more: Any) -> Any:
    return api.post(f"/redemptions/{result.redemption_id}/replace/", body, **more)


class TestCancel:
    def test_tells_that_card_and_money_are_back(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        response = cancel(api, result)
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        body = response.json()
        assert set(body) == FIELDS
        assert (body["id"], body["state"]) == (str(result.redemption_id), "cancelled")
        assert (body["charged"], body["refunded"]) == ("25.00", "25.00")
        assert (body["card"], body["reveal_url"]) == (None, None)
        assert body["message"]["state"] == "cancelled"
        step = body["trace"][-1]
        assert (step["step"], step["status"]) == ("take_back", "cancelled")
        assert world.balance() == 100_000
        assert broken_invariants() == {}

    def test_tells_that_a_card_that_was_shown_is_void_and_stays_charged(
        self, world: World, api: Api
    ) -> None:
        result = redeem_one(world, disclose=True)
        body = cancel(api, result).json()
        assert (body["state"], body["charged"], body["refunded"]) == ("cancelled", "25.00", "0.00")
        card = body["card"]
        assert card["last4"] == card_of(result).last4
        assert (card["code"], card["pin"], card["number"], card["url"]) == (None,) * 4
        assert refunds() == []

    def test_is_what_a_look_afterwards_tells(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        told = cancel(api, result).json()
        assert api.get(f"/redemptions/{result.redemption_id}/").json() == told

    def test_tells_a_client_what_its_agency_got_back(self, world: World, api: Api) -> None:
        account = world.account.parent
        assert account is not None
        Campaign.objects.update(account=account, billing_entity="agency")
        put(account, 10_000)
        body = cancel(api, redeem_one(world)).json()
        assert (body["charged"], body["refunded"]) == ("25.00", "25.00")
        # What the agency has left is its own affair.
        assert body["credit_remaining"] is None

    def test_names_the_key_that_did_it(self, world: World, api: Api) -> None:
        cancel(api, redeem_one(world))
        event = AuditEvent.objects.get(action="redemption.cancelled")
        assert event.actor.startswith("key:")
        assert event.details["reason"] == WHY["reason"]

    def test_of_what_waits_refunds_nothing(self, world: World, api: Api) -> None:
        body = cancel(api, ask(world.invite()[0])).json()
        assert (body["state"], body["charged"], body["refunded"]) == ("cancelled", None, None)

    def test_a_second_time_is_not_possible(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        cancel(api, result)
        problem = assert_problem(cancel(api, result), 409, "GC-115")
        assert problem["state"] == "cancelled"


class TestReplace:
    def test_shows_the_new_card_and_charges_nothing(self, world: World, api: Api) -> None:
        result = redeem_one(world, disclose=True)
        (other,) = world.stock(1)
        response = replace(api, result)
        assert response.status_code == 200
        body = response.json()
        assert set(body) == FIELDS
        other.refresh_from_db()
        assert body["card"]["code"] == open_field(other.code_encrypted, field="code")
        assert other.disclosed_at is not None
        assert (body["state"], body["charged"], body["refunded"]) == ("delivered", "25.00", "0.00")
        assert [one["state"] for one in body["messages"]] == ["cancelled", "queued"]
        assert "/r/" in body["reveal_url"]
        assert world.balance() == 100_000 - 2_500
        assert broken_invariants() == {}

    def test_with_no_other_card_changes_nothing(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        before = snapshot()
        problem = assert_problem(replace(api, result), 409, "GC-003")
        assert set(problem["errors"]) == {"card"}
        assert snapshot() == before

    def test_of_what_waits_is_not_possible(self, world: World, api: Api) -> None:
        assert_problem(replace(api, ask(world.invite()[0])), 409, "GC-115")


class TestBoth:
    @pytest.mark.parametrize("way", ["cancel", "replace"])
    def test_are_not_for_strangers(self, world: World, way: str) -> None:
        result = redeem_one(world)
        stranger = build_world(name="Birch")
        path = f"/redemptions/{result.redemption_id}/{way}/"
        before = snapshot()
        for owner in (stranger.client, stranger.agency):
            assert_problem(Api(make_key(owner)).post(path, WHY), 404, "GC-111")
        anybody = Api(make_key(world.client))
        assert_problem(anybody.post(f"/redemptions/{uuid4()}/{way}/", WHY), 404, "GC-111")
        anybody.headers = {}
        assert_problem(anybody.post(path, WHY), 401, "GC-109")
        assert snapshot() == before

    @pytest.mark.parametrize(("way", "scope"), [("cancel", "redeem"), ("replace", "provision")])
    def test_need_their_scope(self, world: World, way: str, scope: str) -> None:
        result = redeem_one(world)
        world.stock(1)
        path = f"/redemptions/{result.redemption_id}/{way}/"
        for other in ("cards:reveal", "provision" if way == "cancel" else "redeem"):
            key = make_key(world.client, (other, "credit:read"))
            assert_problem(Api(key).post(path, WHY), 403, "GC-110")
        assert row(result).state == "issued"
        assert Api(make_key(world.client, (scope,))).post(path, WHY).status_code == 200

    @pytest.mark.parametrize("way", ["cancel", "replace"])
    def test_are_for_the_agency_and_the_platform_too(self, world: World, way: str) -> None:
        for owner in (world.agency, None):
            result = redeem_one(world)
            world.stock(1)
            path = f"/redemptions/{result.redemption_id}/{way}/"
            assert Api(make_key(owner)).post(path, WHY).status_code == 200

    @pytest.mark.parametrize("way", ["cancel", "replace"])
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "reason"),
            ({"reason": ""}, "reason"),
            ({"reason": "  "}, "reason"),
            ({"reason": None}, "reason"),
            ({"reason": 7}, "reason"),
            ({"reason": ["x"]}, "reason"),
            ({"reason": "x" * 501}, "reason"),
            ({"reason": "a\u0000b"}, "reason"),
            ({"reason": "x", "refund": True}, "refund"),
            ([], "body"),
            (b"{", ""),
        ],
    )
    def test_say_what_is_wrong_with_a_body(
        self, world: World, api: Api, way: str, body: Any, field: str
    ) -> None:
        result = redeem_one(world)
        world.stock(1)
        before = snapshot()
        response = api.post(f"/redemptions/{result.redemption_id}/{way}/", body)
        problem = assert_problem(response, 400, "GC-012")
        if field:
            assert set(problem["errors"]) == {field}
        assert snapshot() == before

    def test_keep_codes_out_of_the_record(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        code = open_field(card_of(result).code_encrypted, field="code")
        reason = {"reason": f"{code} is empty"}
        assert_problem(cancel(api, result, reason), 400, "GC-012")
        assert_problem(replace(api, result, reason), 400, "GC-012")
        assert not AuditEvent.objects.filter(details__icontains=code).exists()

    @pytest.mark.parametrize("way", ["cancel", "replace"])
    def test_take_nothing_but_a_post(self, world: World, api: Api, way: str) -> None:
        result = redeem_one(world)
        response = api.get(f"/redemptions/{result.redemption_id}/{way}/")
        assert_problem(response, 405, "GC-117")


class TestIdempotencyKey:
    def test_repeats_the_answer_of_a_cancel(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        first = cancel(api, result, key="k")
        second = cancel(api, result, key="k")
        assert (first.status_code, second.status_code) == (200, 200)
        assert second["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first
        assert first.json() == second.json()
        assert refunds() == [2_500]

    def test_repeats_the_answer_of_a_replace_and_exchanges_once(
        self, world: World, api: Api
    ) -> None:
        result = redeem_one(world)
        world.stock(2)
        first = replace(api, result, key="k")
        second = replace(api, result, key="k")
        assert second["Idempotency-Replayed"] == "true"
        assert first.json() == second.json()
        assert Replacement.objects.count() == 1
        # Nothing of a code rests in what is kept.
        kept = IdempotencyRecord.objects.get(key="k")
        assert first.json()["card"]["code"] not in str(kept.details)

    def test_does_not_show_the_code_of_a_later_card(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        world.stock(2)
        replace(api, result, key="k")
        later = replace(api, result, key="k2").json()
        again = replace(api, result, key="k").json()
        assert again["card"]["code"] is None
        assert again["card"]["last4"] == later["card"]["last4"]

    def test_of_another_body_or_redemption_is_refused(self, world: World, api: Api) -> None:
        result, other = redeem_one(world), redeem_one(world)
        cancel(api, result, key="k")
        assert_problem(cancel(api, result, {"reason": "Another"}, key="k"), 422, "GC-107")
        assert_problem(cancel(api, other, key="k"), 422, "GC-107")
        assert row(other).state == "issued"

    def test_keeps_a_refusal_that_would_come_out_the_same(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        assert_problem(cancel(api, result, {}, key="k"), 400, "GC-012")
        again = cancel(api, result, {}, key="k")
        assert_problem(again, 400, "GC-012")
        assert again["Idempotency-Replayed"] == "true"

    def test_keeps_none_that_may_come_out_differently(self, world: World, api: Api) -> None:
        result = redeem_one(world)
        assert_problem(replace(api, result, key="k"), 409, "GC-003")
        world.stock(1)
        assert replace(api, result, key="k").status_code == 200


class TestTheAnswerOfARedemption:
    def test_repeated_after_a_cancel_shows_no_code(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        first = api.redeem(code, key="k").json()
        assert first["card"]["code"]
        api.post(f"/redemptions/{first['id']}/cancel/", WHY)
        again = api.redeem(code, key="k").json()
        assert (again["state"], again["card"]["code"]) == ("issued", None)

    def test_repeated_after_a_replace_shows_no_card_that_is_not_disclosed(
        self, world: World, api: Api
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        first = api.redeem(code, key="k").json()
        (other,) = world.stock(1)
        from tests.redemption.taking_back import replace as replace_by_hand

        replace_by_hand(_Result(first["id"]))  # type: ignore[arg-type]
        other.refresh_from_db()
        assert other.disclosed_at is None
        again = api.redeem(code, key="k").json()
        other.refresh_from_db()
        # It shows the card that the redemption has now, after its mark was committed.
        assert again["card"]["code"] == open_field(other.code_encrypted, field="code")
        assert other.disclosed_at is not None


class _Result:
    def __init__(self, redemption_id: str) -> None:
        self.redemption_id = redemption_id


class TestOfAnyDoor:
    def test_a_partner_cancels_what_came_in_by_another_door(self, world: World, api: Api) -> None:
        result = redeem_one(world, contact=Contact(method="none"))
        Redemption.objects.update(door="web")
        assert cancel(api, result).status_code == 200
        assert GiftCard.objects.get().status == "available"


class TestRepeat:
    def test_of_a_replacement_tells_the_first_state(self, world: World, api: Api) -> None:
        result = redeem_one(world, disclose=True)
        world.stock(1)
        first = replace(api, result, key="one").json()
        cancel(api, result)
        again = replace(api, result, key="one")
        assert again["Idempotency-Replayed"] == "true"
        assert (first["state"], again.json()["state"]) == ("delivered", "delivered")
        assert again.json()["reason"] is None
        # The card has been void since then: its code is nobody's.
        assert again.json()["card"]["code"] is None
