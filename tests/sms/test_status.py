"""What Twilio reports of a text: late, twice, out of order, before its answer."""

from itertools import permutations
from threading import Event, Thread
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection

from sms.models import Message, StatusEvent
from sms.services.sending import send_due_messages
from sms.services.status import UnknownMessageError, record_status_report
from tests.races import run_at_once
from tests.sms.texting_fixture import Texting, attempts_of, reload, sid_of

SID = "SM" + "1" * 32


def report(texting: Texting, message: Message, status: str, **more: str) -> bool:
    """Let the provider report a status, of the message's own text unless told otherwise."""
    return record_status_report(
        message_id=message.pk,
        provider_id=more.get("sid") or reload(message).provider_id or SID,
        status=status,
        error_code=more.get("code", ""),
        now=texting.later(float(more.get("after", 1))),
    )


@pytest.fixture
def sent(texting: Texting) -> Message:
    """A text that the provider has taken and says nothing of."""
    message = texting.queue()
    texting.send()
    return reload(message)


class TestRecordStatusReport:
    def test_moves_the_message_forward(self, texting: Texting, sent: Message) -> None:
        assert report(texting, sent, "queued")
        assert reload(sent).state == "accepted"
        assert report(texting, sent, "sent")
        assert reload(sent).state == "sent"
        assert report(texting, sent, "delivered", after="2")
        message = reload(sent)
        assert (message.state, message.next_attempt_at) == ("delivered", None)
        assert message.delivered_at == texting.later(2)
        assert attempts_of(sent) == [(1, "delivered", "")]
        assert texting.outcomes(sent) == ["accepted", "delivered"]

    @pytest.mark.parametrize("order", list(permutations(["queued", "sent", "delivered"])))
    def test_ends_delivered_in_whatever_order_it_comes(
        self, texting: Texting, sent: Message, order: tuple[str, ...]
    ) -> None:
        for status in order:
            assert report(texting, sent, status)
        assert reload(sent).state == "delivered"
        assert texting.outcomes(sent) == ["accepted", "delivered"]
        assert StatusEvent.objects.count() == 3

    def test_keeps_the_same_report_once(self, texting: Texting, sent: Message) -> None:
        assert report(texting, sent, "delivered") is True
        assert report(texting, sent, "delivered", after="9") is False
        assert StatusEvent.objects.count() == 1
        assert reload(sent).delivered_at == texting.later(1)
        assert texting.outcomes(sent) == ["accepted", "delivered"]

    def test_twenty_times_at_once_is_one(self, texting: Texting, sent: Message) -> None:
        news = run_at_once(20, lambda: report(texting, sent, "delivered"))
        assert sorted(news, key=str) == [False] * 19 + [True]
        assert StatusEvent.objects.count() == 1
        assert texting.outcomes(sent) == ["accepted", "delivered"]

    def test_never_takes_a_delivery_back(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "delivered")
        for status in ("undelivered", "failed", "sent", "canceled"):
            assert report(texting, sent, status, code="30008")
        message = reload(sent)
        assert (message.state, message.next_attempt_at) == ("delivered", None)
        assert texting.outcomes(sent) == ["accepted", "delivered"]

    def test_of_a_failure_waits_for_the_next_attempt(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "undelivered", code="30008")
        message = reload(sent)
        assert (message.state, message.attempts_used) == ("queued", 1)
        assert message.error_code == "30008"
        assert message.next_attempt_at is not None
        assert 31 <= (message.next_attempt_at - texting.now).total_seconds() < 35
        texting.send(after=36)
        assert texting.bodies() == ["Hello", "Hello"]
        assert [status for _, status, _ in attempts_of(sent)] == ["undelivered", "accepted"]

    def test_of_a_handset_that_is_off_waits_longer(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "undelivered", code="30003")
        due_at = reload(sent).next_attempt_at
        assert due_at is not None
        assert 1800 <= (due_at - texting.later(1)).total_seconds() < 1985

    def test_of_a_bad_number_gives_up(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "undelivered", code="30006")
        message = reload(sent)
        assert (message.state, message.next_attempt_at) == ("undelivered", None)
        assert texting.outcomes(sent) == ["accepted", "given_up"]
        assert texting.send(after=100_000) == 0

    def test_of_our_set_up_uses_no_attempt(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "failed", code="30034")
        message = reload(sent)
        assert (message.state, message.attempts_used) == ("queued", 0)

    def test_of_a_delivery_after_all_stops_the_retry(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "undelivered", code="30008")
        report(texting, sent, "delivered", after="2")
        message = reload(sent)
        assert (message.state, message.next_attempt_at) == ("delivered", None)
        assert texting.send(after=100) == 0
        assert texting.bodies() == ["Hello"]

    def test_of_a_delivery_comes_in_after_giving_up(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "undelivered", code="30006")
        report(texting, sent, "delivered", after="2")
        assert reload(sent).state == "delivered"
        assert texting.outcomes(sent) == ["accepted", "given_up", "delivered"]

    def test_of_an_earlier_attempt_does_not_fail_the_present_one(
        self, texting: Texting, sent: Message
    ) -> None:
        first = sid_of(sent)
        report(texting, sent, "undelivered", code="30008")
        texting.send(after=36)
        report(texting, sent, "failed", sid=first, code="30008", after="40")
        message = reload(sent)
        assert (message.state, message.attempts_used) == ("accepted", 2)
        report(texting, sent, "delivered", sid=first, after="41")
        assert reload(sent).state == "delivered"

    def test_of_a_cancellation_that_was_not_ours_gives_up(
        self, texting: Texting, sent: Message
    ) -> None:
        report(texting, sent, "canceled")
        message = reload(sent)
        assert (message.state, message.next_attempt_at) == ("cancelled", None)
        assert texting.outcomes(sent) == ["accepted", "given_up"]

    def test_with_a_word_we_do_not_know_is_kept_and_changes_nothing(
        self, texting: Texting, sent: Message
    ) -> None:
        assert report(texting, sent, "teleported")
        assert reload(sent).state == "accepted"
        assert StatusEvent.objects.get().status == "teleported"

    def test_about_a_message_that_is_not_ours_is_refused(self, texting: Texting) -> None:
        with pytest.raises(UnknownMessageError):
            record_status_report(
                message_id=uuid4(),
                provider_id=SID,
                status="delivered",
                error_code="",
                now=texting.now,
            )
        assert not StatusEvent.objects.exists()

    def test_before_our_own_request_returned_is_the_answer(self, texting: Texting) -> None:
        message = texting.queue()
        texting.emulator.set_faults(
            [{"match": {"nth": 1}, "action": "timeout", "seconds": 0.4, "accepted": True}]
        )
        called, result = Event(), []

        def send() -> None:
            result.append(send_due_messages(now=texting.now))
            called.set()
            connection.close()

        thread = Thread(target=send)
        thread.start()
        while not texting.emulator.messages():
            called.wait(0.01)
        sid = texting.emulator.messages()[0].sid
        assert report(texting, message, "sent", sid=sid)
        assert reload(message).state == "sent"
        assert reload(message).provider_id == sid
        thread.join()
        message = reload(message)
        assert (message.state, message.attempts_used) == ("sent", 1)
        assert (message.provider_id, message.preview) == (sid, "He••••")
        assert texting.outcomes(message) == ["accepted"]
        assert texting.bodies() == ["Hello"]

    def test_settles_an_attempt_that_was_never_answered(self, texting: Texting) -> None:
        texting.emulator.set_faults([{"match": {"nth": 1}, "action": "drop", "accepted": True}])
        message = texting.queue()
        texting.send()
        sid = texting.emulator.messages()[0].sid
        report(texting, message, "delivered", sid=sid)
        assert (reload(message).state, reload(message).provider_id) == ("delivered", sid)
        assert texting.send(after=36) == 0
        assert texting.emulator.requests == {"create": 1}


