"""The vendor file, against the emulator over real HTTP."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from pytest_django import Settings

from sms.emulator import Emulator
from sms.providers import (
    NoAnswerError,
    NotConfiguredError,
    OutgoingText,
    RefusedError,
    UnreachableError,
    choose_provider,
)
from sms.providers.twilio import Twilio, connect_twilio
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER
from tests.sms.texting_fixture import PHONE

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def connect(base_url: str, *, timeout_seconds: float = 0.5, **options: str) -> Twilio:
    return Twilio(
        account_sid=ACCOUNT_SID,
        auth_token=options.get("auth_token", AUTH_TOKEN),
        from_number=FROM_NUMBER,
        base_url=base_url,
        timeout_seconds=timeout_seconds,
    )


@pytest.fixture
def twilio(twilio_emulator: Emulator) -> Twilio:
    return connect(twilio_emulator.base_url)


def text(body: str = "Hello", to: str = PHONE) -> OutgoingText:
    return OutgoingText(to=to, body=body, callback_url="http://127.0.0.1:1/status/")


def fault(action: str, **more: Any) -> list[dict[str, Any]]:
    return [{"action": action, **more}]


class TestSend:
    def test_returns_what_twilio_says(self, twilio: Twilio, twilio_emulator: Emulator) -> None:
        taken = twilio.send(text())
        (received,) = twilio_emulator.messages()
        assert taken.provider_id == received.sid
        assert (taken.status, taken.sender, taken.segments) == ("queued", FROM_NUMBER, 1)
        assert received.validity_seconds == 3600

    def test_gives_each_thread_its_own_answer(
        self, twilio: Twilio, twilio_emulator: Emulator
    ) -> None:
        phones = [f"+1206555{number:04}" for number in range(200)]
        with ThreadPoolExecutor(16) as threads:
            taken = list(threads.map(lambda phone: twilio.send(text(to=phone)), phones))
        by_phone = {one.to: one.sid for one in twilio_emulator.messages()}
        assert [one.provider_id for one in taken] == [by_phone[phone] for phone in phones]

    def test_says_nothing_to_the_log(
        self, twilio: Twilio, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG, logger="twilio"):
            twilio.send(text())
        assert PHONE not in caplog.text
        assert "Hello" not in caplog.text

    @pytest.mark.parametrize(
        ("rules", "code"),
        [
            (fault("error", code=21211), "21211"),
            (fault("error", code=20003, status=401), "20003"),
            (fault("rate_limited", retry_after=17), "20429"),
        ],
    )
    def test_names_the_error_of_a_refusal(
        self, twilio: Twilio, twilio_emulator: Emulator, rules: Any, code: str
    ) -> None:
        twilio_emulator.set_faults(rules)
        with pytest.raises(RefusedError) as caught:
            twilio.send(text())
        assert caught.value.code == code
        assert caught.value.retry_after_seconds == (17 if code == "20429" else None)
        assert PHONE not in str(caught.value)

    def test_names_a_wrong_token(self, twilio_emulator: Emulator) -> None:
        with pytest.raises(RefusedError) as caught:
            connect(twilio_emulator.base_url, auth_token="wrong").send(text())
        assert caught.value.code == "20003"

    @pytest.mark.parametrize(
        "rules",
        [
            fault("timeout", seconds=2.0),
            fault("drop"),
            fault("status", status=502),
            fault("status", status=503),
            fault("status", status=504),
        ],
    )
    def test_does_not_know_without_an_answer(
        self, twilio: Twilio, twilio_emulator: Emulator, rules: Any
    ) -> None:
        twilio_emulator.set_faults(rules)
        with pytest.raises(NoAnswerError) as caught:
            twilio.send(text())
        assert PHONE not in str(caught.value)

    def test_gives_up_after_its_time_limit(self, twilio: Twilio, twilio_emulator: Emulator) -> None:
        twilio_emulator.set_faults(fault("timeout", seconds=5.0))
        began = time.monotonic()
        with pytest.raises(NoAnswerError):
            twilio.send(text())
        assert time.monotonic() - began < 1.5

    def test_knows_that_nothing_was_sent_without_a_connection(self) -> None:
        with pytest.raises(UnreachableError):
            connect("http://127.0.0.1:1").send(text())


class TestFind:
    def test_returns_the_texts_to_a_number_oldest_first(
        self, twilio: Twilio, twilio_emulator: Emulator
    ) -> None:
        sids = [twilio.send(text(body)).provider_id for body in ("one", "two")]
        twilio.send(text("other", to="+12065550199"))
        twilio_emulator.wait_until_quiet()
        found = twilio.find(to=PHONE, since=LONG_AGO)
        assert sorted(one.provider_id for one in found) == sorted(sids)
        assert {one.body for one in found} == {"one", "two"}
        assert {one.status for one in found} == {"delivered"}

    def test_leaves_out_what_is_older(self, twilio: Twilio) -> None:
        twilio.send(text())
        assert twilio.find(to=PHONE, since=datetime.now(UTC) + timedelta(minutes=1)) == []

    def test_leaves_out_what_the_person_sent(
        self, twilio: Twilio, twilio_emulator: Emulator
    ) -> None:
        twilio_emulator.receive_text(
            from_=FROM_NUMBER, to=PHONE, body="hi", webhook_url="http://127.0.0.1:1/"
        )
        assert twilio.find(to=PHONE, since=LONG_AGO) == []

    def test_finds_what_is_not_sent_yet(self, twilio: Twilio, twilio_emulator: Emulator) -> None:
        twilio_emulator.set_faults(fault("stuck"))
        sid = twilio.send(text()).provider_id
        (found,) = twilio.find(to=PHONE, since=datetime.now(UTC) - timedelta(minutes=1))
        assert (found.provider_id, found.status) == (sid, "queued")


class TestFetch:
    def test_returns_how_a_text_stands(self, twilio: Twilio, twilio_emulator: Emulator) -> None:
        sid = twilio.send(text(to="+15005530003")).provider_id
        twilio_emulator.wait_until_quiet()
        fetched = twilio.fetch(sid)
        assert (fetched.status, fetched.error_code) == ("undelivered", "30003")
        assert fetched.price == "-0.00790"

    def test_refuses_an_unknown_one(self, twilio: Twilio) -> None:
        with pytest.raises(RefusedError) as caught:
            twilio.fetch("SM" + "0" * 32)
        assert caught.value.code == "20404"


class _Babble(BaseHTTPRequestHandler):
    """Answers 201 with whatever its server was told to say."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = self.server.words  # type: ignore[attr-defined]
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def babbler() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Babble) as server:
        Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield server
        server.shutdown()


