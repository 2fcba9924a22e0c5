"""The words that operators look for in the log: each is made to happen, and then looked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from alerts.errors import ServiceError
from giftcards.emulator import Emulator as Tillo
from sms.services.sending import send_due_messages
from tests.loglines import catch_log
from tests.redemption.asking import ask
from tests.redemption.buying import build_buying_world, work
from tests.sms.texting_fixture import Texting
from tests.world import NOW, build_world

pytestmark = pytest.mark.django_db(transaction=True)


class TestMarkers:
    def test_of_success(self) -> None:
        world = build_world()
        world.stock(1)
        (code,) = world.invite()
        with catch_log() as log:
            ask(code)
        assert "[PROVISION] Success" in log.text
        assert code not in log.text

    def test_of_a_text_that_was_sent(self, texting: Texting) -> None:
        message = texting.queue()
        with catch_log() as log:
            texting.send()
        message.refresh_from_db()
        assert f"[TWILIO] SMS sent successfully, SID {message.provider_id}" in log.text

    def test_of_a_reward_without_a_card(self) -> None:
        world = build_world()
        (code,) = world.invite()
        type(world.condition).objects.filter(pk=world.condition.pk).update(brand=None)
        with catch_log() as log, pytest.raises(ServiceError):
            ask(code)
        assert "No gift card configured" in log.text
        assert "No available gift cards in pool" not in log.text

    @pytest.mark.parametrize("queues", [True, False])
    def test_of_an_empty_pool(self, queues: bool) -> None:
        world = build_world()
        type(world.campaign).objects.filter(pk=world.campaign.pk).update(queue_when_empty=queues)
        (code,) = world.invite()
        with catch_log() as log:
            if queues:
                assert ask(code).state == "waiting_stock"
            else:
                with pytest.raises(ServiceError):
                    ask(code)
        assert log.text.count("No available gift cards in pool") == 1
        assert "[PROVISION] Success" not in log.text

    @pytest.mark.usefixtures("tillo_settings")
    def test_of_a_provider_that_refuses(self, tillo_emulator: Tillo) -> None:
        world = build_buying_world()
        tillo_emulator.set_faults([{"action": "error", "code": "725"}])
        (code,) = world.invite()
        ask(code)
        with catch_log() as log:
            work(now=NOW + timedelta(seconds=1))
        assert "Tillo API error" in log.text
        (line,) = [line for line in log.lines if line["event"] == "Tillo API error"]
        assert (line["code"], line["request_id"]) == ("725", "request-1")

    def test_of_a_channel_that_nobody_has_set_up(
        self, texting: Texting, twilio_settings: Settings
    ) -> None:
        twilio_settings.TWILIO_AUTH_TOKENS = []
        texting.queue()
        with catch_log() as log:
            send_due_messages(now=datetime.now(UTC) + timedelta(seconds=1))
        assert "SMS service not configured" in log.text
