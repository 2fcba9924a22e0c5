"""Looking up what was not answered, when an earlier text of the same message lies there too."""

import time

import pytest

from sms.models import Message
from sms.services import batches
from sms.services.status import record_status_report
from tests.sms.texting_fixture import Texting, attempts_of, reload, sid_of


def look_up_second(texting: Texting) -> tuple[Message, str]:
    """Send a text that is not delivered, and another of which only looking up tells anything.

    Return the message, and the first one's id.
    """
    message = texting.queue()
    texting.send()
    first = sid_of(message)
    record_status_report(
        message_id=message.pk,
        provider_id=first,
        status="undelivered",
        error_code="30008",
        now=texting.later(1),
    )
    texting.emulator.set_faults([{"action": "drop", "accepted": True}, {"action": "no_callback"}])
    time.sleep(1.1)  # the provider's times are whole seconds
    texting.send(after=36)
    assert reload(message).state == "unknown"
    texting.emulator.set_faults([])
    texting.send(after=400)
    return message, first


class TestLookingUp:
    def test_takes_no_earlier_attempt_for_the_one_in_doubt(self, texting: Texting) -> None:
        message, first = look_up_second(texting)
        assert sid_of(message) != first
        assert reload(message).state in ("accepted", "sent", "delivered")
        assert attempts_of(message)[0][1] == "undelivered"
        assert texting.bodies() == ["Hello", "Hello"]

    def test_would_take_it_by_its_words_alone(
        self, texting: Texting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(batches, "ids_of_attempts", lambda message_ids: {})
        message, first = look_up_second(texting)
        assert sid_of(message) == first
