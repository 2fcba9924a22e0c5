"""Sending: over real HTTP to the emulator, from real PostgreSQL."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from pytest_django import Settings
from structlog.testing import capture_logs

from alerts.models import Alert
from sms.models import ChannelStop, DeliveryAttempt, Message, OptIn
from sms.providers import OutgoingText, ProviderText, choose_provider
from sms.services.claims import claim_due
from sms.services.parties import MessageEvent
from sms.services.sending import lease_length, send_due_messages
from tests.races import run_at_once
from tests.sms import notes
from tests.sms.texting_fixture import (
    PHONE,
    Texting,
    attempts_of,
    capture_plans,
    reload,
    sid_of,
)


def fault(action: str, *, to: str = "*", nth: int | None = None, **more: Any) -> dict[str, Any]:
    match = {"to": to} | ({} if nth is None else {"nth": nth})
    return {"match": match, "action": action, **more}


class TestSendDueMessages:
    def test_sends_a_text_and_records_that_the_provider_took_it(self, texting: Texting) -> None:
        message = texting.queue("Your secret is 4711")
        with capture_logs() as logs:
            assert texting.send() == 1
        (text,) = texting.emulator.messages()
        assert (text.to, text.body) == (PHONE, "Your secret is 4711")
        assert text.validity_seconds == 3600
        assert text.status_callback == (f"http://127.0.0.1:1/webhooks/twilio/status/{message.pk}/")
        message = reload(message)
        assert message.state == "accepted"
        assert message.provider_id == text.sid
        assert (message.attempts_used, message.segments) == (1, 1)
        assert message.sender == text.from_
        assert message.preview == "Yo••••"
        assert message.accepted_at is not None
        assert timedelta(0) <= message.accepted_at - texting.now < timedelta(seconds=5)
        assert attempts_of(message) == [(1, "accepted", "")]
        assert texting.outcomes(message) == ["accepted"]
        assert f"[TWILIO] SMS sent successfully, SID {text.sid}" in [line["event"] for line in logs]
        assert PHONE not in str(logs)
        assert "4711" not in str(logs)

    def test_keeps_the_words_nowhere(self, texting: Texting) -> None:
        message = texting.queue("Hello")
        Message.objects.filter(pk=message.pk).update(values={"text": "Your secret is 4711"})
        texting.send()
        Message.objects.filter(pk=message.pk).update(values={})
        rows = [Message.objects.filter(pk=message.pk).values(), message.attempts.values()]
        assert "4711" not in str([list(row) for row in rows])

    def test_leaves_what_is_not_due_yet(self, texting: Texting) -> None:
        message = texting.queue(due_in=1)
        assert texting.send() == 0
        assert reload(message).state == "queued"
        assert texting.bodies() == []

    def test_sends_the_longest_due_first(self, texting: Texting) -> None:
        for number in (3, 1, 2):
            texting.queue(str(number), due_in=number)
        assert texting.send(after=10, batch_size=1) == 3
        assert texting.bodies() == ["1", "2", "3"]

    def test_sends_nothing_twice_when_run_again(self, texting: Texting) -> None:
        texting.queue()
        assert texting.send() == 1
        assert texting.send() == 0
        assert texting.send(after=60) == 0
        assert texting.bodies() == ["Hello"]

    def test_prefers_the_messaging_service(
        self, texting: Texting, twilio_settings: Settings
    ) -> None:
        twilio_settings.TWILIO_MESSAGING_SERVICE_SID = "MG" + "1" * 32
        message = texting.queue()
        texting.send()
        (text,) = texting.emulator.messages()
        assert text.messaging_service_sid == "MG" + "1" * 32
        assert reload(message).sender == "MG" + "1" * 32

    def test_leaves_out_what_nobody_wants_any_more(self, texting: Texting) -> None:
        message = texting.queue(None)
        texting.send()
        message = reload(message)
        assert (message.state, message.next_attempt_at) == ("cancelled", None)
        assert attempts_of(message) == [(1, "cancelled", "")]
        assert texting.outcomes(message) == []
        assert texting.bodies() == []

    def test_tries_again_what_can_not_be_written_and_sends_the_others(
        self, texting: Texting
    ) -> None:
        broken, fine = texting.queue("broken"), texting.queue("fine")
        texting.send()
        assert texting.bodies() == ["fine"]
        assert texting.outcomes(fine) == ["accepted"]
        assert (reload(broken).state, reload(broken).error_code) == ("queued", "GC-015")
        for seconds in (36, 400):
            texting.send(after=seconds)
        assert (reload(broken).state, reload(broken).attempts_used) == ("failed", 3)
        assert texting.outcomes(broken) == ["given_up"]
        assert texting.bodies() == ["fine"]

    def test_blames_no_message_when_the_database_goes_away(
        self, texting: Texting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(**_: object) -> None:
            raise OperationalError("the connection is closed")

        message = texting.queue()
        with monkeypatch.context() as patch:
            patch.setattr(notes, "render_note", fail)
            with pytest.raises(OperationalError):
                texting.send()
        assert (reload(message).state, reload(message).attempts_used) == ("sending", 0)
        texting.send(after=60)
        assert reload(message).state == "accepted"

    def test_records_the_others_when_one_can_not_be_recorded(
        self, texting: Texting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        messages = [texting.queue(str(number)) for number in range(5)]

        def refuse(*, events: Sequence[MessageEvent], now: datetime) -> None:
            if any(event.message_id == messages[2].pk for event in events):
                raise IntegrityError("no row like that")
            notes.heard.extend(events)

        with monkeypatch.context() as patch:
            patch.setattr(notes, "record_note", refuse)
            with pytest.raises(IntegrityError):
                texting.send()
        states = [reload(one).state for one in messages]
        assert states == ["accepted", "accepted", "sending", "accepted", "accepted"]
        # Its lease over, it is looked up like any other whose end nobody knows.
        texting.send(after=60)
        assert reload(messages[2]).provider_id is not None
        assert len(texting.bodies()) == 5
        assert [texting.outcomes(one)[0] for one in messages] == ["accepted"] * 5

    def test_survives_a_provider_that_names_two_texts_alike(
        self, texting: Texting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Careless:
            def send(self, _text: object) -> ProviderText:
                return ProviderText(provider_id="SM1", status="queued")

        monkeypatch.setattr("sms.services.sending.choose_provider", lambda _: Careless())
        messages = [texting.queue(), texting.queue()]
        assert texting.send() == 2
        assert {reload(one).state for one in messages} == {"accepted"}
        assert sorted(str(reload(one).provider_id) for one in messages) == ["None", "SM1"]

    def test_does_not_text_who_has_opted_out(self, texting: Texting) -> None:
        OptIn.objects.create(client=texting.client, phone=PHONE, state="revoked")
        message = texting.queue()
        texting.send()
        assert texting.emulator.requests == {}
        message = reload(message)
        assert (message.state, message.next_attempt_at) == ("suppressed", None)
        assert texting.outcomes(message) == ["given_up"]

    def test_needs_no_redis(self, texting: Texting, settings: Settings) -> None:
        settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
        texting.queue()
        assert texting.send() == 1
        assert texting.bodies() == ["Hello"]


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


class TestDoubt:
    """A request that was not answered may have been carried out."""

    @pytest.mark.parametrize(
        "action",
        [
            fault("timeout", nth=1, seconds=2.0, accepted=True),
            fault("drop", nth=1, accepted=True),
            fault("status", nth=1, status=502, accepted=True),
            fault("status", nth=1, status=500, accepted=True),
        ],
        ids=lambda rule: f"{rule['action']} {rule.get('status', '')}",
    )
    def test_is_looked_up_and_not_sent_again_when_it_was(
        self, texting: Texting, action: dict[str, Any]
    ) -> None:
        texting.emulator.set_faults([action])
        message = texting.queue()
        texting.send()
        message = reload(message)
        assert (message.state, message.error_code) == ("unknown", "no_answer")
        assert attempts_of(message) == [(1, "unknown", "no_answer")]
        assert texting.outcomes(message) == []
        assert texting.send(after=29) == 0
        texting.send(after=36)
        assert texting.bodies() == ["Hello"]
        assert texting.emulator.requests["create"] == 1
        (text,) = texting.emulator.messages()
        message = reload(message)
        assert message.provider_id == text.sid
        assert message.state in ("accepted", "sent", "delivered")
        assert message.attempts_used == 1
        assert texting.outcomes(message)[0] == "accepted"

    @pytest.mark.parametrize(
        "action",
        [
            fault("timeout", nth=1, seconds=2.0, accepted=False),
            fault("drop", nth=1, accepted=False),
            fault("status", nth=1, status=503),
        ],
        ids=lambda rule: str(rule["action"]),
    )
    def test_is_looked_up_and_sent_again_when_it_was_not(
        self, texting: Texting, action: dict[str, Any]
    ) -> None:
        texting.emulator.set_faults([action])
        message = texting.queue()
        texting.send()
        texting.send(after=36)
        assert texting.bodies() == ["Hello"]
        message = reload(message)
        assert (message.state, message.attempts_used) == ("accepted", 2)
        assert [status for _, status, _ in attempts_of(message)] == ["lost", "accepted"]

    def test_is_looked_up_once_more_before_giving_up(
        self, texting: Texting, twilio_settings: Settings
    ) -> None:
        # The emulator's clock stays where it is, so the journey must be a short one.
        twilio_settings.SMS_RETRY_SCHEDULE = (0.0, 10.0, 20.0)
        texting.emulator.set_faults(
            [
                fault("drop", nth=1),
                fault("drop", nth=2),
                fault("drop", nth=3, accepted=True),
            ]
        )
        message = texting.queue()
        texting.send()
        texting.send(after=12)
        texting.send(after=35)
        assert (reload(message).state, reload(message).attempts_used) == ("unknown", 3)
        texting.send(after=70)
        assert reload(message).state in ("accepted", "sent", "delivered")
        assert texting.bodies() == ["Hello"]
        assert "given_up" not in texting.outcomes(message)

    def test_ends_in_giving_up_when_nothing_arrived(self, texting: Texting) -> None:
        texting.emulator.set_faults([fault("drop")])
        message = texting.queue()
        for seconds in (0, 36, 400, 440):
            texting.send(after=seconds)
        message = reload(message)
        assert (message.state, message.next_attempt_at) == ("failed", None)
        assert texting.outcomes(message) == ["given_up"]
        assert texting.bodies() == []
        assert texting.emulator.requests["create"] == 3

    def test_lasts_while_nobody_can_be_asked(self, texting: Texting) -> None:
        texting.emulator.set_faults(
            [
                fault("drop", nth=1, accepted=True),
                {"match": {"request": "list"}, "action": "status", "status": 503},
            ]
        )
        message = texting.queue()
        for seconds in (0, 36, 80, 120, 160):
            texting.send(after=seconds)
        message = reload(message)
        assert (message.state, message.attempts_used) == ("unknown", 1)
        texting.emulator.set_faults([])
        texting.send(after=200)
        assert reload(message).provider_id is not None
        assert texting.bodies() == ["Hello"]

    def test_does_not_take_another_text_to_the_same_number_for_its_own(
        self, texting: Texting
    ) -> None:
        texting.emulator.set_faults([fault("drop", nth=1)])
        first = texting.queue("First")
        texting.send()
        second = texting.queue("Second", due_in=1)
        texting.send(after=1)
        Message.objects.filter(pk=second.pk).update(provider_id=None)
        DeliveryAttempt.objects.filter(message=second).update(provider_id="")
        texting.send(after=36)
        assert texting.bodies() == ["Second", "First"]
        assert reload(first).state == "accepted"

    def test_of_two_alike_finds_each_its_own(self, texting: Texting) -> None:
        texting.emulator.set_faults([fault("drop", accepted=True)])
        one, two = texting.queue("Same"), texting.queue("Same")
        texting.send()
        for seconds in (36, 80, 120):
            texting.send(after=seconds)
        assert texting.bodies() == ["Same", "Same"]
        assert {sid_of(one), sid_of(two)} == {text.sid for text in texting.emulator.messages()}


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


class TestSlowProvider:
    def test_does_not_serialise_everything(self, texting: Texting) -> None:
        texting.emulator.set_faults([fault("timeout", seconds=0.3)])
        for number in range(16):
            texting.queue(str(number))
        began = time.monotonic()
        assert texting.send() == 16
        # One after the other the 16 calls would be 4.8 s.
        assert time.monotonic() - began < 2.5
        assert Message.objects.filter(state="accepted").count() == 16

    def test_puts_back_what_was_not_begun_in_time(
        self, texting: Texting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sms.services.sending.START_WINDOW", timedelta(seconds=0.1))
        monkeypatch.setattr("sms.services.sending.RUN_TIME", timedelta(seconds=0.01))
        texting.emulator.set_faults([fault("timeout", seconds=0.3)])
        messages = [texting.queue(str(number), due_in=number) for number in range(12)]
        texting.send(after=20)
        rows = [reload(one) for one in messages]
        states = [row.state for row in rows]
        assert states == ["accepted"] * 8 + ["queued"] * 4
        # In their old place of the queue, with no attempt used.
        assert [row.next_attempt_at for row in rows[8:]] == [
            texting.later(number) for number in range(8, 12)
        ]
        assert {row.attempts_used for row in rows[8:]} == {0}
        assert attempts_of(messages[11]) == [(1, "not_started", "")]


class TestRace:
    """Eight senders on a hundred texts, each with its own connection."""

    def test_sends_each_text_once(self, texting: Texting) -> None:
        messages = [texting.queue(f"text {number}") for number in range(100)]

        def send() -> int:
            return send_due_messages(now=texting.now, batch_size=5)

        counts = run_at_once(8, send)
        assert all(isinstance(count, int) for count in counts), counts
        assert sum(count for count in counts if isinstance(count, int)) == 100
        assert sorted(texting.bodies()) == sorted(f"text {number}" for number in range(100))
        assert {reload(one).state for one in messages} == {"accepted"}
        assert DeliveryAttempt.objects.count() == 100

    def test_is_lost_by_a_sender_that_reads_and_then_writes(self, texting: Texting) -> None:
        """The control: the same harness, without SKIP LOCKED, sends texts twice."""
        for number in range(100):
            texting.queue(f"text {number}")
        provider = choose_provider("sms")

        def send_naively() -> int:
            count = 0
            while due := list(
                Message.objects.filter(state="queued", next_attempt_at__lte=texting.now).order_by(
                    "next_attempt_at"
                )[:5]
            ):
                for message in due:
                    provider.send(
                        OutgoingText(to=message.to, body=message.values["text"], callback_url="")
                    )
                    Message.objects.filter(pk=message.pk).update(
                        state="sending", next_attempt_at=None
                    )
                    count += 1
            return count

        counts = run_at_once(8, send_naively)
        assert all(isinstance(count, int) for count in counts), counts
        assert len(texting.bodies()) > 100


class TestClaimDue:
    def test_takes_each_message_for_one_caller_until_the_lease_ends(self, texting: Texting) -> None:
        message = texting.queue()
        until = texting.later(45)
        (claim,) = claim_due(channel="sms", limit=9, now=texting.now, leased_until=until)
        assert (claim.message_id, claim.number, claim.task.value) == (message.pk, 1, "send")
        assert reload(message).state == "sending"
        assert attempts_of(message) == [(1, "sending", "")]
        assert claim_due(channel="sms", limit=9, now=texting.later(44), leased_until=until) == []
        (again,) = claim_due(channel="sms", limit=9, now=until, leased_until=texting.later(90))
        assert (again.number, again.task.value) == (1, "look up")
        assert attempts_of(message) == [(1, "sending", "")]

    def test_walks_the_index_of_what_is_due(self, texting: Texting) -> None:
        Message.objects.bulk_create(
            Message(
                client=texting.client,
                purpose="reward",
                channel="sms",
                to=PHONE,
                reference_kind="note",
                reference_id=texting.client.pk,
                next_attempt_at=texting.later(number) if number % 10 == 0 else None,
                state="queued" if number % 10 == 0 else "delivered",
            )
            for number in range(5000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE sms_message")
        with capture_plans() as plans:
            claim_due(
                channel="sms", limit=100, now=texting.later(9000), leased_until=texting.later(9045)
            )
        assert "Index Scan using sms_message_due" in plans[0]
        assert "Sort" not in plans[0].split("LockRows")[1].split("CTE")[0]

    def test_has_a_lease_longer_than_its_calls(self, settings: Settings) -> None:
        settings.SMS_TIMEOUT = 10.0
        assert lease_length() == timedelta(seconds=45)
