"""The services, called by threads of this process."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

from django.db import connection
from django.utils import timezone

from config.bench.course import Course
from config.bench.data import Codes, Data, code_of
from config.bench.machine import postgres_cpu_seconds
from config.bench.measure import Event, Sample, sample
from credit.services.idempotency import claim_key
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem

PHONE = "+12025550143"
USER_AGENT = "giftline-bench"


def run_service(data: Data, kind: Codes, *, threads: int, course: Course) -> Sample:
    """Redeem in threads of this process."""
    return run_threads(
        lambda: redeem_once(code_of(kind, data.next_number(kind))), threads=threads, course=course
    )


def run_threads(once: Callable[[], None], *, threads: int, course: Course) -> Sample:
    """Do something again and again, each thread on a connection of its own as pgbench's clients."""
    events: list[list[Event]] = [[] for _ in range(threads)]
    errors: Counter[str] = Counter()
    barrier = threading.Barrier(threads + 1)
    length = course.warm_up_seconds + course.seconds

    def work(own: list[Event]) -> None:
        connection.ensure_connection()
        barrier.wait()
        until = time.perf_counter() + length
        began = time.perf_counter()
        while began < until:
            try:
                once()
            except Exception as error:  # noqa: BLE001  whatever it is belongs into the report
                errors[_kind_of(error)] += 1
            ended = time.perf_counter()
            own.append((ended, ended - began))
            began = ended
        connection.close()

    with without_pool():
        workers = [threading.Thread(target=work, args=(own,)) for own in events]
        for worker in workers:
            worker.start()
        server_before, own_before = postgres_cpu_seconds(), time.process_time()
        barrier.wait()
        began = time.perf_counter()
        for worker in workers:
            worker.join()
        cpu = {
            "PostgreSQL": postgres_cpu_seconds() - server_before,
            "Python": time.process_time() - own_before,
        }
    return sample(
        [event for own in events for event in own],
        began=began,
        warm_up_seconds=course.warm_up_seconds,
        seconds=course.seconds,
        errors=errors,
        cpu_seconds=cpu,
    )


def _kind_of(error: Exception) -> str:
    # Without what differs from one to the next, or a thousand failures were a thousand kinds.
    code = getattr(error, "code", None)
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"


def redeem_once(code: str) -> None:
    """Redeem one code as the API does: with a key for repeats, and to be shown."""
    key = str(uuid4())
    redeem(
        caller=Caller(
            door=Redemption.Door.API,
            actor=f"key:{key}",
            request_id=uuid4().hex,
            ip_address="192.0.2.10",
            user_agent=USER_AGENT,
        ),
        contact=Contact(method="sms", to=PHONE),
        now=timezone.now(),
        code=code,
        disclose=True,
        key=claim_key(
            owner="bench",
            key=key,
            method="POST",
            path="/api/v1/redemptions/",
            body={"code": code, "contact": {"method": "sms", "phone": PHONE}},
        ),
    )


@contextlib.contextmanager
def without_pool() -> Iterator[None]:
    """Let every thread keep a connection: the pool has fewer than there are threads here."""
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    pool = options.pop("pool", None)
    try:
        yield
    finally:
        connection.close()
        if pool is not None:
            options["pool"] = pool


@contextlib.contextmanager
def logs_to(path: Path) -> Iterator[None]:
    """Write this process's log to a file: written it must be, since that is part of the work."""
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    with path.open("a") as file:
        former = [handler.setStream(file) for handler in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, former, strict=True):
                if stream is not None:
                    handler.setStream(stream)
