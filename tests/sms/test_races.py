"""Several senders at once: each text goes out once."""

from sms.models import DeliveryAttempt, Message
from sms.providers import OutgoingText, choose_provider
from sms.services.sending import send_due_messages
from tests.races import run_at_once
from tests.sms.texting_fixture import (
    Texting,
    reload,
)


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
