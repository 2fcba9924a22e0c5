"""Redis or Twilio away for ten minutes: nothing is lost, and all of it is sent after."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.db.models import F
from pytest_django import Settings

from alerts.models import Alert
from alerts.queue import Bell
from sms.models import ChannelStop, Message
from sms.services import batches, calls
from sms.services.sending import BATCH_SIZE, CALLS_AT_ONCE
from tests.sms.texting_fixture import NOBODY_LISTENS, Texting, attempts_of, reload

MINUTES = 60.0
# One text every so many seconds; ten minutes of them.
EVERY = 5.0
COUNT = int(10 * MINUTES / EVERY)


def queue_evenly(texting: Texting) -> list[Message]:
    """Promise a text every few seconds, to somebody else each time."""
    messages = [
        texting.queue(f"{number}", to=f"+1206555{number:04d}", due_in=number * EVERY)
        for number in range(COUNT)
    ]
    Message.objects.update(created_at=F("next_attempt_at"))
    return messages


def sweep_for_ten_minutes(texting: Texting) -> None:
    for number in range(20):
        texting.send(after=number * MINUTES / 2)
    texting.send(after=10 * MINUTES - 1)


def assert_by_age(order: list[str], ages: list[str]) -> None:
    """Check that calls began by age, as nearly as can be told where several begin at once."""
    assert sorted(order, key=int) == ages
    places = {text: place for place, text in enumerate(ages)}
    assert max(abs(places[text] - place) for place, text in enumerate(order)) < CALLS_AT_ONCE


class Calls:
    """Watches the calls to the provider: in which order they began, and how many at once."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.most = 0
        self.order: list[str] = []
        self._now = 0
        self._lock = threading.Lock()
        self._send = calls.send_text
        patch.setattr(batches, "send_text", self.send)

    def send(self, provider: Any, claim: Any, *rest: Any) -> Any:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.order.append(claim.values["text"])
        try:
            return self._send(provider, claim, *rest)
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture(name="calls")
def watched_calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each batch took."""
    sizes: list[int] = []
    work: Callable[..., Any] = batches.Batch.work

    def count(self: batches.Batch, threads: Any) -> Any:
        sizes.append(len(self._claims))
        return work(self, threads)

    monkeypatch.setattr(batches.Batch, "work", count)
    return sizes


class TestRedisAway:
    def test_for_ten_minutes_loses_nothing(
        self, texting: Texting, calls: Calls, claimed: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_arguments: object, **_named: object) -> None:
            raise ConnectionRefusedError("nobody listens")

        monkeypatch.setattr(current_app, "send_task", refuse)
        bell = Bell()
        messages = queue_evenly(texting)
        for _ in messages:
            bell.ring("sms.tasks.send_messages")  # nobody hears it, and it never fails
        assert bell.wait_until_quiet(5)
        assert {reload(one).state for one in messages} == {"queued"}
        assert texting.bodies() == []

        # It is back: one sweep takes all of them, so many at a time.
        assert texting.send(after=10 * MINUTES) == COUNT
        assert {reload(one).state for one in messages} == {"accepted"}
        assert_by_age(calls.order, [str(number) for number in range(COUNT)])
        assert [size for size in claimed if size] == [BATCH_SIZE, COUNT - BATCH_SIZE]
        assert calls.most <= CALLS_AT_ONCE
        assert texting.emulator.requests == {"create": COUNT}


class TestTwilioAway:
    def test_for_ten_minutes_loses_nothing_and_the_oldest_go_first(
        self, texting: Texting, twilio_settings: Settings, calls: Calls, claimed: list[int]
    ) -> None:
        messages = queue_evenly(texting)
        twilio_settings.TWILIO_API_BASE_URL = NOBODY_LISTENS
        sweep_for_ten_minutes(texting)
        # Those of the first minutes have used their attempts up, and are not given up for it.
        assert {reload(one).state for one in messages} == {"queued"}
        assert ChannelStop.objects.get().error_code == "unreachable"
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.state) == ("channel_stopped", "critical", "open")
        assert alert.subject == "SMS provider can't be reached"
        assert {texting.outcomes(one) == [] for one in messages} == {True}
        # While it is known to be away, one text a minute finds out whether it still is.
        tried = len(calls.order)
        assert tried < 3 * COUNT

        twilio_settings.TWILIO_API_BASE_URL = texting.emulator.base_url
        del calls.order[:], claimed[:]
        texting.send(after=11 * MINUTES)
        assert {reload(one).state for one in messages} == {"accepted"}
        assert not ChannelStop.objects.exists()
        assert Alert.objects.get().state == "resolved"
        probe, *others = calls.order
        assert_by_age(others, [str(number) for number in range(COUNT) if str(number) != probe])
        assert claimed[0] == 1
        assert max(claimed) <= BATCH_SIZE
        assert calls.most <= CALLS_AT_ONCE
        assert texting.emulator.requests == {"create": COUNT}
        assert len(set(texting.bodies())) == COUNT
        assert {tuple(texting.outcomes(one)) for one in messages} == {("accepted",)}

    def test_with_nothing_but_errors_for_ten_minutes_loses_nothing(
        self, texting: Texting, calls: Calls, claimed: list[int]
    ) -> None:
        messages = queue_evenly(texting)
        texting.emulator.set_faults(
            [
                {"match": {"request": request}, "action": "status", "status": 503}
                for request in ("create", "list", "fetch")
            ]
        )
        sweep_for_ten_minutes(texting)
        assert {reload(one).state for one in messages} == {"unknown"}
        # Nobody knows what became of the first attempt, so there was no second one.
        assert len(calls.order) == COUNT

        texting.emulator.set_faults([])
        del claimed[:]
        texting.send(after=11 * MINUTES)
        assert {reload(one).state for one in messages} == {"accepted"}
        assert max(claimed) <= BATCH_SIZE
        assert calls.most <= CALLS_AT_ONCE
        assert sorted(texting.bodies(), key=int) == [str(number) for number in range(COUNT)]

    def test_keeps_a_text_waiting_that_failed_for_another_reason(
        self, texting: Texting, twilio_settings: Settings
    ) -> None:
        texting.emulator.set_faults(
            [{"match": {"nth": 1}, "action": "error", "code": 30003, "status": 400}]
        )
        away = texting.queue("the phone is off")
        texting.send()
        waits_until = reload(away).next_attempt_at
        twilio_settings.TWILIO_API_BASE_URL = NOBODY_LISTENS
        other = texting.queue("another")
        for after in (0.0, 36.0, 400.0):
            texting.send(after=after)
        assert ChannelStop.objects.exists()
        twilio_settings.TWILIO_API_BASE_URL = texting.emulator.base_url
        texting.send(after=480)
        assert (reload(other).state, attempts_of(other)[-1][1]) == ("accepted", "accepted")
        assert not ChannelStop.objects.exists()
        assert (reload(away).state, reload(away).next_attempt_at) == ("queued", waits_until)
