"""Redis really gone (killed, or stopped where it stands) and Twilio away: nothing is lost.

A Valkey of the test's own is killed with -9, or frozen so that it takes connections and never
answers. Rewards are redeemed over the API all the while.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from django.core.cache import cache
from pytest_django import Settings

from alerts import queue
from alerts.queue import Bell
from config.ports import free_port
from config.valkey import ValkeyServer
from credit.models import Transaction
from redemption.models import Redemption
from redemption.services import redeem as redeeming
from sms.emulator import Emulator
from sms.models import ChannelStop, Message
from sms.services import batches, calls
from sms.services.sending import BATCH_SIZE, CALLS_AT_ONCE, send_due_messages
from tests.invariants import broken_invariants
from tests.redemption.test_api import Api, make_key
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER
from tests.sms.texting_fixture import NOBODY_LISTENS
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

QUEUE = "giftline"
EVERY_SECONDS = 30
# Of ten minutes without Redis, and of ten more without Twilio.
PER_OUTAGE = int(600 / EVERY_SECONDS)
PROMISED_SECONDS = 2.0


class Server:
    """A Valkey that can be hurt."""

    def __init__(self, folder: Path) -> None:
        self._valkey = ValkeyServer(
            data=folder / "valkey",
            log=folder / "valkey.log",
            password=secrets.token_hex(16),
            durable=False,
        )
        self._valkey.start(port=free_port())

    @property
    def url(self) -> str:
        return self._valkey.url

    def hurt(self, how: str) -> None:
        assert self._valkey.process is not None
        self._valkey.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        if how == "killed":
            self._valkey.process.wait(10)

    def heal(self, how: str) -> None:
        assert self._valkey.process is not None
        if how == "killed":
            # At the same address, and empty: what was in it is gone.
            self._valkey.start(port=self._valkey.port)
        else:
            self._valkey.process.send_signal(signal.SIGCONT)

    def rings(self) -> int:
        """Return how many rings of the bell wait for a worker."""
        with redis.Redis.from_url(self.url, socket_timeout=2) as client:
            return int(client.llen(QUEUE))

    def stop(self) -> None:
        assert self._valkey.process is not None
        with contextlib.suppress(ProcessLookupError):
            self._valkey.process.send_signal(signal.SIGCONT)
        self._valkey.stop()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def bell(server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Bell:
    """Let the doors' bell and cache hang on the test's own server, as they do in production."""
    app = Celery("outage", set_as_current=False)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.conf.update(broker_url=server.url)
    monkeypatch.setattr(queue, "current_app", app)
    # What is half a minute in production.
    monkeypatch.setattr(queue, "REST_AFTER_FAILURE_SECONDS", 0.3)
    default = {**settings.CACHES["default"], "LOCATION": server.url}
    settings.CACHES = {**settings.CACHES, "default": default}
    bell = Bell()
    monkeypatch.setattr(redeeming, "ring_bell", bell.ring)
    return bell


@pytest.fixture
def world(twilio_settings: Settings) -> World:
    return build_world(credit_minor=1_000_000)


class Clock:
    """The doors' clock, which is moved by hand."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        patch.setattr("django.utils.timezone.now", lambda: self.now)

    def pass_by(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Calls:
    """Watches the calls to the provider: in which order they began, and how many at once."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.most = 0
        self.order: list[Any] = []
        self.batches: list[int] = []
        self._now = 0
        self._lock = threading.Lock()
        self._send, self._work = calls.send_text, batches.Batch.work
        patch.setattr(batches, "send_text", self.send)
        watched = self

        def work(self: batches.Batch, threads: Any) -> Any:
            watched.batches.append(len(self._claims))
            return watched._work(self, threads)

        patch.setattr(batches.Batch, "work", work)

    def send(self, provider: Any, claim: Any, *rest: Any) -> Any:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.order.append(claim.message_id)
        try:
            return self._send(provider, claim, *rest)
        finally:
            with self._lock:
                self._now -= 1

    def forget(self) -> None:
        del self.order[:], self.batches[:]
        self.most = 0


class Customers:
    """People who redeem one after the other over the API, each with a phone of their own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._api = Api(make_key(world.client))
        self.count = 0
        self._seconds: list[float] = []

    def come(self) -> None:
        self._world.stock(1)
        (code,) = self._world.invite()
        contact = {"method": "sms", "phone": f"+1206555{self.count:04d}"}
        began = time.monotonic()
        response = self._api.redeem(code, contact=contact)
        self._seconds.append(time.monotonic() - began)
        self.count += 1
        assert response.status_code == 201, response.content
        assert response.json()["state"] == "issued"

    def wait_typically(self) -> float:
        """Return the median of the seconds until they had their card."""
        return statistics.median(self._seconds)


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str) -> None:
    give_up_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.05)