class TestAnUnreadableAnswer:
    @pytest.mark.parametrize(
        "words", [b"", b"OK", b"[]", b"{}", b'"SM1"', b"\xff\xfe", b'{"sid": ""}']
    )
    def test_is_no_answer(self, babbler: ThreadingHTTPServer, words: bytes) -> None:
        babbler.words = words  # type: ignore[attr-defined]
        with pytest.raises(NoAnswerError):
            connect(f"http://127.0.0.1:{babbler.server_port}").send(text())


class TestConnectTwilio:
    def test_keeps_its_connection_while_the_settings_stay(self, twilio_settings: Settings) -> None:
        first = connect_twilio()
        assert connect_twilio() is first
        twilio_settings.SMS_TIMEOUT = 0.25
        assert connect_twilio() is not first

    def test_uses_the_newest_token(
        self, twilio_settings: Settings, twilio_emulator: Emulator
    ) -> None:
        twilio_settings.TWILIO_AUTH_TOKENS = [AUTH_TOKEN, "the-old-one"]
        connect_twilio().send(text())
        assert len(twilio_emulator.messages()) == 1


class TestChooseProvider:
    @pytest.mark.parametrize(
        ("name", "value"),
        [("TWILIO_ACCOUNT_SID", ""), ("TWILIO_AUTH_TOKENS", []), ("TWILIO_FROM_NUMBER", "")],
    )
    def test_says_what_is_not_set(
        self, twilio_settings: Settings, name: str, value: object
    ) -> None:
        setattr(twilio_settings, name, value)
        with pytest.raises(NotConfiguredError, match=name.removesuffix("S")):
            choose_provider("sms")

    def test_needs_no_number_with_a_messaging_service(self, twilio_settings: Settings) -> None:
        twilio_settings.TWILIO_FROM_NUMBER = ""
        twilio_settings.TWILIO_MESSAGING_SERVICE_SID = "MG" + "1" * 32
        assert isinstance(choose_provider("sms"), Twilio)

    def test_knows_nobody_for_e_mail_without_its_setting(self, twilio_settings: Settings) -> None:
        twilio_settings.EMAIL_ENABLED = False
        with pytest.raises(NotConfiguredError, match="EMAIL_URL"):
            choose_provider("email")
