"""Texts that fail: retried, given up, or waiting for our own set-up."""

from typing import Any

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from alerts.models import Alert
from sms.models import ChannelStop, Message, OptIn
from tests.sms.texting_fixture import (
    PHONE,
    Texting,
    attempts_of,
    reload,
)


def fault(action: str, *, to: str = "*", nth: int | None = None, **more: Any) -> dict[str, Any]:
    match = {"to": to} | ({} if nth is None else {"nth": nth})
    return {"match": match, "action": action, **more}


class TestFailures:
    """A text that fails; every wait is lengthened by up to a tenth."""

    def waits(self, texting: Texting, message: Message, *, after: float) -> float:
        due_at = reload(message).next_attempt_at
        assert due_at is not None
        return (due_at - texting.later(after)).total_seconds()

    def test_are_retried_after_30_seconds_and_5_minutes(self, texting: Texting) -> None:
        texting.emulator.set_faults([fault("error", code=30008)])
        message = texting.queue()
        texting.send()
        assert 30 <= self.waits(texting, message, after=0) < 35
        assert texting.send(after=29) == 0
        assert texting.send(after=36) == 1
        assert 300 <= self.waits(texting, message, after=36) < 335
        assert texting.send(after=330) == 0
        assert texting.send(after=372) == 1
        message = reload(message)
        assert (message.state, message.next_attempt_at) == ("failed", None)
        assert (message.attempts_used, message.error_code) == (3, "30008")
        assert attempts_of(message) == [(n, "refused", "30008") for n in (1, 2, 3)]
        assert texting.outcomes(message) == ["given_up"]
        assert texting.send(after=100_000) == 0

    def test_end_when_a_retry_gets_through(self, texting: Texting) -> None:
        texting.emulator.set_faults([fault("error", nth=1, code=21611)])
        message = texting.queue()
        texting.send()
        texting.send(after=36)
        message = reload(message)
        assert (message.state, message.error_code) == ("accepted", "")
        assert attempts_of(message) == [(1, "refused", "21611"), (2, "accepted", "")]
        assert texting.outcomes(message) == ["accepted"]
        assert texting.bodies() == ["Hello"]

    def test_of_too_many_requests_use_no_attempt(self, texting: Texting) -> None:
        texting.emulator.set_faults([fault("rate_limited", retry_after=7)])
        message = texting.queue()
        for round_number in range(5):
            assert texting.send(after=round_number * 10) == 1
            assert 7 <= self.waits(texting, message, after=round_number * 10) < 9
        assert (reload(message).state, reload(message).attempts_used) == ("queued", 0)
        texting.emulator.set_faults([])
        texting.send(after=60)
        assert (reload(message).state, reload(message).attempts_used) == ("accepted", 1)

    def test_for_good_are_not_retried(self, texting: Texting) -> None:
        message = texting.queue(to="+15005521614")
        texting.send()
        message = reload(message)
        assert (message.state, message.next_attempt_at) == ("failed", None)
        assert message.error_code == "21614"
        assert texting.outcomes(message) == ["given_up"]

    def test_by_opt_out_are_remembered(self, texting: Texting) -> None:
        texting.emulator.opt_out(PHONE)
        OptIn.objects.create(client=texting.client, phone=PHONE, state="granted")
        message = texting.queue()
        texting.send()
        assert reload(message).state == "suppressed"
        opt_in = OptIn.objects.get(client=texting.client, phone=PHONE)
        assert (opt_in.state, opt_in.way) == ("revoked", "refused by the provider")
        assert texting.outcomes(message) == ["given_up"]

    def test_by_a_filter_are_not_retried(self, texting: Texting) -> None:
        texting.emulator.set_faults([fault("error", code=30007)])
        message = texting.queue()
        texting.send()
        assert (reload(message).state, reload(message).next_attempt_at) == ("failed", None)

    def test_of_the_connection_are_retried_without_looking_up(
        self, texting: Texting, twilio_settings: Settings
    ) -> None:
        twilio_settings.TWILIO_API_BASE_URL = "http://127.0.0.1:1"
        message = texting.queue()
        texting.send()
        assert reload(message).state == "queued"
        assert attempts_of(message) == [(1, "lost", "unreachable")]
        twilio_settings.TWILIO_API_BASE_URL = texting.emulator.base_url
        texting.send(after=36)
        assert texting.emulator.requests == {"create": 1}
        assert reload(message).state == "accepted"


