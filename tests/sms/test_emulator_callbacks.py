"""The emulator's status callbacks and inbound texts, as our webhooks receive them."""

from typing import Any

import pytest
import requests
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from sms.emulator import Emulator
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER
from tests.sms.webhook_receiver import Post, WebhookReceiver

PHONE = "+12065550101"


def is_genuine(post: Post, auth_token: str = AUTH_TOKEN) -> bool:
    validator = RequestValidator(auth_token)
    return bool(validator.validate(post.url, post.form, post.headers["X-Twilio-Signature"]))


class TestStatusCallbacks:
    def test_follow_the_message_to_its_end(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        sid = twilio_client.messages.create(
            to=PHONE, from_=FROM_NUMBER, body="Hello", status_callback=webhook.url
        ).sid
        assert twilio_emulator.wait_until_quiet()
        assert webhook.statuses == ["queued", "sent", "delivered"]
        assert dict(webhook.posts[-1].form) == {
            "AccountSid": ACCOUNT_SID,
            "ApiVersion": "2010-04-01",
            "From": FROM_NUMBER,
            "MessageSid": sid,
            "MessageStatus": "delivered",
            "SmsSid": sid,
            "SmsStatus": "delivered",
            "To": PHONE,
        }

    def test_carry_twilios_signature(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        twilio_client.messages.create(
            to=PHONE,
            messaging_service_sid="MG" + "1" * 32,
            body="Hello",
            status_callback=f"{webhook.url}?b=2&a=%C3%A9",
        )
        assert twilio_emulator.wait_until_quiet()
        assert len(webhook.posts) == 3
        assert all(is_genuine(post) for post in webhook.posts)
        assert not any(is_genuine(post, "another-token") for post in webhook.posts)
        assert webhook.posts[0].form["MessagingServiceSid"] == "MG" + "1" * 32

    def test_name_the_error_of_an_undelivered_message(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        twilio_client.messages.create(
            to="+15005530003", from_=FROM_NUMBER, body="Hello", status_callback=webhook.url
        )
        assert twilio_emulator.wait_until_quiet()
        assert webhook.statuses == ["queued", "sent", "undelivered"]
        assert [post.form.get("ErrorCode") for post in webhook.posts] == [None, None, "30003"]

    def test_are_posted_again_when_our_side_was_down(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        webhook.answers = [(204, "", ""), (204, "", ""), (503, "", ""), (0, "", "")]
        sid = twilio_client.messages.create(
            to=PHONE, from_=FROM_NUMBER, body="Hello", status_callback=webhook.url
        ).sid
        assert twilio_emulator.wait_until_quiet()
        assert webhook.statuses[:2] == ["queued", "sent"]
        assert set(webhook.statuses[2:]) == {"delivered"}
        last_three = twilio_emulator.callbacks(sid=sid)[-3:]
        assert [(post.attempt, post.answered) for post in last_three] == [
            (1, 503),
            (2, None),
            (3, 204),
        ]
        tokens = [post.headers["I-Twilio-Idempotency-Token"] for post in webhook.posts]
        assert len(set(tokens)) == 3

    def test_are_given_up_after_a_few_tries(
        self, twilio_emulator: Emulator, twilio_client: Client
    ) -> None:
        sid = twilio_client.messages.create(
            to=PHONE, from_=FROM_NUMBER, body="Hello", status_callback="http://127.0.0.1:9/"
        ).sid
        assert twilio_emulator.wait_until_quiet()
        attempts = [
            post.attempt
            for post in twilio_emulator.callbacks(sid=sid)
            if post.status == "delivered"
        ]
        assert attempts == [1, 2, 3, 4]
        assert twilio_client.messages(sid).fetch().status == "delivered"

    def test_are_not_repeated_when_we_refuse_them(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        webhook.answers = [(403, "", "")] * 3
        twilio_client.messages.create(
            to=PHONE, from_=FROM_NUMBER, body="Hello", status_callback=webhook.url
        )
        assert twilio_emulator.wait_until_quiet()
        assert webhook.statuses == ["queued", "sent", "delivered"]

    def test_tell_of_a_cancellation_and_of_nothing_after_it(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        twilio_emulator.set_faults([{"action": "stuck"}])
        message = twilio_client.messages.create(
            to=PHONE, from_=FROM_NUMBER, body="Hello", status_callback=webhook.url
        )
        assert twilio_emulator.wait_until_quiet()
        message.update(status="canceled")
        assert twilio_emulator.wait_until_quiet()
        assert webhook.statuses == ["queued", "canceled"]

    def test_take_the_configured_time_between_two_steps(self, webhook: WebhookReceiver) -> None:
        with Emulator(
            account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, step_delay_seconds=0.15
        ) as emulator:
            client = Client(ACCOUNT_SID, AUTH_TOKEN)
            client.api.base_url = emulator.base_url
            client.messages.create(
                to=PHONE, from_=FROM_NUMBER, body="Hello", status_callback=webhook.url
            )
            assert emulator.wait_until_quiet()
            client.http_client.session.close()
        queued, sent, delivered = (post.received_at for post in webhook.posts)
        assert 0.1 < sent - queued < 0.6
        assert 0.1 < delivered - sent < 0.6


class TestInbound:
    def send(self, emulator: Emulator, webhook: WebhookReceiver, body: str) -> dict[str, object]:
        answer = requests.post(
            f"{emulator.base_url}/_control/inbound",
            json={"from": PHONE, "to": FROM_NUMBER, "body": body, "webhook_url": webhook.url},
            timeout=5,
        )
        assert answer.status_code == 201
        result: dict[str, object] = answer.json()
        return result

    def test_posts_a_signed_text(self, twilio_emulator: Emulator, webhook: WebhookReceiver) -> None:
        result = self.send(twilio_emulator, webhook, "Où est ma carte ?")
        (post,) = webhook.posts
        assert is_genuine(post)
        assert dict(post.form) == {
            "AccountSid": ACCOUNT_SID,
            "ApiVersion": "2010-04-01",
            "Body": "Où est ma carte ?",
            "From": PHONE,
            "MessageSid": result["sid"],
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsMessageSid": result["sid"],
            "SmsSid": result["sid"],
            "SmsStatus": "received",
            "To": FROM_NUMBER,
        }
        assert result["webhook_status"] == 204
        (message,) = twilio_emulator.messages()
        assert (message.direction, message.status) == ("inbound", "received")

    @pytest.mark.parametrize(
        ("body", "opt_out_type"),
        [
            (" stop ", "STOP"),
            ("Unsubscribe", "STOP"),
            ("START", "START"),
            ("yes", "START"),
            ("Help", "HELP"),
            ("stop please", None),
        ],
    )
    def test_names_the_opt_out_type_of_a_lone_word(
        self,
        twilio_emulator: Emulator,
        webhook: WebhookReceiver,
        body: str,
        opt_out_type: str | None,
    ) -> None:
        result = self.send(twilio_emulator, webhook, body)
        assert webhook.posts[0].form.get("OptOutType") == opt_out_type
        assert result["opt_out_type"] == opt_out_type

    def test_blocks_a_number_from_stop_to_start(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        self.send(twilio_emulator, webhook, "STOP")
        with pytest.raises(TwilioRestException) as refused:
            twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello")
        assert (refused.value.status, refused.value.code) == (400, 21610)
        assert twilio_emulator.messages(to=PHONE) == []
        twilio_client.messages.create(to="+12065550102", from_=FROM_NUMBER, body="Hello")
        self.send(twilio_emulator, webhook, "START")
        twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello")
        assert len(twilio_emulator.messages(to=PHONE)) == 1

    def test_sends_the_replies_our_webhook_answers_with(
        self, twilio_emulator: Emulator, webhook: WebhookReceiver
    ) -> None:
        twiml = "<Response><Message>Call us &amp; ask</Message></Response>"
        webhook.answers = [(200, "text/xml; charset=utf-8", twiml)]
        result = self.send(twilio_emulator, webhook, "HELP")
        assert result["replies"] == ["Call us & ask"]
        assert twilio_emulator.wait_until_quiet()
        (reply,) = twilio_emulator.messages(to=PHONE)
        assert (reply.direction, reply.from_) == ("outbound-reply", FROM_NUMBER)
        assert (reply.body, reply.status) == ("Call us & ask", "delivered")

    def test_holds_when_our_webhook_is_down(
        self, twilio_emulator: Emulator, twilio_client: Client, webhook: WebhookReceiver
    ) -> None:
        webhook.answers = [(0, "", "")]
        result = self.send(twilio_emulator, webhook, "STOP")
        assert result["webhook_status"] is None
        assert "RemoteDisconnected" in str(result["error"])
        with pytest.raises(TwilioRestException) as refused:
            twilio_client.messages.create(to=PHONE, from_=FROM_NUMBER, body="Hello")
        assert refused.value.code == 21610

    @pytest.mark.parametrize("text", [{}, {"from": PHONE}, [], "STOP"])
    def test_refuses_half_a_text(self, twilio_emulator: Emulator, text: Any) -> None:
        answer = requests.post(f"{twilio_emulator.base_url}/_control/inbound", json=text, timeout=5)
        assert answer.status_code == 400
        assert twilio_emulator.messages() == []
