"""Critical alerts that nobody has taken on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from pytest_django import Settings

from alerts.models import Alert, Notice
from alerts.services.alerts import acknowledge_alert, resolve_alert
from alerts.services.reminders import remind_of_alerts
from alerts.services.sending import send_due_notices
from tests.alerts.noticing import KEY, NOW, SEVERITY, promised, raise_one, tell_slack
from tests.alerts.receivers import Receiver, receiving
from tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

HALF_AN_HOUR = timedelta(minutes=30)
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def slack(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        tell_slack(settings, receiver.url)
        yield receiver


def reminders() -> list[int]:
    """Return the numbers of the reminders that were promised."""
    rows = Notice.objects.filter(event="reminder").order_by("pk")
    return list(rows.values_list("occurrence", flat=True))


class TestRemindOfAlerts:
    def test_reminds_after_half_an_hour_and_not_before(self, slack: Receiver) -> None:
        raise_one()
        assert remind_of_alerts(now=NOW + HALF_AN_HOUR - SECOND) == 0
        assert remind_of_alerts(now=NOW + HALF_AN_HOUR) == 1
        assert [event for event, _, _ in promised()] == ["opened", "reminder"]
        send_due_notices(now=NOW + HALF_AN_HOUR)
        send_due_notices(now=NOW + HALF_AN_HOUR + SECOND)
        assert slack.posts[1].text.startswith("*Nobody is on it, reminder 1: The pool is empty*")

    def test_reminds_three_times_half_an_hour_apart(self) -> None:
        raise_one()
        for minutes in range(300):
            remind_of_alerts(now=NOW + timedelta(minutes=minutes))
        assert reminders() == [1, 2, 3]
        times = Notice.objects.filter(event="reminder").order_by("pk")
        assert [(notice.created_at - NOW) // HALF_AN_HOUR for notice in times] == [1, 2, 3]

    def test_does_not_make_up_for_a_night_in_which_no_job_ran(self) -> None:
        raise_one()
        morning = NOW + timedelta(hours=9)
        for minutes in range(20):
            remind_of_alerts(now=morning + timedelta(minutes=minutes))
        assert reminders() == [1]

    def test_counts_from_when_it_became_critical(self) -> None:
        raise_one(severity=SEVERITY.WARNING)
        raise_one(now=NOW + HALF_AN_HOUR)
        assert remind_of_alerts(now=NOW + HALF_AN_HOUR + SECOND) == 0
        assert remind_of_alerts(now=NOW + 2 * HALF_AN_HOUR) == 1

    @pytest.mark.parametrize("severity", [SEVERITY.WARNING, SEVERITY.INFO])
    def test_leaves_lesser_ones(self, severity: Alert.Severity) -> None:
        raise_one(severity=severity)
        assert remind_of_alerts(now=NOW + timedelta(days=1)) == 0

    def test_leaves_one_that_somebody_has_taken_on(self) -> None:
        alert = raise_one()
        acknowledge_alert(alert_id=alert.pk, user_id=uuid4(), now=NOW)
        assert remind_of_alerts(now=NOW + timedelta(days=1)) == 0
        assert reminders() == []

    def test_leaves_one_that_is_over(self) -> None:
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        assert remind_of_alerts(now=NOW + timedelta(days=1)) == 0

    def test_may_be_switched_off(self, settings: Settings) -> None:
        settings.ALERT_REMIND_AFTER = 0
        raise_one()
        assert remind_of_alerts(now=NOW + timedelta(days=1)) == 0

    def test_of_twenty_at_once_one_reminds(self) -> None:
        raise_one()
        answers = run_at_once(20, lambda: remind_of_alerts(now=NOW + HALF_AN_HOUR))
        assert sorted(map(str, answers)) == ["0"] * 19 + ["1"]
        assert reminders() == [1]

    def test_never_reminds_of_what_is_taken_on_in_the_same_moment(self) -> None:
        for number in range(10):
            raise_one(dedupe_key=str(number))
        alerts = list(Alert.objects.values_list("pk", flat=True))

        def acknowledge_or_remind() -> int:
            if alerts:
                key = alerts.pop()
                acknowledge_alert(alert_id=key, user_id=uuid4(), now=NOW + HALF_AN_HOUR)
                return 0
            return remind_of_alerts(now=NOW + HALF_AN_HOUR)

        answers = run_at_once(14, acknowledge_or_remind)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        # Each was reminded of once at most, and a second look finds nobody left to remind.
        assert all(count <= 1 for count in Alert.objects.values_list("reminders", flat=True))
        assert len(reminders()) == sum(Alert.objects.values_list("reminders", flat=True))
        assert remind_of_alerts(now=NOW + timedelta(days=1)) == 0
