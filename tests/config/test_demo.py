"""``manage.py demo`` as a newcomer runs it, on embedded servers, from start to end."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from config.children import tail
from config.environment import PROJECT_DIR, SETTINGS
from config.ports import free_port

MANAGE = [sys.executable, str(PROJECT_DIR / "manage.py")]
REPORTED = {
    *("base_url", "admin", "agent", "agency_manager", "client_manager", "auditor", "api_key"),
    *("platform_api_key", "event_source", "client_id", "other_client", "campaign_id", "pool_id"),
    *("accounts", "codes", "test_code", "database_url", "owner_database_url", "redis_url"),
    *("twilio_emulator", "tillo_emulator", "stripe_emulator", "sandbox_phone", "provider"),
}

EMULATORS = ("twilio_emulator", "tillo_emulator", "stripe_emulator")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Terminal:
    """Starts the demo and looks at it from outside, as scripts do."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        names = {setting.name for setting in SETTINGS}
        environ = {name: value for name, value in os.environ.items() if name not in names}
        self.environ = {
            **environ,
            "ENV_FILE": "",
            "VAR_DIR": str(home / "var"),
            "PORT": str(self.port),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> dict[str, Any]:
        with (self.home / "terminal.log").open("wb") as output:
            self.process = subprocess.Popen(
                [*MANAGE, "demo"], env=self.environ, stdout=output, stderr=subprocess.STDOUT
            )
        report = self.home / "var" / "demo.json"
        # One that was left by a killed demo may still be there: this one's is newer.
        started = time.time()
        self.wait(lambda: report.exists() and report.stat().st_mtime > started, seconds=240)
        return dict(json.loads(report.read_text()))

    def wait(self, is_done: Callable[[], bool], *, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not is_done():
            ended = self.process is not None and self.process.poll() is not None
            if time.monotonic() > deadline or ended:
                pytest.fail(tail(self.home / "terminal.log", lines=40))
            time.sleep(0.05)

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(60)

    def processes(self) -> dict[int, str]:
        """Return what runs on this demo's behalf: its environment names our folder."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"VAR_DIR={self.home}".encode() in (folder / "environ").read_bytes():
                    found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
        return found

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    if terminal.process is not None and terminal.process.poll() is None:
        terminal.end(signal.SIGTERM)


class TestDemo:
    def test_starts_survives_and_ends_without_a_trace(self, terminal: Terminal) -> None:
        report = terminal.start()
        assert set(report) >= REPORTED
        assert report["base_url"] == f"http://127.0.0.1:{terminal.port}"
        assert terminal.get("/health/ready") == 200
        assert terminal.get("/sandbox/phone/") == 200
        self.has_a_provider_that_sells(terminal, report)
        self.takes_cards_at_its_tills(report)
        self.serves_a_second_terminal(terminal, report)
        self.refuses_a_second_demo(terminal)
        self.starts_a_killed_worker_again(terminal)

        assert terminal.end(signal.SIGKILL) == -signal.SIGKILL
        again = terminal.start()
        for name in ("admin", "agent", "agency_manager", "client_manager", "auditor"):
            assert again[name] == report[name]
        assert again["client_id"] == report["client_id"]

        assert terminal.end(signal.SIGTERM) == 0
        assert terminal.processes() == {}
        for name in ("database_url", "redis_url", *EMULATORS):
            url = again[name]
            assert not _listens(int(url.rsplit(":", 1)[1].split("/")[0]))
        assert not (terminal.home / "var" / "demo.json").exists()
        assert "Traceback" not in (terminal.home / "terminal.log").read_text()

    def has_a_provider_that_sells(self, terminal: Terminal, report: dict[str, Any]) -> None:
        code = (
            "from giftcards.providers import choose_provider;"
            " print(*(brand.slug for brand in choose_provider('tillo').list_brands().brands))"
        )
        output = subprocess.check_output(
            [*MANAGE, "shell", "--verbosity", "0", "--command", code], env=terminal.environ
        )
        wanted = {told["provider_slug"] for told in report["provider"].values()}
        assert wanted <= set(output.decode().split())
        emulator = http.client.HTTPConnection(urlsplit(report["tillo_emulator"]).netloc, timeout=10)
        emulator.request("GET", "/_control/health")
        assert json.load(emulator.getresponse())["requests"]["brands"] >= 1
        emulator.close()

    def takes_cards_at_its_tills(self, report: dict[str, Any]) -> None:
        shop = report["loyalty"]
        body = {
            "client_id": shop["client_id"],
            "customer_id": shop["customer_id"],
            "register_session_id": shop["register_session_id"],
            "lines": [{"sku": "PLUG-SMART", "quantity": 1}],
            "order_number": "by-card",
            "payment": {"gateway": "stripe", "amount": "19.99", "payment_method": "pm_card_visa"},
        }
        headers = {
            "Authorization": f"Api-Key {report['platform_api_key']}",
            "Content-Type": "application/json",
            "Idempotency-Key": "by-card",
        }
        site = http.client.HTTPConnection(urlsplit(report["base_url"]).netloc, timeout=10)
        site.request("POST", "/api/v1/loyalty/checkouts/", json.dumps(body), headers)
        answer = site.getresponse()
        sold = json.load(answer)
        assert (answer.status, sold["payment"]["state"]) == (201, "approved"), sold
        site.close()
        stripe = http.client.HTTPConnection(urlsplit(report["stripe_emulator"]).netloc, timeout=10)
        stripe.request("GET", "/_control/payments")
        assert [taken["amount"] for taken in json.load(stripe.getresponse())] == [1999]
        stripe.close()

    def serves_a_second_terminal(self, terminal: Terminal, report: dict[str, Any]) -> None:
        code = "from credit.models import Client; print('clients:', Client.objects.count())"
        output = subprocess.check_output(
            [*MANAGE, "shell", "--verbosity", "0", "--command", code], env=terminal.environ
        )
        with psycopg.connect(report["owner_database_url"]) as owner:
            found = owner.execute("SELECT count(*) FROM credit_client").fetchone()
        assert found is not None
        assert output.decode().split() == ["clients:", str(found[0])]

    def refuses_a_second_demo(self, terminal: Terminal) -> None:
        second = subprocess.run(
            [*MANAGE, "demo"], env=terminal.environ, capture_output=True, text=True, check=False
        )
        assert second.returncode == 1
        assert "already runs the servers of" in second.stderr
        assert (terminal.home / "var" / "demo.json").exists()

    def starts_a_killed_worker_again(self, terminal: Terminal) -> None:
        def workers() -> list[int]:
            return [
                pid
                for pid, argv in terminal.processes().items()
                if "celery" in argv and "worker" in argv
            ]

        (killed,) = workers()
        os.kill(killed, signal.SIGKILL)
        terminal.wait(lambda: killed not in workers() and len(workers()) == 1, seconds=20)

    def test_says_which_port_is_free_when_its_own_is_taken(self, terminal: Terminal) -> None:
        environ = {
            **terminal.environ,
            "DATABASE_URL": os.environ["DATABASE_URL"],
            "REDIS_URL": os.environ["REDIS_URL"],
        }
        with socket.create_server(("127.0.0.1", terminal.port)):
            result = subprocess.run(
                [*MANAGE, "demo"], env=environ, capture_output=True, text=True, check=False
            )
        assert result.returncode == 1
        assert f"Port {terminal.port} is taken by another program" in result.stderr
        assert "Traceback" not in result.stderr
        assert not (terminal.home / "var" / "demo.json").exists()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
