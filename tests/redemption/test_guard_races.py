"""Fifty at once against each limit, and without the lock that holds them: the control loses."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings

from alerts.throttling import RateLimitedError
from config.ports import free_port
from config.valkey import ValkeyServer
from credit.services.idempotency import KeyClaim
from redemption.models import AddressBlock, AttemptLog
from redemption.services.redeem import UnknownCodeError
from redemption.throttling import agent, partner
from tests.database import housekeeping
from tests.races import run_at_once
from tests.redemption.guarding import (
    attempt,
    empty_counters,
    fail,
    forget_all_counts,
    no_redis,
    results,
    shipped_limits,
)

__all__ = ["empty_counters", "no_redis", "shipped_limits"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("shipped_limits"),
]

_FUNCTION = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'redemption_admit_attempt'"


@pytest.fixture(params=["redis", "database"])
def who_counts(request: pytest.FixtureRequest) -> None:
    if request.param == "database":
        request.getfixturevalue("no_redis")


def fifty(work: Callable[[], None]) -> list[str]:
    """Return what became of fifty that start together, in words."""
    answers = run_at_once(50, work)
    unexpected = [a for a in answers if a is not None and not isinstance(a, RateLimitedError)]
    assert unexpected == []
    return ["let in" if answer is None else "refused" for answer in answers]


@pytest.mark.usefixtures("who_counts")
class TestFiftyAtOnce:
    def test_of_one_address_five_are_let_in(self) -> None:
        answers = fifty(attempt)
        assert (answers.count("let in"), answers.count("refused")) == (5, 45)
        assert (results().count("tried"), results().count("rate_limited")) == (5, 45)

    def test_on_one_code_ten_are_let_in(self) -> None:
        numbers = itertools.count()
        lock = threading.Lock()

        def try_it() -> None:
            with lock:
                number = next(numbers)
            attempt(code="ABCD1", address=f"198.51.100.{number}")

        answers = fifty(try_it)
        assert (answers.count("let in"), answers.count("refused")) == (10, 40)

    def test_of_one_agent_sixty_are_let_in(self) -> None:
        for _ in range(20):
            attempt(source=agent(user_id=7, address="192.0.2.1"))
        answers = fifty(lambda: attempt(source=agent(user_id=7, address="192.0.2.1")))
        assert (answers.count("let in"), answers.count("refused")) == (40, 10)

    def test_block_an_address_once(self) -> None:
        with override_settings(RATE_LIMIT_ADDRESS=(1000, 300.0)):
            answers = run_at_once(50, lambda: attempt(error=UnknownCodeError()))
        assert len(answers) == 50
        assert AddressBlock.objects.count() == 1

    def test_of_one_request_count_once(self) -> None:
        key = KeyClaim(owner="client:1", key="k", fingerprint=b"x" * 32)
        source = partner(key_id=uuid4(), address="192.0.2.1")
        answers = fifty(lambda: attempt(source=source, code="ABCD1", key=key))
        assert answers.count("let in") == 50
        assert results().count("tried") == 1


class TestWithoutTheLock:
    def test_more_than_five_are_let_in(self) -> None:
        """The control: the race is real, and only the lock keeps it from being won."""
        (definition,) = self.run(_FUNCTION)
        unlocked = definition.replace("PERFORM pg_advisory_xact_lock", "PERFORM hashtext", 2)
        unlocked = unlocked.replace("hashtext(7426011, hashtext(p_network::text))", "pg_sleep(0)")
        unlocked = unlocked.replace(
            "hashtext(7426012, hashtext(encode(p_code_digest, 'hex')))", "pg_sleep(0)"
        ).replace("INSERT INTO redemption_attemptlog", "PERFORM pg_sleep(0.3);\n    INSERT INTO"
                  " redemption_attemptlog")  # fmt: skip
        with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
            try:
                self.change(unlocked)
                answers = fifty(attempt)
            finally:
                self.change(definition)
        assert answers.count("let in") > 5

    def run(self, statement: str) -> tuple[str]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row: tuple[str] = cursor.fetchone()
        return row

    def change(self, definition: str) -> None:
        with housekeeping() as owner:
            owner.execute(definition.encode())


class TestRedisAway:
    def test_in_the_middle_lets_nobody_start_again(self, tmp_path: Path) -> None:
        valkey = ValkeyServer(
            data=tmp_path / "valkey", log=tmp_path / "log", password="secret", durable=False
        )
        valkey.start(port=free_port())
        try:
            with override_settings(REDIS_URL=valkey.url):
                for second in range(3):
                    attempt(at=second)
                valkey.stop()
                attempt(at=10)
                attempt(at=11)
                # It is the sixth, whoever counted the others.
                with pytest.raises(RateLimitedError) as refused:
                    attempt(at=12)
                assert refused.value.retry_after_seconds == 288
                for _ in range(60):
                    attempt(source=agent(user_id=7, address="192.0.2.1"), at=20)
                with pytest.raises(RateLimitedError):
                    attempt(source=agent(user_id=7, address="192.0.2.1"), at=21)
        finally:
            valkey.stop()
        assert results().count("rate_limited") == 2

    def test_and_back_empty_lets_nobody_start_again(self) -> None:
        for second in range(5):
            attempt(at=second)
        forget_all_counts()
        with pytest.raises(RateLimitedError) as refused:
            attempt(at=10)
        assert refused.value.retry_after_seconds == 290

    def test_still_blocks_at_the_twentieth_failure(self, no_redis: None) -> None:
        for number in range(20):
            fail(at=number * 100)
        assert AddressBlock.objects.count() == 1
        assert AttemptLog.objects.filter(result="unknown_code").count() == 20
