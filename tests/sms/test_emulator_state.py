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
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from requests.auth import HTTPBasicAuth
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from alerts.emulator.journal import JournalError
from sms.emulator import Emulator
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER
from tests.sms.webhook_receiver import WebhookReceiver

PHONE = "+12065550101"
start = partial(Emulator, account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, step_delay_seconds=0.01)


@contextmanager
def client_of(base_url: str) -> Iterator[Client]:
    client = Client(ACCOUNT_SID, AUTH_TOKEN)
    client.api.base_url = base_url
    yield client
    client.http_client.session.close()


def send(emulator: Emulator, body: str = "Hello", **parameters: str) -> str:
    with client_of(emulator.base_url) as client:
        sid: str = client.messages.create(to=PHONE, from_=FROM_NUMBER, body=body, **parameters).sid
    return sid


class TestState:
    def test_keeps_texts_redactions_and_opt_outs(self, tmp_path: Path) -> None:
        path = tmp_path / "phone.jsonl"
        with start(state_path=path) as emulator, client_of(emulator.base_url) as client:
            first, second = send(emulator, "One"), send(emulator, "Two")
            assert emulator.wait_until_quiet()
            client.messages(second).update(body="")
            emulator.opt_out("+12065550102")
            before = emulator.messages()
        with start(state_path=path) as emulator, client_of(emulator.base_url) as client:
            assert emulator.messages() == before
            assert [message.sid for message in emulator.messages()] == [second, first]
            assert client.messages(second).fetch().body == ""
            with pytest.raises(TwilioRestException) as refused:
                client.messages.create(to="+12065550102", from_=FROM_NUMBER, body="Hello")
            assert refused.value.code == 21610

    def test_is_readable_by_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "phone.jsonl"
        with start(state_path=path) as emulator:
            send(emulator)
            assert path.stat().st_mode & 0o777 == 0o600

    def test_survives_a_torn_last_line(self, tmp_path: Path) -> None:
        path = tmp_path / "phone.jsonl"
        with start(state_path=path) as emulator:
            sid = send(emulator)
            assert emulator.wait_until_quiet()
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"message":{"sid":"SM')
        with start(state_path=path) as emulator:
            assert [message.sid for message in emulator.messages()] == [sid]
            second = send(emulator)
        with start(state_path=path) as emulator:
            assert [message.sid for message in emulator.messages()] == [second, sid]

    def test_stops_at_a_damaged_line_and_leaves_the_file_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "phone.jsonl"
        path.write_bytes(b"{oops\n{}\n")
        with pytest.raises(JournalError, match="line 1"):
            start(state_path=path).start()
        assert path.read_bytes() == b"{oops\n{}\n"

    def test_goes_on_with_what_was_under_way(
        self, tmp_path: Path, webhook: WebhookReceiver
    ) -> None:
        path = tmp_path / "phone.jsonl"
        with start(state_path=path, step_delay_seconds=60) as emulator:
            sid = send(emulator, status_callback=webhook.url)
        assert webhook.posts == []
        with start(state_path=path) as emulator:
            assert emulator.wait_until_quiet()
            assert emulator.messages()[0].status == "delivered"
        assert webhook.statuses == ["queued", "sent", "delivered"]
        with start(state_path=path) as emulator:
            assert emulator.wait_until_quiet()
            assert [message.sid for message in emulator.messages()] == [sid]
        assert len(webhook.posts) == 3

    def test_is_emptied_by_a_reset(self, tmp_path: Path) -> None:
        path = tmp_path / "phone.jsonl"
        with start(state_path=path) as emulator:
            send(emulator)
            emulator.reset()
            assert path.read_bytes() == b""
        with start(state_path=path) as emulator:
            assert emulator.messages() == []

    def test_forgets_the_oldest_past_the_cap(self, tmp_path: Path) -> None:
        path = tmp_path / "phone.jsonl"
        with start(state_path=path, message_cap=3) as emulator:
            sids = [send(emulator, str(number)) for number in range(12)]
            assert emulator.wait_until_quiet()
            assert [message.sid for message in emulator.messages()] == sids[:-4:-1]
            # Forty-eight changes were written; the file was rewritten each time it had thirty.
            assert len(path.read_bytes().splitlines()) <= 30
        with start(state_path=path, message_cap=3) as emulator:
            assert [message.sid for message in emulator.messages()] == sids[:-4:-1]


class TestStop:
    def test_ends_connections_that_are_kept_alive(self) -> None:
        emulator = start()
        emulator.start()
        with requests.Session() as session:
            url = f"{emulator.base_url}/_control/health"
            assert session.get(url, timeout=1).status_code == 200
            emulator.stop()
            with pytest.raises(requests.ConnectionError):
                session.get(url, timeout=1)

    def test_does_not_wait_for_held_answers(self) -> None:
        emulator = start()
        emulator.start()
        with ThreadPoolExecutor(1) as executor:
            emulator.set_faults([{"action": "timeout", "seconds": 60}])
            held = executor.submit(send, emulator)
            while not emulator.messages():
                time.sleep(0.005)
            emulator.stop()
            # Answered or cut off, the client waits no longer: otherwise this raises.
            held.exception(timeout=2)


class TestProcess:
    @contextmanager
    def run(self, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
        """Yield the process and the URL it announced."""
        command = [sys.executable, "-m", "sms.emulator", "--step-delay", "0.01", *arguments]
        credentials = {"TWILIO_ACCOUNT_SID": ACCOUNT_SID, "TWILIO_AUTH_TOKEN": AUTH_TOKEN}
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
        with self.run() as (process, url):
            with client_of(url) as client:
                assert client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello").sid
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) == 0
            assert process.stdout is not None
            assert process.stdout.read() == ""

    def test_keeps_its_texts_when_it_is_killed(self, tmp_path: Path) -> None:
        state = ("--state", str(tmp_path / "phone.jsonl"))
        with self.run(*state) as (process, url), client_of(url) as client:
            sid = client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello").sid
            process.kill()
            process.wait(timeout=5)
        with self.run(*state) as (_, url), client_of(url) as client:
            assert client.messages(sid).fetch().body == "Hello"

    def test_takes_a_storm(self, tmp_path: Path) -> None:
        path = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        auth = HTTPBasicAuth(ACCOUNT_SID, AUTH_TOKEN)
        prepared = requests.Request("GET", "http://localhost", auth=auth).prepare()
        headers["Authorization"] = str(prepared.headers["Authorization"])

        def send_share(address: str, share: range) -> None:
            connection = HTTPConnection(address)
            for number in share:
                form = {"To": f"+1206{number:07}", "From": FROM_NUMBER, "Body": "Hello"}
                connection.request("POST", path, urlencode(form), headers)
                response = connection.getresponse()
                response.read()
                assert response.status == 201
            connection.close()

        with self.run("--state", str(tmp_path / "phone.jsonl")) as (_, url):
            address = url.removeprefix("http://")
            with ThreadPoolExecutor(8) as executor:
                shares = (range(first, 1000, 8) for first in range(8))
                list(executor.map(partial(send_share, address), shares))
            health = requests.get(f"{url}/_control/health", timeout=5).json()
        assert health["messages"] == 1000
