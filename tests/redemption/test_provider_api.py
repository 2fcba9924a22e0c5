"""Rewards that are bought on the spot, as a partner's program meets them, with a real worker."""

import threading
import time
from typing import Any

import pytest
from django.db import connection
from django.test import Client as HttpClient

from credit.models import IdempotencyRecord
from giftcards.emulator import Emulator
from giftcards.models import GiftCard
from redemption.models import Redemption
from redemption.services.awaiting import PATIENCE_SECONDS
from tests.races import run_at_once
from tests.redemption.buying import build_buying_world, orders, worker, working
from tests.redemption.test_api import Api, assert_problem, make_key
from tests.world import World

__all__ = ["worker"]

# What a machine that does other things may take for an answer that needs no time.
BUSY_SECONDS = 2.0

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]


@pytest.fixture
def world() -> World:
    return build_buying_world()


@pytest.fixture
def api(world: World) -> Api:
    return Api(make_key(world.client))


def wait_for_card(api: Api, redemption_id: str) -> dict[str, Any]:
    """Ask until the card is there, as a partner would."""
    for _ in range(150):
        body: dict[str, Any] = api.get(f"/redemptions/{redemption_id}/").json()
        if body["card"] is not None:
            assert body["state"] in ("issued", "delivered")
            return body
        time.sleep(0.1)
    raise AssertionError(body)


@pytest.mark.usefixtures("worker")
class TestQuickProvider:
    def test_answers_201_with_the_card(
        self, world: World, api: Api, tillo_emulator: Emulator
    ) -> None:
        (code,) = world.invite()
        response = api.redeem(code)
        assert response.status_code == 201, response.content
        body = response.json()
        (sale,) = tillo_emulator.sales()
        assert (body["state"], body["reason"], body["source"]) == ("issued", None, "api")
        assert (body["face_value"], body["charged"]) == ("25.00", "25.00")
        assert body["credit_remaining"] == "975.00"
        assert body["card"]["code"] == sale.code
        assert body["card"]["value"] == "25.00"
        assert body["reveal_url"].startswith("http")
        assert (body["message"]["channel"], body["message"]["state"]) == ("sms", "queued")
        assert body["delivered_at"] is None
        card = GiftCard.objects.get()
        assert (card.status, card.disclosed_at is not None) == ("delivered", True)
        row = Redemption.objects.get()
        assert row.state == "delivered"
        assert row.delivered_at is not None
        assert row.issued_at is not None
        assert row.created_at < row.issued_at < row.delivered_at

    def test_is_the_same_when_repeated(
        self, world: World, api: Api, tillo_emulator: Emulator
    ) -> None:
        (code,) = world.invite()
        first = api.redeem(code, key="k-1")
        again = api.redeem(code, key="k-1")
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json() == first.json()
        assert again["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first
        record = IdempotencyRecord.objects.get()
        assert (record.status, record.state) == (201, "issued")
        assert len(tillo_emulator.journal("sold")) == 1

    def test_is_refused_to_who_asks_again_with_another_key(self, world: World, api: Api) -> None:
        (code,) = world.invite()
        first = api.redeem(code).json()
        body = assert_problem(api.redeem(code), 409, "GC-010")
        assert body["redemption_id"] == first["id"]

    def test_that_refuses_lets_them_wait(
        self, world: World, api: Api, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": "725"}])
        (code,) = world.invite()
        first = api.redeem(code, key="k-1")
        assert first.status_code == 202
        body = first.json()
        assert (body["state"], body["reason"]["code"]) == ("waiting_stock", "GC-003")
        assert "24 hours" in body["reason"]["detail"]
        assert (body["card"], body["charged"], body["message"]) == (None, None, None)
        assert api.redeem(code, key="k-1").json() == body
        record = IdempotencyRecord.objects.get()
        assert (record.status, record.state) == (202, "waiting_stock")

    def test_that_refuses_is_a_502_where_nobody_may_wait(
        self, world: World, api: Api, tillo_emulator: Emulator
    ) -> None:
        world.campaign.queue_when_empty = False
        world.campaign.save()
        tillo_emulator.set_faults([{"action": "error", "code": "725"}])
        (code,) = world.invite()
        assert_problem(api.redeem(code, key="k-1"), 502, "GC-005")
        assert not IdempotencyRecord.objects.exists()
        assert world.balance() == 100_000
        tillo_emulator.set_faults([])
        assert api.redeem(code, key="k-1").status_code == 201

    def test_leaves_its_trace(self, world: World, api: Api) -> None:
        (code,) = world.invite()
        redemption_id = api.redeem(code).json()["id"]
        trace = api.get(f"/redemptions/{redemption_id}/").json()["trace"]
        assert [(step["step"], step["status"], step["code"]) for step in trace] == [
            ("claim_card", "empty", "GC-003"),
            ("find_route", "ok", None),
            ("place_order", "ok", None),
            ("call_provider", "ok", None),
            ("capture", "ok", None),
        ]
        assert all(step["milliseconds"] > 0 for step in trace)


class TestSlowProvider:
    def test_answers_202_and_then_the_card_to_who_looks(
        self, world: World, api: Api, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "slow", "seconds": 2.0}])
        (code,) = world.invite()
        with working():
            began = time.monotonic()
            first = api.redeem(code, key="k-1")
            assert time.monotonic() - began < PATIENCE_SECONDS + BUSY_SECONDS
            assert first.status_code == 202
            body = first.json()
            assert (body["state"], body["reason"]["code"]) == ("provisioning", "GC-005")
            assert "being prepared" in body["reason"]["detail"]
            assert (body["card"], body["charged"], body["reveal_url"]) == (None, None, None)
            assert (body["source"], body["message"], body["issued_at"]) == (None, None, None)
            found = wait_for_card(api, body["id"])
        (sale,) = tillo_emulator.sales()
        assert found["card"]["code"] == sale.code
        assert found["charged"] == "25.00"
        # What was said first is said again, whatever has become of it.
        again = api.redeem(code, key="k-1")
        assert again.status_code == 202
        assert again["Idempotency-Replayed"] == "true"
        assert again.json() == body
        assert len(tillo_emulator.journal("sold")) == 1

    def test_keeps_the_code_from_who_may_not_see_cards(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        api = Api(make_key(world.client, scopes=("redeem",)))
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "slow", "seconds": 2.0}])
        (code,) = world.invite()
        with working():
            redemption_id = api.redeem(code).json()["id"]
            found = wait_for_card(api, redemption_id)
        assert (found["card"]["code"], found["card"]["pin"]) == (None, None)
        assert GiftCard.objects.get().disclosed_at is None

    def test_answers_who_asks_meanwhile_with_another_key_at_once(
        self, world: World, api: Api
    ) -> None:
        (code,) = world.invite()
        first = api.redeem(code).json()
        began = time.monotonic()
        second = api.redeem(code)
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert second.status_code == 202
        body = second.json()
        assert (body["id"], body["state"]) == (first["id"], "provisioning")
        assert len(orders()) == 1

    def test_without_any_worker_says_that_it_is_being_prepared(
        self, world: World, api: Api
    ) -> None:
        (code,) = world.invite()
        began = time.monotonic()
        response = api.redeem(code)
        assert 0 < time.monotonic() - began - PATIENCE_SECONDS < BUSY_SECONDS
        assert (response.status_code, response.json()["state"]) == (202, "provisioning")

    def test_keeps_no_more_than_two_waiting_in_a_process(self, world: World, api: Api) -> None:
        codes = iter(world.invite(3))

        def redeem() -> tuple[float, int]:
            code = next(codes)
            began = time.monotonic()
            status: int = api.redeem(code).status_code
            return time.monotonic() - began, status

        answers = run_at_once(3, redeem)
        assert {answer[1] for answer in answers if isinstance(answer, tuple)} == {202}
        quick, *slow = sorted(answer[0] for answer in answers if isinstance(answer, tuple))
        assert quick < PATIENCE_SECONDS
        assert all(0 < seconds - PATIENCE_SECONDS < BUSY_SECONDS for seconds in slow)


