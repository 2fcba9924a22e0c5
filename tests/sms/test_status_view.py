"""The door for Twilio: posted by hand, and over real HTTP from the emulator."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client as HttpClient
from django.urls import reverse
from pytest_django import Settings
from twilio.request_validator import RequestValidator

from sms.models import Message, StatusEvent
from sms.services.calls import CALLBACK_PATH
from tests.sms.emulator_fixture import AUTH_TOKEN
from tests.sms.texting_fixture import Texting, attempts_of, reload, sid_of

SID = "SM" + "1" * 32


@pytest.fixture
def sent(texting: Texting) -> Message:
    """A text that the provider has taken and says nothing of."""
    message = texting.queue()
    texting.send()
    return reload(message)


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
