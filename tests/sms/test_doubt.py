"""Requests that were not answered: looked up before anything is sent again."""

from typing import Any

import pytest
from pytest_django import Settings

from sms.models import DeliveryAttempt, Message
from tests.sms.texting_fixture import (
    Texting,
    attempts_of,
    reload,
    sid_of,
)


def fault(action: str, *, to: str = "*", nth: int | None = None, **more: Any) -> dict[str, Any]:
    match = {"to": to} | ({} if nth is None else {"nth": nth})
    return {"match": match, "action": action, **more}


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
