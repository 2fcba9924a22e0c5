"""A simulated attack: many addresses guess codes while honest people redeem theirs.

Every request goes through the real middleware and views, over real PostgreSQL and Redis, from
several threads at once; only the clock is pretended, so that an attack of half an hour need not
take one. Where ten thousand addresses would take hours that way, ``through="guard"`` asks the same
guard and looks the code up without a page around it; nobody is asked to wait there.

Half of the attackers are hasty, twenty guesses at once; half are patient and stay just below the
limit of an address. All guess codes of the right shape with the right check symbol.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import random  # noqa: TID251  seeded: the same attack each time
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, Literal, cast
from unittest import mock

from django.core.handlers.base import BaseHandler
from django.db import connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils import timezone

from alerts.errors import ServiceError
from redemption.codes import ALPHABET, CODE_SYMBOLS, check_symbol, format_code
from redemption.models import AddressBlock, AttemptLog
from redemption.services.attempts import guarded
from redemption.services.preflight import look_at_code
from redemption.services.redeem import UnknownCodeError
from redemption.throttling import stranger
from redemption.views.slowing import WAIT_SECONDS

GUESSES_EACH: Final = 20
_LASTS_SECONDS: Final = 1800.0
_PATIENT_PAUSE: Final = 85.0
_HASTY_PAUSE: Final = 0.1
_WAIT_FIELD: Final = re.compile(r'name="wait" value="([^"]*)"')


@dataclasses.dataclass(order=True, frozen=True, slots=True)
class Event:
    """Somebody enters a code, so many seconds after the start."""

    at: float
    address: str
    code: str
    is_honest: bool


@dataclasses.dataclass
class Outcome:
    """What came of it."""

    seconds: float
    guesses: Counter[int]
    found: int
    honest: Counter[int]
    honest_waited: int
    hindered: int
    blocked: int
    looked_up: int

    @property
    def report(self) -> str:
        tried = sum(self.guesses.values())
        return "\n".join(
            [
                f"guesses                {tried:>9,}  ({tried / self.seconds:,.0f} a second)",
                f"  looked up            {self.looked_up:>9,}",
                f"  too many (429)       {self.guesses[429]:>9,}",
                f"  blocked (403)        {self.guesses[403]:>9,}",
                f"addresses blocked      {self.blocked:>9,}",
                f"codes found            {self.found:>9,}",
                f"honest people          {sum(self.honest.values()):>9,}",
                f"  asked to wait        {self.honest_waited:>9,}",
                f"  hindered             {self.hindered:>9,}",
            ]
        )


def plan(*, addresses: int, codes: list[str], seed: int) -> list[Event]:
    """Return who enters what when, in the order of time; each of ``codes`` has an honest owner.

    One honest person in five mistypes a symbol first.
    """
    chance = random.Random(seed)
    events = []
    for number in range(addresses):
        is_patient = number % 2 == 0
        start = chance.uniform(0, 100 if is_patient else _LASTS_SECONDS - 10)
        pause = _PATIENT_PAUSE if is_patient else _HASTY_PAUSE
        events += [
            Event(start + pause * guess, _address(number), _guess(chance), is_honest=False)
            for guess in range(GUESSES_EACH)
        ]
    for number, code in enumerate(codes):
        at = chance.uniform(0, _LASTS_SECONDS - 60)
        address = f"2001:db8:{number:x}::{chance.randrange(1, 9999):x}"
        if number % 5 == 0:
            events.append(Event(at, address, _mistype(code, chance), is_honest=True))
        events.append(Event(at + 20, address, code, is_honest=True))
    return sorted(events)


def attack(
    events: list[Event],
    *,
    start: datetime,
    threads: int = 4,
    through: Literal["views", "guard"] = "views",
) -> Outcome:
    """Let everything happen, second by second; an address's requests come one after the other."""
    handler = BaseHandler()
    handler.load_middleware()
    waited: list[str] = []
    answers: list[tuple[Event, int]] = []

    def work(batch: list[Event]) -> None:
        for event in batch:
            if through == "guard":
                status = _try_code(event, start + timedelta(seconds=event.at))
            else:
                status = _enter(handler, event, start, waited)
            answers.append((event, status))

    began = time.monotonic()
    with _pretended_clock(), ThreadPoolExecutor(threads) as pool:
        for _, second in itertools.groupby(events, key=lambda event: int(event.at)):
            lanes: list[list[Event]] = [[] for _ in range(threads)]
            for event in second:
                lanes[sum(event.address.encode()) % threads].append(event)
            for done in [pool.submit(work, lane) for lane in lanes if lane]:
                done.result()
        # Each closes its own: they wait for one another, so none does it twice.
        barrier = threading.Barrier(threads)
        for done in [pool.submit(_leave, barrier) for _ in range(threads)]:
            done.result()
    seconds = time.monotonic() - began
    guesses = Counter(status for event, status in answers if not event.is_honest)
    # An honest person's last answer is the one that counts.
    last = {event.address: status for event, status in answers if event.is_honest}
    return Outcome(
        seconds=seconds,
        guesses=guesses,
        found=guesses[302],
        honest=Counter(last.values()),
        honest_waited=len(set(waited)),
        hindered=sum(1 for status in last.values() if status != 302),
        blocked=AddressBlock.objects.filter(created_by="guard").count(),
        looked_up=AttemptLog.objects.filter(
            result__in=AttemptLog.COUNTED, network__startswith=""
        ).count()
        - sum(1 for event, _ in answers if event.is_honest),
    )


