"""Rewards through a storm: everybody served or listed, nobody twice. ``make storm`` for more.

The control sends again without asking what became of the last time: the same check catches it.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from sms.emulator import Emulator
from sms.models import DeliveryAttempt, Message
from tests.invariants import broken_invariants
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN
from tests.sms.figures import show
from tests.sms.weather import (
    FAULTS,
    NEVER_FINDS,
    SILENCE,
    Clock,
    Storm,
    arrivals,
    broken_deliveries,
    listed_for_a_person,
    redeem_all,
)
from tests.world import build_world

# By the environment, for `make storm`.
REWARDS = int(os.environ.get("STORM_REWARDS", "40"))
SEED = int(os.environ.get("STORM_SEED", "1"))
KILLS = int(os.environ.get("STORM_KILLS", "1"))
KILL_EVERY_SECONDS = float(os.environ.get("STORM_KILL_EVERY", "0.4"))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    clock.wind(monkeypatch)
    return clock


@pytest.fixture
def stormy(twilio_settings: Settings, clock: Clock, live_server: object) -> Iterator[Emulator]:
    """An emulator with the storm's own seed, which calls our live server back."""
    twilio_settings.PUBLIC_BASE_URL = str(live_server)
    with Emulator(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        step_delay_seconds=0.01,
        callback_retry_delays_seconds=(0.5, 1.0, 2.0),
        seed=SEED,
    ) as emulator:
        twilio_settings.TWILIO_API_BASE_URL = emulator.base_url
        emulator.set_faults(FAULTS)
        yield emulator


class TestTheStorm:
    def test_serves_everybody_once_or_lists_them(
        self,
        transactional_db: None,
        stormy: Emulator,
        clock: Clock,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        world = build_world(credit_minor=REWARDS * 2500)
        started, began_at = time.monotonic(), clock()
        phones = redeem_all(world, REWARDS, began_at)
        redeemed = time.monotonic()
        with Storm(
            emulator=stormy,
            clock=clock,
            seed=SEED,
            kills=KILLS,
            kill_every_seconds=KILL_EVERY_SECONDS,
        ) as storm:
            storm.blow()
        ended, passed = time.monotonic(), str(clock() - began_at).partition(".")[0]
        arrived, listed = arrivals(stormy), listed_for_a_person()
        struck = Counter[str]()
        for rule, count in zip(FAULTS, stormy.fault_counts(), strict=True):
            struck[f"{rule['match']['request']} {rule['action']}"] += count
        errors = Counter(
            Message.objects.exclude(error_code="").values_list("error_code", flat=True)
        )
        requests = stormy.requests
        show(
            capfd,
            f"{REWARDS} rewards (seed {SEED}), redeemed in {redeemed - started:.0f} s, sent in"
            f" {ended - redeemed:.0f} s that stand for {passed} h",
            f"{storm.kills} workers killed with -9 in {storm.rounds} rounds",
            f"{requests.get('create', 0)} requests to send, {requests.get('list', 0)} look-ups,"
            f" {DeliveryAttempt.objects.count()} attempts",
            f"struck: {dict(struck)}",
            f"got the text: {len(arrived)}; got it more than once:"
            f" {sum(count > 1 for count in arrived.values())}; listed for a person:"
            f" {len(listed)} {dict(errors)}",
        )
        assert broken_deliveries(stormy, phones) == []
        assert broken_invariants() == {}
        assert world.balance() == 0
        assert 0 < storm.kills <= KILLS
        assert len(arrived) + len(listed) == REWARDS
        # There was a storm: some were looked up, some sent again.
        assert requests["list"] > 0
        assert DeliveryAttempt.objects.count() > REWARDS

    def test_would_text_many_twice_without_looking_up_what_was_not_answered(
        self, transactional_db: None, stormy: Emulator, clock: Clock
    ) -> None:
        stormy.set_faults(FAULTS + SILENCE)
        world = build_world(credit_minor=30 * 2500)
        phones = redeem_all(world, 30, clock())
        with Storm(
            emulator=stormy,
            clock=clock,
            seed=SEED,
            kills=0,
            kill_every_seconds=0,
            workers=1,
            defect=NEVER_FINDS,
        ) as storm:
            storm.blow()
        broken = broken_deliveries(stormy, phones)
        assert any("got more than one text" in one for one in broken), broken
        assert not any("two rewards" in one for one in broken)
