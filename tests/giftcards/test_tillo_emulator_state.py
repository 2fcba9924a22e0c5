"""What the emulator keeps over restarts, and the emulator as a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from alerts.emulator.journal import JournalError
from giftcards.emulator import Emulator
from tests.giftcards.tillo_door import ask, order, refusal, undoing
from tests.giftcards.tillo_fixture import API_KEY, SECRET_KEY

start = partial(Emulator, api_key=API_KEY, secret_key=SECRET_KEY, step_delay_seconds=10.0)


def issue(base_url: str, body: dict[str, Any] | None = None) -> requests.Response:
    return ask(base_url, "POST", "digital/issue", body=body or order(), timeout=5.0)


class TestState:
    def test_keeps_sales_money_stock_and_answers(self, tmp_path: Path) -> None:
        path = tmp_path / "cards.jsonl"
        bought, coffee, undone = order(), order(brand="starbucks-us"), order()
        with start(state_path=path) as emulator:
            first = issue(emulator.base_url, bought).json()
            issue(emulator.base_url, coffee)
            issue(emulator.base_url, undone)
            ask(emulator.base_url, "POST", "digital/reverse", body=undoing(undone))
            emulator.set_brand_state("visa-us", "PAUSED")
            before = emulator.sales(), emulator.floats_now
        with start(state_path=path) as emulator:
            assert (emulator.sales(), emulator.floats_now) == before
            assert issue(emulator.base_url, bought).json() == first
            assert refusal(issue(emulator.base_url, order(brand="visa-us"))) == (503, "726")
            answer = ask(emulator.base_url, "POST", "digital/reverse", body=undoing(undone))
            assert refusal(answer) == (422, "100")
            stock = ask(emulator.base_url, "GET", "check-stock").json()["data"]
            assert stock["starbucks-us"]["25.00"] == "99"
            assert len(emulator.sales()) == 3

    def test_goes_on_with_orders(self, tmp_path: Path) -> None:
        path = tmp_path / "cards.jsonl"
        body = order(brand="home-depot-us")
        with start(state_path=path) as emulator:
            ask(emulator.base_url, "POST", "digital/order-card", body=body)
        with start(state_path=path) as emulator:
            assert [sale.status for sale in emulator.sales()] == ["REQUESTED"]
            emulator.forward(30)
            assert [sale.status for sale in emulator.sales()] == ["SUCCESS"]

    def test_is_readable_by_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "cards.jsonl"
        with start(state_path=path) as emulator:
            issue(emulator.base_url)
            assert path.stat().st_mode & 0o777 == 0o600

    def test_survives_a_torn_last_line(self, tmp_path: Path) -> None:
        path = tmp_path / "cards.jsonl"
        with start(state_path=path) as emulator:
            issue(emulator.base_url)
            before = emulator.sales()
        path.write_bytes(path.read_bytes() + b'{"sale":{"request_id":"do')
        with start(state_path=path) as emulator:
            assert emulator.sales() == before

    def test_sells_nothing_twice_when_killed_before_its_answer(self, tmp_path: Path) -> None:
        path = tmp_path / "cards.jsonl"
        body = order()
        with start(state_path=path) as emulator:
            first = issue(emulator.base_url, body).json()
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if not line.startswith(b'{"answer"')))
        with start(state_path=path) as emulator:
            assert issue(emulator.base_url, body).json() == first
            assert len(emulator.sales()) == 1

    def test_refuses_a_damaged_file(self, tmp_path: Path) -> None:
        path = tmp_path / "cards.jsonl"
        path.write_bytes(b"not JSON\n{}\n")
        with pytest.raises(JournalError, match="line 1"):
            start(state_path=path).start()

    def test_forgets_the_oldest_and_keeps_its_file_short(self, tmp_path: Path) -> None:
        path = tmp_path / "cards.jsonl"
        bodies = [order() for _ in range(20)]
        with start(state_path=path, sale_cap=3) as emulator:
            for body in bodies:
                issue(emulator.base_url, body)
            kept = [sale.request_id for sale in emulator.sales()]
            assert kept == [body["client_request_id"] for body in bodies[-3:]]
        assert len(path.read_bytes().splitlines()) <= 45


class TestStop:
    def test_does_not_wait_for_held_answers(self) -> None:
        emulator = start()
        emulator.start()
        with ThreadPoolExecutor(1) as executor:
            emulator.set_faults([{"action": "timeout", "seconds": 60}])
            held = executor.submit(issue, emulator.base_url)
            while not emulator.sales():
                time.sleep(0.005)
            emulator.stop()
            # Answered or cut off, the client waits no longer: otherwise this raises.
            held.exception(timeout=2)


class TestRateLimit:
    def test_turns_away_who_comes_too_often(self) -> None:
        with start(rate_limit=2) as emulator:
            assert [issue(emulator.base_url).status_code for _ in range(2)] == [200, 200]
            answer = issue(emulator.base_url)
            assert refusal(answer) == (429, "211")
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
            assert len(emulator.sales()) == 2
            # Each door counts for itself, and the daily list is not counted at all.
            assert ask(emulator.base_url, "GET", "brands").status_code == 200


class TestProcess:
    @contextmanager
    def run(self, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
        """Yield the process and the URL it announced."""
        command = [sys.executable, "-m", "giftcards.emulator", *arguments]
        credentials = {"TILLO_API_KEY": API_KEY, "TILLO_SECRET_KEY": SECRET_KEY}
        with subprocess.Popen(
            command,
            cwd=Path(__file__).parents[2],
            env=os.environ | credentials,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
            process.kill()

    def test_announces_its_url_and_stops_at_sigterm(self) -> None:
        with self.run("--float", "USD=24.00") as (process, url):
            assert url.endswith("/api/v2")
            assert issue(url).status_code == 200
            assert refusal(issue(url)) == (422, "610")
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) == 0
            assert process.stdout is not None
            assert process.stdout.read() == ""

    def test_keeps_its_sales_when_it_is_killed(self, tmp_path: Path) -> None:
        state = ("--state", str(tmp_path / "cards.jsonl"))
        body = order()
        with self.run(*state) as (process, url):
            first = issue(url, body).json()
            process.kill()
            process.wait(timeout=5)
        with self.run(*state) as (_, url):
            assert issue(url, body).json() == first
