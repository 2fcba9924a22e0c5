"""The partner API over HTTP: gunicorn as the demo runs it, and a crowd of clients."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from config.bench.course import Course
from config.bench.data import Codes, Data, code_of
from config.bench.machine import cpu_seconds_below, postgres_cpu_seconds
from config.bench.measure import Sample, sample
from config.bench.service import PHONE
from config.children import ChildError, spawn, stop, wait_until
from config.demo import WEB_SERVER
from config.environment import PROJECT_DIR
from config.ports import free_port

_LOAD: Final = Path(__file__).with_name("load.py")
_HOST: Final = "127.0.0.1"


@dataclasses.dataclass(frozen=True)
class Web:
    """A running web server."""

    process: subprocess.Popen[bytes]
    port: int


@contextlib.contextmanager
def web_server(folder: Path, application: str = "config.wsgi") -> Iterator[Web]:
    """Run the web server on the bench's database.

    :param application: the module with the WSGI application.
    :raises ChildError: it did not start; the text ends with the tail of its log.
    """
    port = free_port()
    log = folder / "web.log"
    command = [application if word == "config.wsgi" else word for word in WEB_SERVER]
    process = spawn(
        [sys.executable, "-m", *command, "--bind", f"{_HOST}:{port}"],
        env={**os.environ, "PORT": str(port)},
        cwd=PROJECT_DIR,
        log=log,
        death_signal=signal.SIGQUIT,
    )
    try:
        wait_until(lambda: _answers(port), process=process, name="gunicorn", log=log, seconds=60)
        yield Web(process, port)
    finally:
        stop(process, ask=signal.SIGTERM, grace_seconds=10)


def run_crowd(web: Web, data: Data, *, clients: int, codes: int, course: Course) -> Sample:
    """Redeem over HTTP with clients that never pause, each code once.

    :param codes: how many are fresh; the crowd must not use up more.
    :raises ChildError: the crowd's process failed, or ran out of codes.
    """
    requests = [_request(data) for _ in range(codes)]
    server_before = postgres_cpu_seconds()
    web_before = cpu_seconds_below(web.process.pid)
    result = _crowd(
        {
            "host": _HOST,
            "port": web.port,
            "connections": clients,
            "seconds": course.warm_up_seconds + course.seconds,
            "requests": requests,
        }
    )
    return sample(
        [(ended, took) for ended, took in result["events"]],
        began=result["began"],
        warm_up_seconds=course.warm_up_seconds,
        seconds=course.seconds,
        errors=result["errors"],
        cpu_seconds={
            "PostgreSQL": postgres_cpu_seconds() - server_before,
            "Python": cpu_seconds_below(web.process.pid) - web_before,
            "client": result["cpu_seconds"],
        },
    )


def _request(data: Data) -> tuple[str, str, str]:
    number = data.next_number(Codes.SERVICE_MANY)
    return data.api_key_of(number), code_of(Codes.SERVICE_MANY, number), PHONE


def _crowd(orders: dict[str, Any]) -> dict[str, Any]:
    # -S -E: a light process, without anything of the project's.
    result = subprocess.run(
        [sys.executable, "-S", "-E", str(_LOAD)],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise ChildError(f"The crowd of clients failed.\n{result.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
