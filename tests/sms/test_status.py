"""What Twilio calls in: over real HTTP from the emulator, and posted by hand."""

from collections.abc import Callable
from itertools import permutations
from threading import Event, Thread
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.test import Client as HttpClient
from django.urls import reverse
from pytest_django import Settings
from twilio.request_validator import RequestValidator

from sms.models import Message, StatusEvent
from sms.services.calls import CALLBACK_PATH
from sms.services.sending import send_due_messages
from sms.services.status import UnknownMessageError, record_status_report
from tests.races import run_at_once
from tests.sms.emulator_fixture import AUTH_TOKEN
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


@pytest.fixture
def post(texting: Texting, client: HttpClient) -> Callable[..., int]:
    """Post a callback as Twilio would and return the answer's status."""

    def post_callback(message_id: object, token: str | None = AUTH_TOKEN, **form: str) -> int:
        path = f"/webhooks/twilio/status/{message_id}/"
        form = {"MessageSid": SID, "MessageStatus": "sent", "To": "+12065550101"} | form
        headers = {}
        if token is not None:
            address = f"http://127.0.0.1:1{path}"
            signature = RequestValidator(token).compute_signature(address, form)
            headers = {"X-Twilio-Signature": signature}
        return client.post(path, form, headers=headers).status_code

    return post_callback


Post = Callable[..., int]


class TestReceiveStatus:
    def test_stands_where_we_send_twilio(self) -> None:
        message_id = uuid4()
        assert reverse("twilio-status", args=[message_id]) == CALLBACK_PATH.format(
            message_id=message_id
        )

    def test_answers_204_to_news_and_to_what_is_known(
        self, post: Post, texting: Texting, sent: Message
    ) -> None:
        sid = sid_of(sent)
        assert post(sent.pk, MessageSid=sid) == 204
        assert reload(sent).state == "sent"
        assert post(sent.pk, MessageSid=sid) == 204
        assert StatusEvent.objects.count() == 1

    @pytest.mark.parametrize("token", [None, "another-token", ""])
    def test_answers_403_to_a_bad_signature_and_stores_nothing(
        self, post: Post, sent: Message, token: str | None
    ) -> None:
        assert post(sent.pk, token, MessageStatus="delivered") == 403
        assert reload(sent).state == "accepted"
        assert not StatusEvent.objects.exists()

    def test_refuses_what_was_changed_after_signing(
        self, texting: Texting, client: HttpClient, sent: Message
    ) -> None:
        path = f"/webhooks/twilio/status/{sent.pk}/"
        form = {"MessageSid": SID, "MessageStatus": "sent"}
        signature = RequestValidator(AUTH_TOKEN).compute_signature(
            f"http://127.0.0.1:1{path}", form
        )
        forged = form | {"MessageStatus": "delivered"}
        answer = client.post(path, forged, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 403

    def test_takes_two_tokens_during_a_rotation(
        self, post: Post, twilio_settings: Settings, sent: Message
    ) -> None:
        twilio_settings.TWILIO_AUTH_TOKENS = ["new", "old"]
        assert post(sent.pk, "new") == 204
        assert post(sent.pk, "old", MessageStatus="delivered") == 204
        assert post(sent.pk, "older", MessageStatus="failed") == 403

    def test_refuses_everything_without_a_token(
        self, post: Post, twilio_settings: Settings, sent: Message
    ) -> None:
        twilio_settings.TWILIO_AUTH_TOKENS = []
        assert post(sent.pk, "") == 403

    def test_goes_by_the_public_address_behind_a_proxy(
        self, post: Post, twilio_settings: Settings, client: HttpClient, sent: Message
    ) -> None:
        twilio_settings.PUBLIC_BASE_URL = "https://gifts.example"
        path = f"/webhooks/twilio/status/{sent.pk}/?retry=1"
        form = {"MessageSid": SID, "MessageStatus": "sent"}
        signature = RequestValidator(AUTH_TOKEN).compute_signature(
            f"https://gifts.example{path}", form
        )
        answer = client.post(path, form, headers={"X-Twilio-Signature": signature})
        assert answer.status_code == 204

    def test_answers_404_about_a_message_that_is_not_ours(self, post: Post) -> None:
        assert post(uuid4()) == 404

    @pytest.mark.parametrize(
        "form",
        [
            {"MessageSid": ""},
            {"MessageStatus": ""},
            {"MessageSid": "S" * 65},
            {"MessageStatus": "s" * 25},
            {"ErrorCode": "1" * 17},
            {"MessageStatus": "s\x00nt"},
            {"MessageStatus": "señt"},
        ],
    )
    def test_answers_400_to_what_can_not_be_kept(
        self, post: Post, sent: Message, form: dict[str, str]
    ) -> None:
        assert post(sent.pk, **form) == 400
        assert not StatusEvent.objects.exists()

    def test_is_for_posts_only(self, client: HttpClient, sent: Message) -> None:
        assert client.get(f"/webhooks/twilio/status/{sent.pk}/").status_code == 405

    def test_needs_no_cross_site_token(self, sent: Message) -> None:
        strict = HttpClient(enforce_csrf_checks=True)
        answer = strict.post(f"/webhooks/twilio/status/{sent.pk}/", {"MessageSid": SID})
        assert answer.status_code == 403
        assert b"csrf" not in answer.content.lower()
        assert answer.content == b""


class TestTheWholeWay:
    """The emulator posts its callbacks to a live server of ours."""

    @pytest.fixture(autouse=True)
    def _public(self, twilio_settings: Settings, live_server: object) -> None:
        twilio_settings.PUBLIC_BASE_URL = str(live_server)

    @pytest.mark.parametrize(
        "faults",
        [
            [],
            [{"action": "callback_before_response"}],
            [{"action": "duplicate_callbacks", "copies": 3}],
            [{"action": "callbacks_out_of_order"}],
            [{"action": "late_callback", "seconds": 0.3}],
            [
                {"action": "timeout", "seconds": 1.0, "match": {"nth": 1}},
                {"action": "callbacks_out_of_order"},
            ],
        ],
        ids=["plain", "early", "twice", "out of order", "late", "instead of the answer"],
    )
    def test_ends_delivered(self, texting: Texting, faults: list[dict[str, object]]) -> None:
        texting.emulator.set_faults(faults)
        messages = [texting.queue(f"text {number}") for number in range(5)]
        texting.send()
        assert texting.emulator.wait_until_quiet()
        callbacks = texting.emulator.callbacks()
        assert {record.answered for record in callbacks} == {204}
        for message in messages:
            row = reload(message)
            assert (row.state, row.next_attempt_at, row.attempts_used) == ("delivered", None, 1)
            assert row.accepted_at is not None
            assert row.delivered_at is not None
            assert texting.outcomes(message) == ["accepted", "delivered"]
            statuses = message.status_events.values_list("status", flat=True)
            assert sorted(statuses) == ["delivered", "queued", "sent"]
        assert len(texting.bodies()) == 5

    def test_retries_what_the_carrier_did_not_deliver(self, texting: Texting) -> None:
        texting.emulator.set_faults([{"match": {"nth": 1}, "action": "undelivered", "code": 30008}])
        message = texting.queue()
        texting.send()
        assert texting.emulator.wait_until_quiet()
        assert (reload(message).state, reload(message).error_code) == ("queued", "30008")
        texting.send(after=60)
        assert texting.emulator.wait_until_quiet()
        assert reload(message).state == "delivered"
        assert [status for _, status, _ in attempts_of(message)] == ["undelivered", "delivered"]
        assert texting.bodies() == ["Hello", "Hello"]