@pytest.mark.usefixtures("worker")
class TestDoubleClick:
    def test_gets_the_first_answer_twice(
        self, world: World, api: Api, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "slow", "seconds": 0.3}])
        (code,) = world.invite()
        answers: list[Any] = []

        def click() -> None:
            try:
                answers.append(api.redeem(code, key="k-1"))
            finally:
                connection.close()

        clicks = [threading.Thread(target=click) for _ in range(2)]
        for one in clicks:
            one.start()
        for one in clicks:
            one.join()
        first, second = answers
        assert first.json() == second.json()
        assert first.status_code == second.status_code == 201
        replayed = sorted("Idempotency-Replayed" in answer for answer in answers)
        assert replayed == [False, True]
        assert len(tillo_emulator.journal("sold")) == 1
        assert len(orders()) == 1


class TestForm:
    @pytest.mark.usefixtures("worker")
    def test_shows_the_card_at_once_when_it_comes_quickly(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        (code,) = world.invite()
        page = self.redeem(HttpClient(), code)
        (sale,) = tillo_emulator.sales()
        assert "Here is your gift card" in page
        assert sale.code[-4:] in page

    def test_shows_a_page_that_follows_by_itself(self, world: World) -> None:
        (code,) = world.invite()
        http = HttpClient()
        page = self.redeem(http, code)
        assert "We are preparing your card" in page
        assert '<noscript><meta http-equiv="refresh"' in page
        assert "Check now" in page
        part = http.get("/redeem/", headers={"HX-Request": "true"})
        assert "HX-Refresh" not in part
        with working():
            for _ in range(100):
                if Redemption.objects.get().state != "provisioning":
                    break
                time.sleep(0.05)
        # The part that asks is told to load the page anew: only that discloses the card.
        part = http.get("/redeem/", headers={"HX-Request": "true"})
        assert part["HX-Refresh"] == "true"
        assert GiftCard.objects.get().disclosed_at is None
        assert "Here is your gift card" in http.get("/redeem/").content.decode()

    @pytest.mark.usefixtures("worker")
    def test_that_can_not_be_filled_offers_to_try_again(
        self, world: World, tillo_emulator: Emulator
    ) -> None:
        world.campaign.queue_when_empty = False
        world.campaign.save()
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "error", "code": "725"}])
        (code,) = world.invite()
        http = HttpClient()
        page = self.redeem(http, code)
        assert "Card could not be prepared" in page
        assert "your code is still good" in page
        assert "GC-" not in page
        assert 'name="phone"' in http.get("/redeem/").content.decode()
        page = self.give(http)
        assert "Here is your gift card" in page

    def redeem(self, http: HttpClient, code: str) -> str:
        http.post("/redeem/", {"code": code})
        return self.give(http)

    def give(self, http: HttpClient) -> str:
        fields = {"method": "sms", "phone": "202 555 0123"}
        return http.post("/redeem/", fields, follow=True).content.decode()
