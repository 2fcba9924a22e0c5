"""A channel that takes nothing is told of on the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from pytest_django import Settings

from alerts.models import Alert, Notice
from alerts.services.failing_places import TRIES_BEFORE_ALERT
from alerts.services.sending import send_due_notices
from tests.alerts.noticing import NOW, promised, raise_one, tell_slack, tell_webhook
from tests.alerts.receivers import Answer, Receiver, receiving

pytestmark = pytest.mark.django_db(transaction=True)

FAILING = "notices_failing:slack:settings"


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


def failing() -> list[tuple[str, str, int]]:
    """Return severity, state and count of the alert of Slack's failure."""
    rows = Alert.objects.filter(dedupe_key=FAILING)
    return list(rows.values_list("severity", "state", "count"))


def next_due() -> datetime:
    """Return when the next notice is due."""
    at = Notice.objects.filter(state="queued").earliest("next_attempt_at").next_attempt_at
    assert at is not None
    return at


class TestNoteFailure:
    def test_raises_an_alert_after_five_tries_and_tells_the_others(
        self, slack: Receiver, machine: Receiver
    ) -> None:
        slack.always = Answer(503)
        raise_one()
        for _ in range(TRIES_BEFORE_ALERT - 1):
            send_due_notices(now=next_due())
        assert failing() == []
        send_due_notices(now=next_due())
        assert failing() == [("warning", "open", 1)]
        send_due_notices(now=next_due())
        assert machine.posts[-1].json["data"]["subject"] == (
            "Slack takes no notices: the settings' own"
        )
        # Slack itself hears nothing of it, neither now nor later.
        assert promised()[2:] == [("opened", "webhook", "settings")]

    def test_raises_it_at_once_where_it_is_for_good(
        self, slack: Receiver, machine: Receiver
    ) -> None:
        slack.always = Answer(404)
        raise_one()
        raise_one(dedupe_key="other")
        send_due_notices(now=NOW)
        assert failing() == [("warning", "open", 2)]

    def test_leaves_a_hiccup(self, slack: Receiver) -> None:
        slack.answers = [Answer(503)]
        raise_one()
        send_due_notices(now=NOW)
        assert failing() == []


class TestNoteSuccess:
    def test_resolves_the_alert_and_tells_who_heard_of_it(
        self, slack: Receiver, machine: Receiver
    ) -> None:
        slack.answers = [Answer(404)]
        raise_one()
        send_due_notices(now=NOW)
        raise_one(dedupe_key="other")
        send_due_notices(now=NOW)
        assert failing() == [("warning", "resolved", 1)]
        told = [(post.json["type"], post.json["data"]["kind"]) for post in machine.posts]
        assert told.count(("alert.opened", "notices_failing")) == 1
        assert told.count(("alert.resolved", "notices_failing")) == 1
        assert not [post for post in slack.posts if "takes no notices" in post.text]
