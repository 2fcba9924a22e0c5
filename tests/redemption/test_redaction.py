"""Texts that show a code: once they have reached their end, the provider's records are emptied."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings
from twilio.rest import Client as TwilioClient

from giftcards.models import GiftCard
from redemption.services.redeem import Contact
from sms.emulator import Emulator
from sms.models import Message, MessageTemplate
from sms.services.redaction import redact_texts
from sms.services.sending import send_due_messages
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime.now(UTC).replace(microsecond=0)
PHONE = "+12065550101"


@pytest.fixture
def world(twilio_settings: Settings, live_server: Any) -> World:
    """A campaign whose texts show the code; the provider's reports reach us."""
    twilio_settings.PUBLIC_BASE_URL = live_server.url
    world = build_world()
    world.stock(2)
    MessageTemplate.objects.create(
        client=world.client, purpose="reward", channel="sms", body="{{code}} {{reveal_link}}"
    )
    return world


def text_a_reward(world: World, emulator: Emulator) -> Message:
    """Send the text of a new reward, wait for its end and return it."""
    ask(world.invite()[0], contact=Contact(method="sms", to=PHONE), now=NOW)
    send_due_messages(now=NOW)
    assert emulator.wait_until_quiet()
    return Message.objects.get()


def later(minutes: float) -> datetime:
    # The end is reported by the real clock.
    return datetime.now(UTC) + timedelta(minutes=minutes)


class TestRedactTexts:
    def test_empties_what_was_delivered(
        self, world: World, twilio_emulator: Emulator, twilio_client: TwilioClient
    ) -> None:
        message = text_a_reward(world, twilio_emulator)
        assert (message.state, message.holds_secret) == ("delivered", True)
        assert message.redact_at is not None
        last4 = GiftCard.objects.get(status="delivered").last4
        assert last4 in twilio_client.messages(message.provider_id).fetch().body
        assert redact_texts(now=later(1)) == 1
        assert twilio_client.messages(message.provider_id).fetch().body == ""
        (text,) = twilio_emulator.messages(to=PHONE)
        assert last4 in text.body  # the phone has it still
        assert Message.objects.get().redact_at is None
        assert redact_texts(now=later(60)) == 0
        assert twilio_emulator.requests["update"] == 1

    def test_leaves_texts_without_a_code(self, world: World, twilio_emulator: Emulator) -> None:
        MessageTemplate.objects.all().delete()
        message = text_a_reward(world, twilio_emulator)
        assert (message.state, message.holds_secret, message.redact_at) == (
            "delivered",
            False,
            None,
        )
        assert redact_texts(now=later(60)) == 0
        assert "update" not in twilio_emulator.requests

    def test_waits_for_the_end(self, world: World, twilio_emulator: Emulator) -> None:
        twilio_emulator.set_faults([{"action": "stuck", "status": "sent"}])
        message = text_a_reward(world, twilio_emulator)
        assert (message.state, message.holds_secret, message.redact_at) == ("sent", True, None)
        assert redact_texts(now=later(60)) == 0

    def test_empties_every_attempt(self, world: World, twilio_emulator: Emulator) -> None:
        twilio_emulator.set_faults([{"match": {"nth": 1}, "action": "undelivered", "code": 30008}])
        text_a_reward(world, twilio_emulator)
        send_due_messages(now=later(1))
        assert twilio_emulator.wait_until_quiet()
        assert Message.objects.get().state == "delivered"
        assert redact_texts(now=later(2)) == 1
        assert [text.is_redacted for text in twilio_emulator.messages(to=PHONE)] == [True, True]

    def test_tries_again_what_could_not_be_emptied(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        text_a_reward(world, twilio_emulator)
        twilio_emulator.set_faults([{"match": {"request": "update"}, "action": "status"}])
        assert redact_texts(now=later(1)) == 0
        twilio_emulator.set_faults([])
        assert redact_texts(now=later(10)) == 0
        assert redact_texts(now=later(17)) == 1
        assert Message.objects.get().redact_at is None

    def test_gives_up_after_a_day_and_says_so(
        self, world: World, twilio_emulator: Emulator
    ) -> None:
        text_a_reward(world, twilio_emulator)
        twilio_emulator.set_faults([{"match": {"request": "update"}, "action": "status"}])
        assert redact_texts(now=later(25 * 60)) == 0
        assert Message.objects.get().redact_at is None

    def test_is_done_once_by_many(self, world: World, twilio_emulator: Emulator) -> None:
        text_a_reward(world, twilio_emulator)
        at = later(1)
        assert sorted(str(one) for one in run_at_once(6, lambda: redact_texts(now=at))) == [
            *["0"] * 5,
            "1",
        ]
        assert twilio_emulator.requests["update"] == 1
