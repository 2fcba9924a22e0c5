"""Notices that a mistake of ours keeps from being sent: tried later, given up, seen by people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert, Notice
from alerts.selectors.notices import list_failing_places
from alerts.services.failing_places import TRIES_BEFORE_ALERT
from alerts.services.notice_claims import RETRY_SECONDS, claim_notices
from alerts.services.routes import send_again
from alerts.services.sending import notice_lease, send_due_notices
from tests.alerts.noticing import NOW, SIGNING_SECRET, raise_one, tell_slack, tell_webhook
from tests.alerts.receivers import Receiver, receiving
from tests.loglines import catch_log

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
# No base64: signing with it fails in a way that nobody has foreseen.
BROKEN_SECRET = "whsec_A"
MISTAKE = "A mistake of ours: Error, at alerts/signatures.py:"


@pytest.fixture
def slack(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        tell_slack(settings, receiver.url)
        yield receiver


@pytest.fixture
def machine(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        tell_webhook(settings, receiver.url)
        yield receiver


def of(channel: str) -> list[tuple[str, int]]:
    rows = Notice.objects.filter(channel=channel).order_by("pk")
    return list(rows.values_list("state", "tries"))


def unsendable() -> list[tuple[str, str, int]]:
    rows = Alert.objects.filter(kind="notice_unsendable").order_by("first_seen_at")
    return list(rows.values_list("severity", "state", "count"))


class TestSendDueNotices:
    def test_tries_later_what_a_mistake_of_ours_kept_back(
        self, slack: Receiver, machine: Receiver, settings: Settings
    ) -> None:
        settings.ALERT_WEBHOOK_SECRET = BROKEN_SECRET
        for number in range(3):
            raise_one(dedupe_key=f"pool_empty:{number}")
        with catch_log() as caught:
            assert send_due_notices(now=NOW) == 3
        # Nobody else has to wait for it.
        assert of("slack") == [("sent", 1)] * 3
        assert of("webhook") == [("queued", 1)] * 3
        assert machine.posts == []
        first = Notice.objects.filter(channel="webhook").order_by("pk")[0]
        assert first.last_error.startswith(MISTAKE)
        assert first.next_attempt_at is not None
        wait = (first.next_attempt_at - NOW).total_seconds()
        assert RETRY_SECONDS[0] <= wait < RETRY_SECONDS[0] + 10
        errors = [line for line in caught.lines if line["level"] == "error"]
        assert [line["event"] for line in errors] == ["[NOTICE] Not taken"] * 3
        assert BROKEN_SECRET not in caught.text
        # And not before its time.
        assert send_due_notices(now=NOW + 5 * SECOND) == 0
        assert of("webhook") == [("queued", 1)] * 3

    def test_tries_later_what_could_not_even_be_put_into_words(
        self, slack: Receiver, settings: Settings
    ) -> None:
        settings.PUBLIC_BASE_URL = None
        for number in range(3):
            raise_one(dedupe_key=f"pool_empty:{number}")
        assert send_due_notices(now=NOW) == 0
        assert of("slack") == [("queued", 1)] * 3
        assert {row.leased_until for row in Notice.objects.all()} == {None}
        settings.PUBLIC_BASE_URL = "https://giftline.example"
        assert send_due_notices(now=NOW + 20 * SECOND) == 3
        assert len(slack.posts) == 3

    def test_gives_up_when_the_time_is_up_and_says_so(
        self, slack: Receiver, machine: Receiver, settings: Settings
    ) -> None:
        settings.ALERT_WEBHOOK_SECRET = BROKEN_SECRET
        raise_one()
        now, alerted_at_try = NOW, 0
        for number in range(1, 200):
            send_due_notices(now=now)
            alerted_at_try = alerted_at_try or (number if unsendable() else 0)
            notice = Notice.objects.filter(channel="webhook").order_by("pk")[0]
            if notice.next_attempt_at is None:
                break
            now = notice.next_attempt_at
        assert alerted_at_try == TRIES_BEFORE_ALERT
        assert (notice.state, now) == ("failed", NOW + timedelta(days=1))
        # One alert, though its own notice to that place can't be sent either.
        ((severity, state, count),) = unsendable()
        assert (severity, state) == ("warning", "open")
        assert count > 1
        assert Notice.objects.filter(alert__kind="notice_unsendable").count() == 2
        told = [post.text for post in slack.posts if "through a mistake of ours" in post.text]
        assert len(told) == 1
        # The banner above the lists.
        (place,) = list_failing_places(now=now)
        assert (place.channel, place.given_up) == ("Webhook", 1)
        assert place.last_error.startswith(MISTAKE)

    def test_gives_up_what_stops_whoever_sends_it(self, slack: Receiver) -> None:
        raise_one()
        lease = notice_lease()
        its_end = NOW + timedelta(days=1)
        # Whoever takes it never writes down what became of it, the last one when its time is up.
        for now in (NOW, NOW + lease, its_end):
            claimed = claim_notices(limit=1, now=now, leased_until=now + lease)
            assert len(claimed.abandoned if now == its_end else claimed.due) == 1
        # As a worker comes upon it after the next lease.
        raise_one(dedupe_key="pool_empty:other", now=its_end)
        assert send_due_notices(now=its_end + lease) >= 1
        first = Notice.objects.order_by("pk")[0]
        assert (first.state, first.next_attempt_at, first.leased_until) == ("failed", None, None)
        assert "is stopped each time" in first.last_error
        assert [(severity, state) for severity, state, _ in unsendable()] == [("warning", "open")]

    def test_takes_the_alert_back_with_the_last_that_goes_out(
        self, slack: Receiver, machine: Receiver, settings: Settings
    ) -> None:
        settings.ALERT_WEBHOOK_SECRET = BROKEN_SECRET
        settings.ALERT_GIVE_UP_AFTER = 60.0
        for number in range(2):
            raise_one(dedupe_key=f"pool_empty:{number}")
        send_due_notices(now=NOW)
        send_due_notices(now=NOW + 90 * SECOND)
        assert [state for _, state, _ in unsendable()] == ["open"]
        settings.ALERT_WEBHOOK_SECRET = SIGNING_SECRET
        given_up = Notice.objects.filter(channel="webhook").exclude(state="sent")
        later = NOW + 100 * SECOND
        for notice in given_up.order_by("pk"):
            # Not while one is left.
            assert [state for _, state, _ in unsendable()] == ["open"]
            send_again(notice_id=notice.pk, now=later)
            assert send_due_notices(now=later) >= 1
        assert [state for _, state, _ in unsendable()] == ["resolved"]
        assert not given_up.exists()