class TestSetUp:
    """What only we can mend."""

    @pytest.mark.parametrize("code", [20003, 21606, 21603, 30002, 30034])
    def test_errors_stop_the_channel_until_a_probe_gets_through(
        self, texting: Texting, code: int
    ) -> None:
        texting.emulator.set_faults([fault("error", code=code, status=400)])
        messages = [texting.queue(str(number), due_in=number) for number in range(30)]
        texting.send(after=30)
        assert texting.emulator.requests["create"] < len(messages)
        assert {reload(one).state for one in messages} == {"queued"}
        assert {reload(one).attempts_used for one in messages} == {0}
        stop = ChannelStop.objects.get()
        assert (stop.channel, stop.error_code) == ("sms", str(code))
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.state) == (
            "channel_stopped",
            "critical",
            "open",
        )
        tried = texting.emulator.requests["create"]
        assert texting.send(after=40) == 0
        texting.send(after=95)
        assert texting.emulator.requests["create"] == tried + 1

        texting.emulator.set_faults([])
        texting.send(after=160)
        texting.send(after=240)
        assert not ChannelStop.objects.exists()
        assert Alert.objects.get().state == "resolved"
        assert {reload(one).state for one in messages} == {"accepted"}
        assert sorted(texting.bodies(), key=int) == [str(number) for number in range(30)]

    def test_errors_of_one_destination_keep_only_its_texts_waiting(self, texting: Texting) -> None:
        abroad = texting.queue("abroad", to="+15005550003")
        home = texting.queue("home")
        texting.send()
        assert reload(home).state == "accepted"
        message = reload(abroad)
        assert (message.state, message.attempts_used) == ("queued", 0)
        assert message.error_code == "21408"
        assert not ChannelStop.objects.exists()
        assert Alert.objects.get().severity == "critical"

    def test_missing_is_said_and_nothing_is_lost(
        self, texting: Texting, twilio_settings: Settings
    ) -> None:
        twilio_settings.TWILIO_AUTH_TOKENS = []
        message = texting.queue()
        with capture_logs() as logs:
            assert texting.send() == 0
        assert [(line["event"], line["log_level"]) for line in logs if "code" in line] == [
            ("SMS service not configured", "error")
        ]
        alert = Alert.objects.get()
        assert (alert.severity, alert.subject) == ("critical", "SMS service not configured")
        assert "TWILIO_AUTH_TOKEN" in alert.message
        assert (reload(message).state, reload(message).next_attempt_at) == ("queued", texting.now)
        assert attempts_of(message) == []

        twilio_settings.TWILIO_AUTH_TOKENS = ["the-token-of-the-emulator"]
        assert texting.send(after=30) == 0
        assert texting.send(after=61) == 1
        assert reload(message).state == "accepted"
        assert Alert.objects.get().state == "resolved"

    def test_missing_with_nothing_to_send_is_no_matter(
        self, texting: Texting, twilio_settings: Settings
    ) -> None:
        twilio_settings.TWILIO_ACCOUNT_SID = ""
        texting.send()
        assert not Alert.objects.exists()

    def test_of_an_unknown_channel_does_not_hold_up_the_others(self, texting: Texting) -> None:
        letter = texting.queue("by e-mail")
        Message.objects.filter(pk=letter.pk).update(channel="email", to="ana@example.com")
        text = texting.queue("by text")
        texting.send()
        assert reload(text).state == "accepted"
        assert reload(letter).state == "queued"
        assert Alert.objects.get().subject == "E-mail service not configured"
