"""The three limits, to the attempt and to the second; with Redis and without."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from alerts.throttling import RateLimitedError
from credit.services.idempotency import KeyAnsweredError, KeyClaim
from redemption.models import AddressAllow, AddressBlock, AttemptLog
from redemption.services.second_factor import SecondFactorError
from redemption.throttling import BlockedError, agent, partner, stranger
from tests.redemption.guarding import (
    attempt,
    empty_counters,
    fail,
    moment,
    no_redis,
    results,
    shipped_limits,
)
from tests.world import NOW

__all__ = ["empty_counters", "no_redis", "shipped_limits"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("shipped_limits"),
]


@pytest.fixture(params=["redis", "database"], autouse=True)
def who_counts(request: pytest.FixtureRequest) -> str:
    if request.param == "database":
        request.getfixturevalue("no_redis")
    return str(request.param)


class TestAddress:
    def test_may_try_five_codes_in_five_minutes_and_no_sixth(self) -> None:
        for second in range(5):
            attempt(at=second)
        with pytest.raises(RateLimitedError) as refused:
            attempt(at=10)
        # The first was at 0, so there is room again at 300.
        assert refused.value.retry_after_seconds == 290
        assert results() == ["tried"] * 5 + ["rate_limited"]
        assert AttemptLog.objects.get(result="rate_limited").limit == "address"

    def test_may_try_again_when_the_first_is_five_minutes_old(self) -> None:
        for second in range(5):
            attempt(at=second)
        with pytest.raises(RateLimitedError):
            attempt(at=299.999)
        attempt(at=300)
        with pytest.raises(RateLimitedError):
            attempt(at=300.5)

    def test_finds_no_edge_of_a_window_to_try_ten_at(self) -> None:
        # Whatever clock minutes there are: five at any moment, five more just after the next
        # full five minutes, is what a fixed window lets through.
        for start in (0, 97, 201, 298):
            address = f"198.51.100.{start % 250}"
            for _ in range(5):
                attempt(address=address, at=start)
            for later in (1, 60, 150, 299):
                with pytest.raises(RateLimitedError):
                    attempt(address=address, at=start + later)

    def test_is_not_kept_out_by_being_refused(self) -> None:
        for _ in range(5):
            attempt()
        for second in range(1, 200):
            with pytest.raises(RateLimitedError):
                attempt(at=second)
        attempt(at=300)

    def test_does_not_answer_for_its_neighbour(self) -> None:
        for _ in range(5):
            attempt(address="203.0.113.7")
        attempt(address="203.0.113.8")

    def test_of_ipv6_is_its_64(self) -> None:
        for number in range(5):
            attempt(address=f"2001:db8:1:2::{number}")
        with pytest.raises(RateLimitedError):
            attempt(address="2001:db8:1:2:ffff::1")
        attempt(address="2001:db8:1:3::1")

    def test_that_is_allowed_is_not_limited(self) -> None:
        AddressAllow.objects.create(network="203.0.113.0/24", reason="shop", created_by="x")
        for _ in range(30):
            fail()
        assert not AddressBlock.objects.exists()
        with pytest.raises(RateLimitedError):
            for _ in range(6):
                attempt(address="203.0.114.1")


class TestCode:
    def test_may_be_tried_ten_times_an_hour_from_anywhere(self) -> None:
        for number in range(10):
            attempt(code="7K4M-9QTX-P2VDG", address=f"203.0.113.{number}", at=number)
        # Spelled otherwise, it is the same.
        with pytest.raises(RateLimitedError) as refused:
            attempt(code="7k4m9qtxp2vdg", address="203.0.113.99", at=60)
        assert refused.value.retry_after_seconds == 3540
        assert AttemptLog.objects.get(result="rate_limited").limit == "code"
        attempt(code="7K4M-9QTX-P2VDG", address="203.0.113.99", at=3600)

    def test_is_limited_at_every_door(self) -> None:
        key = partner(key_id=uuid4(), address="192.0.2.1")
        for number in range(5):
            attempt(code="ABCD1", address=f"203.0.113.{number}")
            attempt(code="ABCD1", source=key, action=AttemptLog.Action.REDEEM)
        for source in (key, agent(user_id=7, address="192.0.2.9"), stranger(address="192.0.2.5")):
            with pytest.raises(RateLimitedError):
                attempt(code="ABCD1", source=source, action=AttemptLog.Action.DESK)

    def test_is_limited_from_an_allowed_address_too(self) -> None:
        AddressAllow.objects.create(network="203.0.113.7/32", reason="shop", created_by="x")
        for _ in range(10):
            attempt(code="ABCD1")
        with pytest.raises(RateLimitedError):
            attempt(code="ABCD1")
        attempt(code="ABCD2")


class TestFailures:
    def test_block_at_the_twentieth(self) -> None:
        for number in range(19):
            fail(at=number * 100)
        assert not AddressBlock.objects.exists()
        fail(at=1900)
        block = AddressBlock.objects.get()
        assert block.network == "203.0.113.7/32"
        assert (block.created_by, block.created_at) == ("guard", moment(1900))
        assert block.until == moment(1900) + timedelta(hours=24)
        with pytest.raises(BlockedError) as refused:
            attempt(at=5000)
        assert refused.value.until == block.until
        assert results()[-1] == "blocked"
        attempt(at=5000, address="203.0.113.8")
        attempt(at=1900 + 86400)

    def test_are_wrong_codes_and_wrong_answers_and_nothing_else(self) -> None:
        for number in range(10):
            fail(at=number * 200)
            with pytest.raises(SecondFactorError):
                attempt(
                    at=number * 200 + 100,
                    error=SecondFactorError(second_factor="phone", was_given=number != 0),
                )
        assert results().count("wrong_factor") == 9
        assert not AddressBlock.objects.exists()
        for number in range(20):
            attempt(at=2000 + number * 100)
        assert not AddressBlock.objects.exists()

    def test_do_not_include_what_was_refused(self) -> None:
        for number in range(5):
            fail(at=number)
        for number in range(100):
            with pytest.raises(RateLimitedError):
                attempt(at=10 + number)
        assert not AddressBlock.objects.exists()

    def test_of_a_day_ago_are_forgotten(self) -> None:
        for number in range(19):
            fail(at=number * 100)
        fail(at=86400)
        assert not AddressBlock.objects.exists()


class TestWhoIsSignedIn:
    def test_agents_behind_one_address_are_not_locked_out(self) -> None:
        for user_id in range(40):
            for _ in range(3):
                fail(source=agent(user_id=user_id, address="192.0.2.1"), at=user_id)
        assert not AddressBlock.objects.exists()
        # Not even where a stranger of that address has been blocked.
        AddressBlock.objects.create(
            network="192.0.2.0/24", reason="x", created_by="x", created_at=NOW
        )
        attempt(source=agent(user_id=1, address="192.0.2.1"), at=60)

    def test_an_agent_may_try_sixty_a_minute(self) -> None:
        source = agent(user_id=7, address="192.0.2.1")
        for number in range(60):
            attempt(source=source, at=number / 10)
        with pytest.raises(RateLimitedError) as refused:
            attempt(source=source, at=10)
        assert refused.value.retry_after_seconds == 50
        attempt(source=agent(user_id=8, address="192.0.2.1"), at=10)

    def test_a_key_has_a_budget_of_failures(self) -> None:
        source = partner(key_id=uuid4(), address="192.0.2.1")
        for number in range(300):
            fail(source=source, at=number)
        with pytest.raises(RateLimitedError) as refused:
            attempt(source=source, at=400)
        assert refused.value.retry_after_seconds == 3200
        assert AttemptLog.objects.get(result="rate_limited").limit == "failures"
        assert not AddressBlock.objects.exists()
        attempt(source=source, at=3601)

    def test_a_named_customer_is_limited_as_a_stranger(self) -> None:
        key_id = uuid4()
        source = partner(key_id=key_id, address="192.0.2.1", customer_address="198.51.100.4")
        for _ in range(5):
            attempt(source=source)
        with pytest.raises(RateLimitedError):
            attempt(source=source)
        with pytest.raises(RateLimitedError):
            attempt(address="198.51.100.4")
        attempt(source=partner(key_id=key_id, address="192.0.2.1"))


class TestRepeats:
    KEY = KeyClaim(owner="client:1", key="k", fingerprint=b"x" * 32)

    def test_count_once(self) -> None:
        source = partner(key_id=uuid4(), address="192.0.2.1")
        for number in range(30):
            attempt(source=source, code="ABCD1", key=self.KEY, at=number)
        assert results() == ["tried"] + ["repeat"] * 29
        for _ in range(9):
            attempt(source=source, code="ABCD1", at=40)
        with pytest.raises(RateLimitedError):
            attempt(source=source, code="ABCD1", at=40)
        attempt(source=source, code="ABCD1", key=self.KEY, at=50)

    def test_that_were_answered_count_nowhere(self) -> None:
        source = partner(key_id=uuid4(), address="192.0.2.1")
        for number in range(30):
            key = KeyClaim(owner="client:1", key=f"k{number}", fingerprint=b"x" * 32)
            with pytest.raises(KeyAnsweredError):
                attempt(source=source, code="ABCD1", key=key, error=KeyAnsweredError())
        assert set(results()) == {"repeat"}

    def test_of_another_request_under_the_same_key_are_none(self) -> None:
        source = partner(key_id=uuid4(), address="192.0.2.1")
        for number in range(5):
            other = KeyClaim(owner="client:1", key="k", fingerprint=bytes([number]) * 32)
            attempt(source=source, code=f"ABCD{number}", key=other)
        assert results() == ["tried"] * 5
