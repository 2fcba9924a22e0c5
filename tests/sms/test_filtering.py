"""Carriers that take our texts for unwanted mail: when somebody is told, and when it is over."""

from datetime import timedelta

from django.db.models import F

from alerts.models import Alert
from sms import tasks
from sms.models import DeliveryAttempt
from sms.services.channels import review_filtering
from tests.sms.texting_fixture import Texting


def filter_some(texting: Texting, count: int, *, after: float) -> None:
    texting.emulator.set_faults([{"action": "error", "code": 30007}])
    for number in range(count):
        texting.queue(f"{after} {number}", due_in=after)
    texting.send(after=after)
    texting.emulator.set_faults([])


class TestFiltering:
    def test_of_a_few_texts_alarms_nobody(self, texting: Texting) -> None:
        filter_some(texting, 4, after=0)
        assert not Alert.objects.exists()

    def test_of_more_than_usual_alarms_once(self, texting: Texting) -> None:
        filter_some(texting, 4, after=0)
        filter_some(texting, 1, after=60)
        filter_some(texting, 1, after=120)
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.count) == ("texts_filtered", "warning", 2)
        assert alert.data == {"last_hour": 6, "usual_per_hour": 0.0}

    def test_of_as_many_as_ever_alarms_nobody_again(self, texting: Texting) -> None:
        for hour in range(24):
            filter_some(texting, 4, after=hour * 3600.0)
        filter_some(texting, 5, after=24 * 3600.0 + 60)
        assert not Alert.objects.exists()


class TestReviewFiltering:
    def review(self, texting: Texting, *, after: float) -> bool:
        return review_filtering(now=texting.now + timedelta(seconds=after))

    def test_ends_the_alert_when_the_rate_has_fallen(self, texting: Texting) -> None:
        filter_some(texting, 6, after=0)
        assert self.review(texting, after=60) is False
        assert Alert.objects.get().state == "open"
        assert self.review(texting, after=3700) is True
        assert Alert.objects.get().state == "resolved"
        assert self.review(texting, after=3800) is False

    def test_keeps_it_while_as_many_are_filtered(self, texting: Texting) -> None:
        # For so long that the day before would call it usual.
        for hour in range(12):
            filter_some(texting, 6, after=hour * 3600.0)
            assert self.review(texting, after=hour * 3600.0 + 60) is False
        assert Alert.objects.get().state == "open"

    def test_ends_it_where_texts_were_always_filtered_as_much(self, texting: Texting) -> None:
        for hour in range(24):
            filter_some(texting, 4, after=hour * 3600.0)
        filter_some(texting, 13, after=24 * 3600.0 + 60)
        assert Alert.objects.get().state == "open"
        filter_some(texting, 5, after=26 * 3600.0)
        assert self.review(texting, after=26 * 3600.0 + 60) is True

    def test_leaves_other_alerts_alone(self, texting: Texting) -> None:
        assert self.review(texting, after=0) is False
        assert not Alert.objects.exists()

    def test_is_asked_for_by_the_clock(self, texting: Texting) -> None:
        filter_some(texting, 6, after=0)
        DeliveryAttempt.objects.update(requested_at=F("requested_at") - timedelta(hours=2))
        tasks.retry_messages()
        assert Alert.objects.get().state == "resolved"