class TestAsking:
    """What never gets a last word is asked for."""

    def test_finds_out_what_became_of_a_text(self, texting: Texting, sent: Message) -> None:
        assert texting.emulator.wait_until_quiet()
        assert texting.send(after=890) == 0
        assert texting.send(after=1000) == 1
        assert texting.emulator.requests == {"create": 1, "fetch": 1}
        assert reload(sent).state == "delivered"
        assert texting.outcomes(sent) == ["accepted", "delivered"]
        assert StatusEvent.objects.get().status == "delivered"

    def test_goes_on_at_growing_intervals_and_ends(self, texting: Texting) -> None:
        texting.emulator.set_faults([{"action": "stuck", "status": "sent"}])
        message = texting.queue()
        texting.send()
        assert texting.emulator.wait_until_quiet()
        asked_at, seconds = [], 0
        while (due_at := reload(message).next_attempt_at) is not None:
            seconds = int((due_at - texting.now).total_seconds()) + 1
            asked_at.append(seconds)
            texting.send(after=seconds)
        assert len(asked_at) < 10
        assert 86_400 < seconds < 200_000
        assert reload(message).state == "sent"
        assert texting.bodies() == ["Hello"]


class TestTheTrigger:
    """Note [Only forward]: what no mistake of ours can do."""

    def test_refuses_to_take_a_delivery_back(self, texting: Texting, sent: Message) -> None:
        report(texting, sent, "delivered")
        with pytest.raises(IntegrityError, match="can not go from delivered to sent"):
            Message.objects.filter(pk=sent.pk).update(state="sent")

    def test_refuses_to_remove_an_attempt(self, texting: Texting, sent: Message) -> None:
        with pytest.raises(IntegrityError, match="is refused"):
            sent.attempts.all().delete()
        assert sent.attempts.count() == 1
