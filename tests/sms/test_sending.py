"""Sending: over real HTTP to the emulator, from real PostgreSQL."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection
from pytest_django import Settings
from structlog.testing import capture_logs

from sms.models import Message, OptIn
from sms.providers import ProviderText
from sms.services.claims import claim_due
from sms.services.parties import MessageEvent
from sms.services.sending import lease_length
from tests.sms import notes
from tests.sms.texting_fixture import (
    PHONE,
    Texting,
    attempts_of,
    capture_plans,
    reload,
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
                next_attempt_at=texting.later(number) if number % 2 == 0 else None,
                state="queued" if number % 2 == 0 else "delivered",
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
        assert lease_length("sms") == timedelta(seconds=45)
