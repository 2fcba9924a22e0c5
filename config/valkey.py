"""The embedded Valkey, which speaks Redis's protocol, started as a child."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.binaries import SERVICE_USER, valkey_program
from config.children import spawn, stop, wait_until

# The caller asks again and again; the library must not wait on top of that.
_AT_ONCE: Final = Retry(NoBackoff(), 0)


class ValkeyServer:
    """One server with its data in one folder.

    :param durable: off only where the data may be lost.
    """

    def __init__(self, *, data: Path, log: Path, password: str, durable: bool = True) -> None:
        self.name = "Valkey"
        self.data = data
        self.log = log
        self.durable = durable
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._password = password

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self.port}/0"

    def start(self, *, port: int, keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start the server and wait until it answers.

        :raises ChildError: it did not start; the text ends with the tail of its log.
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if SERVICE_USER is not None:
            os.chown(self.data, SERVICE_USER, SERVICE_USER)
        self.port = port
        self.process = spawn(
            # "-": the settings come by standard input, where `ps` does not show the password.
            [str(valkey_program()), "-"],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            cwd=self.data,
            log=self.log,
            death_signal=signal.SIGTERM,
            user=SERVICE_USER,
            keep_open=keep_open,
            stdin=self._configuration().encode(),
        )
        wait_until(self._answers, process=self.process, name=self.name, log=self.log, seconds=30)
        return self.process

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process, ask=signal.SIGTERM, grace_seconds=10)

    def _configuration(self) -> str:
        return "\n".join(
            [
                "bind 127.0.0.1",
                f"port {self.port}",
                f"requirepass {self._password}",
                "dir .",
                f"appendonly {'yes' if self.durable else 'no'}",
                'save ""',
                # Jobs live here: better an error than a job thrown out to make room.
                "maxmemory-policy noeviction",
                "",
            ]
        )

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1, retry=_AT_ONCE) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
