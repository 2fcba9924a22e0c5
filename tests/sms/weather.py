"""Rewards sent through a storm: worker processes that get killed, and time that is moved.

The retry schedule takes hours. Here the time is handed out in rounds: every worker is told it,
works off what is due by then, and answers; then the clock jumps to what is due next. It never
jumps by less than a lease, so that what a killed worker held is free in the round after.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251  it decides who is killed in a test
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db.models import Min

from giftcards.models import GiftCard
from redemption.models import DeskTask, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from sms.emulator import Emulator
from sms.emulator import acceptance as emulator_acceptance
from sms.emulator import delivery as emulator_delivery
from sms.models import Message
from sms.views import twilio as status_door
from tests.world import World

# Of a hundred requests: 20 without an answer in time, 10 with a 5xx and 5 with a 429; of a
# hundred texts taken, 5 that do not arrive. Half of what was not answered was carried out.
FAULTS: Final[list[dict[str, Any]]] = [
    {"match": {"request": request, "probability": share}, "action": action, **more}
    for request, action, share, more in (
        ("create", "timeout", 0.10, {"seconds": 1.5, "accepted": True}),
        ("create", "timeout", 0.111, {"seconds": 1.5, "accepted": False}),
        ("create", "status", 0.0625, {"status": 500, "accepted": True}),
        ("create", "status", 0.0667, {"status": 502, "accepted": False}),
        ("create", "rate_limited", 0.0714, {"retry_after": 3}),
        ("create", "undelivered", 0.03, {"code": 30008}),
        ("create", "undelivered", 0.01, {"code": 30003}),
        ("create", "undelivered", 0.01, {"code": 30006}),
        # Three of ten texts are never called in about, others twice or the last status first.
        ("create", "no_callback", 0.3, {}),
        ("create", "duplicate_callbacks", 0.1, {}),
        ("create", "callbacks_out_of_order", 0.1, {}),
        # Looking up and asking goes through the same weather.
        ("list", "drop", 0.2, {}),
        ("list", "status", 0.1, {"status": 503}),
        ("list", "rate_limited", 0.05, {"retry_after": 3}),
        ("fetch", "drop", 0.2, {}),
    )
]
# Then only looking up tells what became of a request that was not answered.
SILENCE: Final[list[dict[str, Any]]] = [{"action": "no_callback"}]
TIMEOUT_SECONDS: Final = 1
# Longer than the lease: 20 s to begin calls in, twice the time limit, 5 s of margin.
STEP: Final = timedelta(seconds=20 + 2 * TIMEOUT_SECONDS + 5 + 3)
AT_MOST_TWICE: Final = 0.01  # of the recipients
ROUNDS: Final = 300

PROGRAM: Final = """
import sys
from datetime import datetime
import django
django.setup()
from alerts.scope import EVERYTHING, see_from_here
from sms.services import batches
from sms.services.sending import send_due_messages
see_from_here(EVERYTHING)
{defect}
print("ready", flush=True)
for line in sys.stdin:
    print(send_due_messages(now=datetime.fromisoformat(line.strip())), flush=True)
