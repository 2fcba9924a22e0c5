"""The guard as the form and the API show it: words, status and when to come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.test import override_settings

from redemption.models import AddressBlock, AttemptLog, Redemption
from redemption.services.attempts import clear_attempts
from redemption.throttling import digest_of_code
from tests.redemption.guarding import attempt, empty_counters, results, shipped_limits
from tests.redemption.test_api import Api, assert_problem, make_key
from tests.world import World, build_world

__all__ = ["empty_counters", "shipped_limits"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("shipped_limits"),
]


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def by_proxy() -> Iterator[None]:
    with override_settings(TRUSTED_PROXY_HOPS=1):
        yield


def enter(code: str = "NOSUCHCODE", **headers: str) -> Any:
    return Browser(headers=headers).post("/redeem/", {"code": code})


class TestForm:
    def test_tells_the_sixth_how_long_to_wait(self) -> None:
        for _ in range(5):
            assert enter().status_code == 404
        answer = enter()
        assert answer.status_code == 429
        assert 290 <= int(answer["Retry-After"]) <= 300
        text = answer.content.decode()
        assert "Please wait 5 minutes and try again" in text
        assert "GC-101" not in text
        assert results() == ["unknown_code"] * 5 + ["rate_limited"]

    def test_keeps_no_code(self, world: World) -> None:
        (code,) = world.invite()
        enter(code)
        (row,) = AttemptLog.objects.values()
        assert bytes(row["code_digest"]) == digest_of_code(code)
        assert code.replace("-", "") not in repr(row).replace("-", "")
        assert row["request_id"]

    def test_counts_good_codes_too(self, world: World) -> None:
        world.stock(1)
        codes = world.invite(6)
        assert [enter(code).status_code for code in codes] == [302] * 5 + [429]

    def test_is_closed_to_a_blocked_address(self, world: World) -> None:
        (code,) = world.invite()
        AddressBlock.objects.create(network="127.0.0.0/8", reason="x", created_by="x")
        answer = enter(code)
        assert answer.status_code == 403
        assert "try again tomorrow" in answer.content.decode()
        assert results() == ["blocked"]

    def test_does_not_believe_a_claimed_address(self) -> None:
        for number in range(5):
            enter(**{"X-Forwarded-For": f"198.51.100.{number}", "X-Customer-IP": f"1.2.3.{number}"})
        assert enter(**{"X-Forwarded-For": "198.51.100.77"}).status_code == 429
        assert {a.network for a in AttemptLog.objects.all()} == {"127.0.0.1/32"}

    @pytest.mark.usefixtures("by_proxy")
    def test_believes_what_our_proxy_has_added_and_no_more(self) -> None:
        for number in range(5):
            enter(**{"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.9"})
        assert enter(**{"X-Forwarded-For": "8.8.8.8, 203.0.113.9"}).status_code == 429
        assert enter(**{"X-Forwarded-For": "203.0.113.9, 203.0.113.10"}).status_code == 404

    def test_does_not_count_what_is_no_attempt(self) -> None:
        browser = Browser()
        for _ in range(9):
            browser.get("/redeem/")
            browser.post("/redeem/", {"code": " "})
        assert not AttemptLog.objects.exists()


class TestAPIWithoutKey:
    def ask(self, code: str) -> Any:
        return Browser().post(
            "/api/v1/codes/validate/", {"code": code}, content_type="application/json"
        )

    def test_shares_its_limit_with_the_form(self) -> None:
        for _ in range(3):
            enter()
        for _ in range(2):
            assert_problem(self.ask("NOSUCHCODE"), 404, "GC-011")
        answer = self.ask("NOSUCHCODE")
        assert_problem(answer, 429, "GC-101")
        assert 290 <= int(answer["Retry-After"]) <= 300
        assert enter().status_code == 429

    def test_is_closed_to_a_blocked_address(self) -> None:
        AddressBlock.objects.create(network="127.0.0.1/32", reason="x", created_by="x")
        assert_problem(self.ask("NOSUCHCODE"), 403, "GC-102")

    def test_does_not_count_what_it_can_not_read(self) -> None:
        Browser().post("/api/v1/codes/validate/", "{", content_type="application/json")
        assert not AttemptLog.objects.exists()


class TestAPIWithKey:
    @pytest.fixture
    def api(self, world: World) -> Api:
        return Api(make_key(world.client))

    def test_is_not_limited_by_its_address(self, world: World, api: Api) -> None:
        AddressBlock.objects.create(network="127.0.0.1/32", reason="x", created_by="x")
        world.stock(12)
        for code in world.invite(12):
            assert api.redeem(code).status_code == 201
        for _ in range(25):
            assert_problem(api.redeem(f"N{uuid4().hex[:10]}"), 404, "GC-011")
        assert AddressBlock.objects.count() == 1

    def test_may_not_try_a_code_eleven_times(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        answers = [api.redeem(code).status_code for _ in range(11)]
        assert answers == [201] + [409] * 9 + [429]
        assert Redemption.objects.count() == 1

    def test_repeats_are_answered_at_the_limit_too(self, world: World, api: Api) -> None:
        world.stock(1)
        (code,) = world.invite()
        first = api.redeem(code, key="k")
        for _ in range(30):
            again = api.redeem(code, key="k")
            assert again["Idempotency-Replayed"] == "true"
            assert again.json() == first.json()
        for _ in range(9):
            api.redeem(code)
        assert_problem(api.redeem(code), 429, "GC-101")
        assert api.redeem(code, key="k").json() == first.json()
        # A refusal for being early is not kept under its key.
        refused = api.redeem(code, key="late")
        assert_problem(refused, 429, "GC-101")
        with override_settings(RATE_LIMIT_CODE=(100, 3600.0)):
            assert_problem(api.redeem(code, key="late"), 409, "GC-010")

    def test_named_customers_are_limited_by_their_address(self, api: Api) -> None:
        for _ in range(5):
            named = api.post(
                "/codes/validate/", {"code": "NONE1"}, **{"X-Customer-IP": "198.51.100.4"}
            )
            assert_problem(named, 404, "GC-011")
        header = {"X-Customer-IP": "198.51.100.4"}
        assert_problem(api.post("/codes/validate/", {"code": "NONE2"}, **header), 429, "GC-101")
        other = {"X-Customer-IP": "2001:db8::1"}
        assert_problem(api.post("/codes/validate/", {"code": "NONE2"}, **other), 404, "GC-011")
        assert_problem(api.post("/codes/validate/", {"code": "NONE2"}), 404, "GC-011")

    def test_refuses_a_customer_address_that_is_none(self, api: Api) -> None:
        header = {"X-Customer-IP": "the customer"}
        body = assert_problem(
            api.post("/codes/validate/", {"code": "NONE1"}, **header), 400, "GC-012"
        )
        assert list(body["errors"]) == ["X-Customer-IP"]

    def test_calls_are_counted_by_key_on_every_address(self, world: World, api: Api) -> None:
        with override_settings(RATE_LIMIT_API_KEY=(4, 60.0)):
            api.get("/campaigns/")
            api.get("/campaigns/")
            api.post("/codes/validate/", {"code": "NONE1"})
            assert api.get("/campaigns/").status_code == 200
            answer = api.get("/campaigns/")
            assert_problem(answer, 429, "GC-101")
            assert 55 <= int(answer["Retry-After"]) <= 60
            assert_problem(api.redeem("NONE1"), 429, "GC-101")
            assert Api(make_key(world.client)).get("/campaigns/").status_code == 200


class TestClearAttempts:
    def test_clears_what_is_old_and_no_limit_needs(self) -> None:
        enter()
        tried_at = AttemptLog.objects.get().at
        assert clear_attempts(now=tried_at + timedelta(days=29)) == 0
        with override_settings(ATTEMPTS_KEPT=0.0):
            # It may still be counted: no setting clears what is younger than a day.
            assert clear_attempts(now=tried_at + timedelta(seconds=1)) == 0
        assert AttemptLog.objects.count() == 1

    def test_clears_what_is_older_than_it_is_kept(self) -> None:
        attempt()  # at NOW, which is long ago
        enter()
        assert clear_attempts(now=datetime.now(UTC)) == 1
        assert results() == ["unknown_code"]
