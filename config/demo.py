"""The demo: everything Giftline consists of, as children of one process."""

from __future__ import annotations

import functools
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from config.children import ChildError, spawn, tail, wait_until
from config.demo_report import former_report, panel, write_report
from config.embedded import Server, Session
from config.environment import PROJECT_DIR
from config.ports import free_port
from config.progress import say, step
from config.supervisor import Child

WEB_SERVER: Final = (
    *("gunicorn", "config.wsgi", "--worker-class", "config.webserver.Worker"),
    *("--workers", "2", "--threads", "3", "--limit-request-line", "8190"),
    # No access log: the path of a reveal link is as good as a card.
    *("--graceful-timeout", "5", "--no-control-socket"),
)
_WORKER: Final = (
    *("celery", "-A", "config", "worker", "--pool", "threads", "--concurrency", "4"),
    *("--loglevel", "INFO", "--without-mingle", "--without-gossip"),
)
_BEAT: Final = ("celery", "-A", "config", "beat", "--loglevel", "INFO")


class Demo:
    """The way from running servers to a site that answers.

    ``children`` are to be watched and, in the order of this list, ended.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.settings = {**session.settings, **session.given}
        self.port = int(self.settings["PORT"])
        self.children: list[Child] = []

    def start(self) -> None:
        """Bring everything up, write ``demo.json`` and print the panel.

        :raises ChildError: a step failed; the text says which, and why.
        """
        if free_port(self.port) != self.port:
            raise ChildError(
                f"Port {self.port} is taken by another program: stop that one,"
                f" or choose another port: PORT={self._other_port()} make demo"
            )
        home = self.session.home
        former = former_report(home)
        static = self._manage("collectstatic", "--no-input", "--verbosity", "0")
        with step("Tables"):
            self._finish(self._manage("migrate", "--no-color"), "migrate")
            self._finish(self._manage("sync_jobs", "--no-color"), "sync_jobs")
        self._repeat_warnings("migrate")
        seed = home / "demo.seed.json"
        with step("Demo data"):
            arguments = ["--json", str(seed)]
            if former.exists():  # the passwords stay the same
                arguments += ["--previous", str(former)]
            self._finish(self._manage("seed_demo", *arguments), "seed_demo")
        with step("Styles and scripts"):
            self._finish(static, "collectstatic")
        if "TWILIO_API_BASE_URL" not in self.session.given:
            with step("Twilio emulator"):
                self._start_twilio()
        if "TILLO_BASE_URL" not in self.session.given:
            with step("Tillo emulator"):
                self._start_tillo()
                self._finish(self._manage("sync_provider", "--no-color"), "sync_provider")
        if not {"STRIPE_API_BASE_URL", "STRIPE_API_KEY"} & self.session.given.keys():
            with step("Stripe emulator"):
                self._start_stripe()
        with step("Web server, Celery worker and beat"):
            self._start_site()
        seeded = json.loads(seed.read_text())
        seed.unlink()
        write_report(home, seeded, self.settings)
        say(panel(home, seeded, self.settings))

    def _other_port(self) -> int:
        candidates = range(self.port + 1, self.port + 50)
        return next((port for port in candidates if free_port(port) == port), free_port())

    def servers(self) -> list[Child]:
        """Return the embedded servers, to be watched; the session is who ends them."""
        return [
            Child(
                name=server.name,
                start=functools.partial(self._restart_server, server),
                log=server.log,
                process=server.process,
            )
            for server in self.session.servers
        ]

    def _restart_server(self, server: Server) -> subprocess.Popen[bytes]:
        # On the same port: everybody else knows the address.
        return server.start(port=server.port, keep_open=[self.session.children_lock])

    def _start_twilio(self) -> None:
        port = urlsplit(self.settings["TWILIO_API_BASE_URL"]).port or 0
        token = self.settings["TWILIO_AUTH_TOKEN"].split(",")[0].strip()
        state = str(self.session.home / "twilio-emulator.json")
        module: tuple[str, ...] = ("sms.emulator", "--port", str(port), "--state", state)
        if "EMAIL_URL" in self.settings and "EMAIL_URL" not in self.session.given:
            module += ("--smtp-port", str(urlsplit(self.settings["EMAIL_URL"]).port))
        emulator = self._run(
            "emulator",
            module,
            extra={
                "TWILIO_AUTH_TOKEN": token,
                "TWILIO_ACCOUNT_SID": self.settings["TWILIO_ACCOUNT_SID"],
            },
        )
        self._wait(emulator, lambda: free_port(port) != port)

    def _start_tillo(self) -> None:
        port = urlsplit(self.settings["TILLO_BASE_URL"]).port or 0
        emulator = self._run(
            "tillo-emulator",
            (
                *("giftcards.emulator", "--port", str(port)),
                *("--sector", self.settings["TILLO_SECTOR"]),
                *("--state", str(self.session.home / "tillo-emulator.jsonl")),
            ),
            # Not as arguments: those show in the list of processes.
            extra={name: self.settings[name] for name in ("TILLO_API_KEY", "TILLO_SECRET_KEY")},
        )
        self._wait(emulator, lambda: free_port(port) != port)

    def _start_stripe(self) -> None:
        port = urlsplit(self.settings["STRIPE_API_BASE_URL"]).port or 0
        emulator = self._run(
            "stripe-emulator",
            (
                *("loyalty.emulator", "--port", str(port)),
                *("--state", str(self.session.home / "stripe-emulator.jsonl")),
            ),
            extra={"STRIPE_API_KEY": self.settings["STRIPE_API_KEY"]},
        )
        self._wait(emulator, lambda: free_port(port) != port)

    def _start_site(self) -> None:
        # The worker is one process with threads, so the kernel can end all of it at once when
        # this process is killed; what it was doing stands in PostgreSQL.
        self._run("worker", _WORKER, death_signal=signal.SIGKILL)
        self._run("beat", _BEAT, death_signal=signal.SIGKILL)
        bind = ("--bind", f"127.0.0.1:{self.port}")
        web = self._run("web", (*WEB_SERVER, *bind), death_signal=signal.SIGQUIT)
        self._wait(web, self._answers)

    def _answers(self) -> bool:
        host = urlsplit(self.settings["PUBLIC_BASE_URL"]).netloc
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready", headers={"Host": host})
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def _run(
        self,
        name: str,
        module: tuple[str, ...],
        *,
        extra: Mapping[str, str] | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
    ) -> Child:
        start = functools.partial(self._spawn, ["-m", *module], name, death_signal, extra or {})
        log = self.session.home / "log" / f"{name}.log"
        child = Child(name=name, start=start, log=log, process=start())
        # Those that came last depend on those that came first.
        self.children.insert(0, child)
        return child

    def _manage(self, command: str, *arguments: str) -> subprocess.Popen[bytes]:
        # Only this run's lines are of interest.
        (self.session.home / "log" / f"{command}.log").unlink(missing_ok=True)
        manage = str(PROJECT_DIR / "manage.py")
        return self._spawn([manage, command, *arguments], command, signal.SIGTERM, {})

    def _spawn(
        self,
        arguments: list[str],
        name: str,
        death_signal: signal.Signals,
        extra: Mapping[str, str],
    ) -> subprocess.Popen[bytes]:
        return spawn(
            [sys.executable, *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **extra},
            cwd=PROJECT_DIR,
            log=self.session.home / "log" / f"{name}.log",
            death_signal=death_signal,
            keep_open=[self.session.children_lock],
        )

    def _repeat_warnings(self, command: str) -> None:
        for line in (self.session.home / "log" / f"{command}.log").read_text().splitlines():
            if line.startswith("WARNING: "):
                say(f"  ! {line}")

    def _finish(self, process: subprocess.Popen[bytes], command: str) -> None:
        if process.wait() != 0:
            log = self.session.home / "log" / f"{command}.log"
            raise ChildError(
                f"`manage.py {command}` ended with status {process.returncode}.\n{tail(log)}"
            )

    def _wait(self, child: Child, is_ready: Callable[[], bool]) -> None:
        assert child.process is not None  # noqa: S101 - it was just started
        wait_until(is_ready, process=child.process, name=child.name, log=child.log, seconds=60)