def _leave(barrier: threading.Barrier) -> None:
    connection.close()
    barrier.wait(timeout=30)


def _enter(handler: BaseHandler, event: Event, start: datetime, waited: list[str]) -> int:
    at = start + timedelta(seconds=event.at)
    # Bots take the cheaper door as often as the form.
    if not event.is_honest and event.code[-1] in "02468ACEGJMPRTWY":
        return _ask(
            handler, "/api/v1/codes/validate/", event, at, {"code": event.code}, is_json=True
        )[0]
    status, text = _ask(handler, "/redeem/", event, at, {"code": event.code})
    wait = _WAIT_FIELD.search(text)
    if event.is_honest and status == 429 and wait and wait[1]:
        # The page asks to wait; people do, bots have other things to do.
        waited.append(event.address)
        later = at + timedelta(seconds=WAIT_SECONDS + 2)
        status, _ = _ask(handler, "/redeem/", event, later, {"code": event.code, "wait": wait[1]})
    return status


def _try_code(event: Event, at: datetime) -> int:
    try:
        with guarded(
            action=AttemptLog.Action.FORM,
            source=stranger(address=event.address),
            code=event.code,
            now=at,
        ):
            if look_at_code(code=event.code, now=at) is None:
                raise UnknownCodeError
    except ServiceError as error:
        return error.code.status
    return 302


def _ask(
    handler: BaseHandler,
    path: str,
    event: Event,
    at: datetime,
    fields: dict[str, str],
    *,
    is_json: bool = False,
) -> tuple[int, str]:
    _clock.now = at
    kind: dict[str, Any] = {"content_type": "application/json"} if is_json else {}
    request = RequestFactory(REMOTE_ADDR=event.address).post(path, fields, **kind)
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    response = cast(HttpResponse, handler.get_response(request))
    status = response.status_code
    # Through the API a code that is found is answered at once.
    return (302 if is_json and status == 200 else status), response.content.decode()


class _Clock(threading.local):
    now: datetime | None = None


_clock = _Clock()


@contextlib.contextmanager
def _pretended_clock() -> Iterator[None]:
    real_now, real_time = timezone.now, time.time  # noqa: TID251  what is pretended otherwise

    def pretended_now() -> datetime:
        return _clock.now or real_now()

    def pretended_time() -> float:
        return _clock.now.timestamp() if _clock.now else real_time()

    with (
        mock.patch.object(timezone, "now", pretended_now),
        # What signs a challenge looks at this clock.
        mock.patch("django.core.signing.time.time", pretended_time),
    ):
        yield


def _address(number: int) -> str:
    if number % 10 == 9:
        digits = hashlib.sha256(str(number).encode()).hexdigest()
        return f"2001:470:{digits[:4]}:{digits[4:8]}::{digits[8:12]}"
    return f"{11 + number // 65536 % 80}.{number // 256 % 256}.{number % 256}.{number % 200 + 1}"


def _guess(chance: random.Random) -> str:
    symbols = "".join(chance.choices(ALPHABET, k=CODE_SYMBOLS - 1))
    return symbols + check_symbol(symbols)


def _mistype(code: str, chance: random.Random) -> str:
    at = chance.randrange(4)
    return format_code(code[:at] + chance.choice("ABCDEFGH") + code[at + 1 :])
