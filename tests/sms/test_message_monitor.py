"""The monitor of messages: texts that do not arrive, are filtered, or wait for our set-up."""

from __future__ import annotations

from datetime import timedelta

from alerts.models import Alert
from alerts.transactions import transaction
from sms.models import Message
from sms.services.by_hand import mark_message_delivered
from sms.services.channels import review_filtering
from tests.alerts.monitoring import facts, look, resolve_by_hand, standing, told, told_by_slack
from tests.sms.test_filtering import filter_some
from tests.sms.texting_fixture import Texting

__all__ = ["told_by_slack"]

BAD_NUMBER = 21211


def lose(texting: Texting, count: int, *, after: float = 0.0) -> None:
    """Send texts to numbers that are none, as the provider says."""
    texting.emulator.set_faults([{"action": "error", "code": BAD_NUMBER}])
    for number in range(count):
        texting.queue(f"lost {number}", to=f"+120655501{number:02}", due_in=after)
    texting.send(after=after)
    texting.emulator.set_faults([])
    Message.objects.filter(state="failed").update(created_at=texting.later(after))


def arrive(texting: Texting, count: int) -> None:
    """Send texts that arrive, by the word of somebody who asked."""
    messages = [texting.queue(f"fine {number}") for number in range(count)]
    texting.send()
    with transaction():
        for message in messages:
            mark_message_delivered(message_id=message.pk, now=texting.now)


class TestDeliveryRate:
    def test_is_told_of_from_two_in_a_hundred_lost_and_again_from_one_in_five(
        self, texting: Texting
    ) -> None:
        arrive(texting, 49)
        lose(texting, 1)
        now = texting.later(60)
        assert look("messages", now=now) == []  # 98 %
        lose(texting, 1)
        assert look("messages", now=now) == [("delivery_rate", "warning")]
        assert facts("delivery_rate")["last_day"] == {"arrived": 49, "ended": 51}
        lose(texting, 12)
        assert look("messages", now=now) == [("delivery_rate", "critical")]
        assert told() == [("opened", "warning"), ("escalated", "critical")]
        arrive(texting, 40)
        assert look("messages", now=now) == [("delivery_rate", "warning")]
        assert look("messages", now=texting.later(26 * 3600)) == []
        assert told()[-1] == ("resolved", "warning")

    def test_is_over_half_a_percentage_point_above_its_threshold(self, texting: Texting) -> None:
        now = texting.later(60)
        arrive(texting, 49)
        lose(texting, 2)
        assert look("messages", now=now) == [("delivery_rate", "warning")]
        arrive(texting, 60)  # 98.2 %, which would raise nothing
        assert look("messages", now=now) == [("delivery_rate", "warning")]
        assert told() == [("opened", "warning")]
        arrive(texting, 30)  # 98.6 %
        assert look("messages", now=now) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_is_less_grave_half_a_percentage_point_above_that_threshold(
        self, texting: Texting
    ) -> None:
        now = texting.later(60)
        arrive(texting, 15)
        lose(texting, 5)
        assert look("messages", now=now) == [("delivery_rate", "critical")]
        arrive(texting, 5)  # 80 %
        assert look("messages", now=now) == [("delivery_rate", "critical")]
        assert told() == [("opened", "critical")]
        arrive(texting, 5)
        assert look("messages", now=now) == [("delivery_rate", "warning")]

    def test_is_not_told_of_while_too_few_have_ended(self, texting: Texting) -> None:
        lose(texting, 19)
        assert look("messages", now=texting.later(60)) == []
        lose(texting, 1)
        assert look("messages", now=texting.later(60)) == [("delivery_rate", "critical")]

    def test_is_told_of_when_the_last_hour_is_lost_on_a_good_day(self, texting: Texting) -> None:
        arrive(texting, 150)
        Message.objects.update(created_at=texting.now - timedelta(hours=5))
        lose(texting, 20)
        assert look("messages", now=texting.later(60)) == [("delivery_rate", "critical")]
        assert facts("delivery_rate")["last_hour"] == {"arrived": 0, "ended": 20}


class TestFiltering:
    def test_is_one_alert_whoever_sees_it_and_whoever_ends_it(self, texting: Texting) -> None:
        filter_some(texting, 6, after=0)
        assert look("messages", now=texting.later(60)) == [("texts_filtered", "warning")]
        assert Alert.objects.get().monitor == "messages"
        assert told() == [("opened", "warning")]
        assert review_filtering(now=texting.later(3700)) is True
        assert look("messages", now=texting.later(3700)) == []
        assert told() == [("opened", "warning"), ("resolved", "warning")]

    def test_is_found_where_it_was_not_raised_and_ended_by_the_monitor(
        self, texting: Texting
    ) -> None:
        filter_some(texting, 6, after=0)
        resolve_by_hand(now=texting.later(60))
        assert look("messages", now=texting.later(60)) == [("texts_filtered", "warning")]
        assert look("messages", now=texting.later(3700)) == []


class TestAStoppedChannel:
    def test_is_one_alert_in_the_words_of_the_provider_and_ends_with_the_probe(
        self, texting: Texting
    ) -> None:
        texting.emulator.set_faults([{"action": "error", "code": 20003, "status": 401}])
        texting.queue()
        texting.send()
        before = Alert.objects.get().message
        assert look("messages", now=texting.later(1)) == [("channel_stopped", "critical")]
        assert Alert.objects.get().message == before
        assert told() == [("opened", "critical")]
        texting.emulator.set_faults([])
        texting.send(after=95)
        assert standing() == []
        assert look("messages", now=texting.later(96)) == []
        assert told() == [("opened", "critical"), ("resolved", "critical")]