class TestRedisAndTwilioAway:
    @pytest.mark.parametrize("how", ["killed", "frozen"])
    def test_loses_nothing_and_sends_by_age_without_a_stampede(
        self,
        world: World,
        twilio_settings: Settings,
        twilio_emulator: Emulator,
        server: Server,
        bell: Bell,
        how: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        clock, watch = Clock(monkeypatch), Calls(monkeypatch)
        customers = Customers(world)
        customers.come()
        assert bell.wait_until_quiet(5)
        assert server.rings() >= 1

        # Ten minutes without Redis: no bell, no worker, no sweep. The doors stay open.
        server.hurt(how)
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            cache.get("anything")
        for _ in range(PER_OUTAGE):
            clock.pass_by(EVERY_SECONDS)
            customers.come()
        assert bell.wait_until_quiet(30)
        assert customers.wait_typically() < PROMISED_SECONDS
        assert set(Message.objects.values_list("state", flat=True)) == {"queued"}
        assert twilio_emulator.messages() == []

        # It is back, and the bell rings again; but now it is Twilio that can't be reached.
        server.heal(how)
        twilio_settings.TWILIO_API_BASE_URL = NOBODY_LISTENS
        time.sleep(0.4)
        for _ in range(PER_OUTAGE):
            clock.pass_by(EVERY_SECONDS)
            customers.come()
            send_due_messages(now=clock.now)
        assert bell.wait_until_quiet(5)
        assert server.rings() >= 1
        assert set(Message.objects.values_list("state", flat=True)) == {"queued"}
        assert ChannelStop.objects.get().error_code == "unreachable"

        # Both are there: one probe, then all of them, the oldest first and so many at a time.
        watch.forget()
        twilio_settings.TWILIO_API_BASE_URL = twilio_emulator.base_url
        clock.pass_by(90)
        send_due_messages(now=clock.now)
        assert set(Message.objects.values_list("state", flat=True)) == {"accepted"}
        assert len(twilio_emulator.messages()) == customers.count == 1 + 2 * PER_OUTAGE
        assert len({text.to for text in twilio_emulator.messages()}) == customers.count
        assert watch.batches[0] == 1
        assert max(watch.batches) <= BATCH_SIZE
        assert watch.most <= CALLS_AT_ONCE
        probe, *others = watch.order
        ages = list(Message.objects.order_by("created_at").values_list("pk", flat=True))
        ages.remove(probe)
        assert sorted(others) == sorted(ages)
        places = {pk: place for place, pk in enumerate(ages)}
        assert max(abs(places[pk] - at) for at, pk in enumerate(others)) < CALLS_AT_ONCE

        # Each has one reward, and nobody was asked for anything twice.
        assert Redemption.objects.filter(state="delivered").count() == customers.count
        assert Transaction.objects.filter(kind="redemption").count() == customers.count
        assert twilio_emulator.requests["create"] == customers.count
        assert broken_invariants() == {}


class TestAWorker:
    @pytest.mark.parametrize("how", ["killed", "frozen"])
    def test_goes_on_by_itself_once_redis_is_back(
        self,
        world: World,
        twilio_emulator: Emulator,
        server: Server,
        bell: Bell,
        tmp_path: Path,
        how: str,
    ) -> None:
        customers = Customers(world)
        with started_worker(server, twilio_emulator, tmp_path / "worker.log") as worker:
            customers.come()
            wait_until(
                lambda: len(twilio_emulator.messages()) == 1, seconds=60, what="no first text"
            )
            # It looks once more before it goes to wait for the next ring.
            time.sleep(1)
            server.hurt(how)
            for _ in range(5):
                customers.come()
            assert bell.wait_until_quiet(30)
            assert customers.wait_typically() < PROMISED_SECONDS
            assert len(twilio_emulator.messages()) == 1
            server.heal(how)
            time.sleep(0.4)
            # One more ring is enough for all.
            customers.come()
            wait_until(
                lambda: len(twilio_emulator.messages()) == customers.count,
                seconds=60,
                what="the worker did not come back",
            )
            assert worker.poll() is None
        assert len({text.to for text in twilio_emulator.messages()}) == customers.count == 7


@contextlib.contextmanager
def started_worker(
    server: Server, emulator: Emulator, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker as production does, but with nobody to ring the sweep: the bell alone."""
    environment = {
        **os.environ,
        "REDIS_URL": server.url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_FROM_NUMBER": FROM_NUMBER,
        "TWILIO_API_BASE_URL": emulator.base_url,
        "PUBLIC_BASE_URL": NOBODY_LISTENS,
    }
    command = ["worker", "--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING"]
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "config", *command],
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield worker
    finally:
        worker.kill()
        worker.wait(10)