"""
# Who sends again without asking what became of the last time.
NEVER_FINDS: Final = "batches.list_texts = lambda provider, claim, clock: []"


class Clock:
    """A time that is set and goes on from there by itself."""

    def __init__(self, now: datetime) -> None:
        self.set(now)

    def set(self, now: datetime) -> None:
        self._base, self._set_at = now, time.monotonic()

    def __call__(self) -> datetime:
        return self._base + timedelta(seconds=time.monotonic() - self._set_at)

    def wind(self, patch: pytest.MonkeyPatch) -> None:
        """Let the emulator and the door for its callbacks go by this clock."""
        clock = self

        class Moved(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return clock()

        for module in (emulator_acceptance, emulator_delivery, status_door):
            patch.setattr(module, "datetime", Moved)


class Storm:
    """Worker processes that send, of which one is killed with -9 now and then."""

    def __init__(
        self,
        *,
        emulator: Emulator,
        clock: Clock,
        seed: int,
        kills: int,
        kill_every_seconds: float,
        workers: int = 2,
        defect: str = "",
    ) -> None:
        self._emulator = emulator
        self._clock = clock
        self._dice = Random(seed)
        self._kills_left = kills
        self._kill_every = kill_every_seconds
        self._program = PROGRAM.format(defect=defect)
        self._busy_seconds = 0.0
        self._count = workers
        self.kills = 0
        self.rounds = 0

    def __enter__(self) -> Self:
        self._workers = [self._start() for _ in range(self._count)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate(timeout=10)

    def blow(self) -> None:
        """Go on until no message has anything left to be done."""
        while (due := _next_due()) is not None:
            assert self.rounds < ROUNDS, "the storm does not end"
            self.rounds += 1
            now = self._clock() if self.rounds == 1 else max(self._clock() + STEP, due)
            self._clock.set(now)
            self._let_work(now)
            assert self._emulator.wait_until_quiet(timeout_seconds=120)

    def _let_work(self, now: datetime) -> None:
        threads = [threading.Thread(target=_tell, args=[one, now]) for one in self._workers]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.05)
            self._busy_seconds += 0.05
            if self._kills_left and self._busy_seconds >= self._kill_every:
                busy = [number for number in range(self._count) if threads[number].is_alive()]
                if busy:
                    self._kill(self._dice.choice(busy))
        for thread in threads:
            thread.join()
        for number, worker in enumerate(self._workers):
            if worker.poll() is not None:
                worker.communicate()
                self._workers[number] = self._start()

    def _kill(self, number: int) -> None:
        self._workers[number].send_signal(signal.SIGKILL)
        self._workers[number].wait(timeout=10)
        self._kills_left -= 1
        self._busy_seconds = 0.0
        self.kills += 1

    def _start(self) -> "subprocess.Popen[str]":
        worker = subprocess.Popen(
            [sys.executable, "-c", self._program],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "TWILIO_ACCOUNT_SID": self._emulator.account_sid,
                "TWILIO_AUTH_TOKEN": self._emulator.auth_token,
                "TWILIO_FROM_NUMBER": settings.TWILIO_FROM_NUMBER,
                "TWILIO_API_BASE_URL": self._emulator.base_url,
                "PUBLIC_BASE_URL": settings.PUBLIC_BASE_URL,
                "SMS_TIMEOUT": f"{TIMEOUT_SECONDS}s",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        return worker


def redeem_all(world: World, count: int, now: datetime) -> dict[UUID, str]:
    """Redeem for so many people; return the number of each redemption's phone."""
    world.stock(count)
    phones = {}
    for number, code in enumerate(world.invite(count)):
        # The numbers that are nobody's, of one area after the other.
        phone = f"+1{_AREAS[number // 100]}55501{number % 100:02}"
        result = redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id=str(uuid4())),
            contact=Contact(method="sms", to=phone),
            code=code,
            now=now,
        )
        phones[result.redemption_id] = phone
    return phones


# Without 202, from where we text.
_AREAS: Final = [201, *range(203, 211), *range(212, 221), *range(301, 311), *range(312, 321)]


def arrivals(emulator: Emulator) -> Counter[str]:
    """Return how many texts reached each phone."""
    return Counter(one.to for one in emulator.messages() if one.status == "delivered")


def listed_for_a_person() -> set[UUID]:
    """Return the redemptions that somebody has to see to, from the desk's list."""
    tasks = DeskTask.objects.filter(done_at=None, redemption__isnull=False)
    return set(tasks.values_list("redemption_id", flat=True))


def broken_deliveries(emulator: Emulator, phones: dict[UUID, str]) -> list[str]:
    """Return what does not hold between the phones, our rewards and the list for a person."""
    arrived, listed = arrivals(emulator), listed_for_a_person()
    states = dict(Redemption.objects.values_list("pk", "state"))
    bodies: dict[str, set[str]] = {}
    for text in emulator.messages():
        bodies.setdefault(text.to, set()).add(text.body)
    broken = []
    for key, phone in phones.items():
        is_listed = key in listed
        if not arrived[phone] and not is_listed:
            broken.append(f"{phone} got nothing, and nobody is told")
        if arrived[phone] and (is_listed or states[key] != "confirmed"):
            told = "and is listed too" if is_listed else ""
            broken.append(f"{phone} has a text, and we call it {states[key]} {told}")
        if len(bodies.get(phone, ())) > 1:
            broken.append(f"{phone} was told of two rewards")
    if GiftCard.objects.exclude(holder_id=None).count() != len(phones):
        broken.append("there are more or fewer cards given than rewards")
    twice = sum(count > 1 for count in arrived.values())
    if twice > AT_MOST_TWICE * len(phones):
        broken.append(f"{twice} of {len(phones)} got more than one text")
    if Message.objects.exclude(reference_id__in=phones).exists():
        broken.append("a text is about nobody's reward")
    return broken


def _next_due() -> datetime | None:
    due: datetime | None = Message.objects.aggregate(due=Min("next_attempt_at"))["due"]
    return due and due.astimezone(UTC)


def _tell(worker: "subprocess.Popen[str]", now: datetime) -> None:
    """Tell a worker the time, and wait until it has worked off what was due by then."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        worker.stdin.write(f"{now.isoformat()}\n")
        worker.stdin.flush()
        worker.stdout.readline()
    except BrokenPipeError:
        pass  # it is dead already
