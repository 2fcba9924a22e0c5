"""Where the time of one redemption goes: in the database by function, in Python by package."""

from __future__ import annotations

import contextlib
import cProfile
import dataclasses
import json
import pstats
import sysconfig
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final
from uuid import uuid4

import psycopg
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.test import RequestFactory

from config.bench.data import Codes, Data, code_of
from config.bench.limit import redeem_statement, repeat_pgbench
from config.bench.service import PHONE, USER_AGENT, redeem_once, without_pool
from config.embedded import current_session
from config.environment import PROJECT_DIR
from config.progress import step

_PACKAGES: Final = sysconfig.get_paths()["purelib"]


@dataclasses.dataclass(frozen=True)
class Share:
    """What one part took of one redemption.

    :param self_us: in the part itself, ``total_us`` also in what it called; microseconds.
    """

    name: str
    calls: float
    self_us: float
    total_us: float | None = None


@dataclasses.dataclass(frozen=True)
class Profile:
    """Shares of the database function's time, and of Python's by what was done."""

    functions: Sequence[Share] = ()
    python: Mapping[str, Sequence[Share]] = dataclasses.field(default_factory=dict)


def take_profile(data: Data, *, times: int = 1_000) -> Profile:
    """Redeem one after the other and have it counted where the time goes."""
    with step("Profiles"):
        return Profile(
            functions=_profile_functions(data, times=times),
            python=_profile_python(data, times=times),
        )


def _profile_functions(data: Data, *, times: int) -> list[Share]:
    """Return PostgreSQL's own count of its functions, for calls of the redeem function.

    Empty where we are no superuser, who alone may have functions counted.
    """
    with _counted_functions(times) as counts:
        if counts is None:
            return []
        data.renew({Codes.LIMIT_MANY: times})
        repeat_pgbench(redeem_statement(Codes.LIMIT_MANY), clients=1, times=times)
        return counts()


def _profile_python(data: Data, *, times: int) -> dict[str, list[Share]]:
    """Return Python's time by package, for the service and for a request of the API.

    Measured by cProfile, which slows down small functions: read the shares, not the figures.
    """
    data.renew({Codes.SERVICE_MANY: 3 * times})
    application = get_wsgi_application()

    def redeem_by_service() -> None:
        redeem_once(code_of(Codes.SERVICE_MANY, data.next_number(Codes.SERVICE_MANY)))

    def redeem_by_request() -> None:
        number = data.next_number(Codes.SERVICE_MANY)
        body = {
            "code": code_of(Codes.SERVICE_MANY, number),
            "contact": {"method": "sms", "phone": PHONE},
        }
        request = RequestFactory().post(
            "/api/v1/redemptions/",
            json.dumps(body),
            content_type="application/json",
            headers={
                "Authorization": f"Api-Key {data.api_key_of(number)}",
                "Idempotency-Key": str(uuid4()),
                "Host": "127.0.0.1",
                "User-Agent": USER_AGENT,
            },
        )
        # As a web server does; its own work is not in this.
        response = application(request.environ, _start_response)
        response.close()

    with without_pool():
        return {
            "The service": _by_package(redeem_by_service, times=times),
            "A request, without the web server": _by_package(redeem_by_request, times=times),
        }


def _start_response(
    _status: str, _headers: list[tuple[str, str]], _error: object = None, /
) -> Callable[[bytes], object]:
    return bytes


@contextlib.contextmanager
def _counted_functions(times: int) -> Iterator[Callable[[], list[Share]] | None]:
    session = current_session()
    if session is None or session.postgres is None:
        yield None
        return
    name = str(connections["default"].settings_dict["NAME"])
    with psycopg.connect(session.postgres.superuser_url, dbname=name, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE \"{name}\" SET track_functions = 'all'")

        def counts() -> list[Share]:
            rows = admin.execute(
                "SELECT funcname, calls, self_time, total_time FROM pg_stat_user_functions"
                " ORDER BY self_time DESC"
            )
            return [
                Share(name, calls / times, own * 1000 / times, total * 1000 / times)
                for name, calls, own, total in rows
            ]

        try:
            yield counts
        finally:
            admin.execute(f'ALTER DATABASE "{name}" RESET track_functions')


def _by_package(work: Callable[[], None], *, times: int) -> list[Share]:
    for _ in range(1 + times // 10):
        work()
    # Of this thread, and without the time in which it only waits.
    profile = cProfile.Profile(time.thread_time)
    profile.enable()
    for _ in range(times):
        work()
    profile.disable()
    calls: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # typeshed leaves it out
    for (path, _line, _name), (_primitive, count, own, _total, callers) in stats.items():
        if path != "~":
            calls[_package_of(path)] += count
            seconds[_package_of(path)] += own
            continue
        # What is written in C counts as its callers'.
        for (caller, _caller_line, _caller_name), (count_of, _, own_of, _) in callers.items():
            calls[_package_of(caller)] += count_of
            seconds[_package_of(caller)] += own_of
    shares = [
        Share(name, calls[name] / times, spent * 1e6 / times) for name, spent in seconds.items()
    ]
    return sorted(shares, key=lambda share: share.self_us, reverse=True)


def _package_of(path: str) -> str:
    if path.startswith(_PACKAGES):
        return path.removeprefix(_PACKAGES).strip("/").split("/")[0].removesuffix(".py")
    if path.startswith(str(PROJECT_DIR)):
        return "Giftline"
    return "Python's library"
