"""Which notices are promised when an alert is raised, rises and is resolved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.db import connection
from pytest_django import Settings

from alerts.keyring import encrypt
from alerts.models import Alert, Notice, NoticeRoute
from alerts.services.alerts import acknowledge_alert, resolve_alert
from alerts.services.notices import queue_notice
from alerts.services.telling import URL_CONTEXT
from alerts.transactions import transaction
from tests.alerts.noticing import (
    KEY,
    LATER,
    NOW,
    SEVERITY,
    promised,
    raise_one,
    tell_mailboxes,
    tell_slack,
    tell_webhook,
)
from tests.alerts.receivers import Receiver, receiving
from tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

SLACK = ("slack", "settings")
OPENED = ("opened", *SLACK)


@pytest.fixture
def slack(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        tell_slack(settings, receiver.url)
        yield receiver


def make_route(**changes: object) -> NoticeRoute:
    """Make a route to a Slack channel, with some columns changed."""
    given: dict[str, object] = {
        "name": "Night shift",
        "channel": "slack",
        "url_encrypted": encrypt("https://hooks.example/x", context=URL_CONTEXT),
        "minimum_severity": "warning",
    }
    return NoticeRoute.objects.create(**{**given, **changes})


def make_mail_route(email: str, **changes: object) -> NoticeRoute:
    """Make a route to a mailbox."""
    return make_route(channel="email", url_encrypted="", email=email, **changes)


class TestRaiseAlert:
    def test_promises_one_notice_for_each_place(self, settings: Settings, slack: Receiver) -> None:
        tell_webhook(settings, slack.url)
        tell_mailboxes(settings, "Ops@Example.com", "boss@example.com")
        alert = raise_one()
        assert promised() == [
            OPENED,
            ("opened", "webhook", "settings"),
            ("opened", "email", "ops@example.com"),
            ("opened", "email", "boss@example.com"),
        ]
        notice = Notice.objects.get(channel="slack")
        assert (notice.alert_id, notice.severity) == (alert.pk, "critical")
        assert (notice.subject, notice.text) == ("The pool is empty", "Upload cards.")
        assert (notice.state, notice.tries) == ("queued", 0)
        assert (notice.created_at, notice.next_attempt_at) == (NOW, NOW)
        # Nobody was called: that is the job's to do.
        assert slack.posts == []

    def test_promises_nothing_where_no_channel_is_set_up(self) -> None:
        raise_one()
        assert promised() == []

    def test_promises_no_mail_without_a_mail_server(self, settings: Settings) -> None:
        tell_mailboxes(settings, "ops@example.com")
        make_mail_route("night@example.com")
        settings.EMAIL_ENABLED = False
        raise_one()
        assert promised() == []

    def test_promises_nothing_unsigned(self, settings: Settings) -> None:
        tell_webhook(settings, "https://machine.example/")
        settings.ALERT_WEBHOOK_SECRET = ""
        raise_one()
        assert promised() == []

    def test_promises_nothing_for_a_repeat(self, slack: Receiver) -> None:
        for _ in range(3):
            raise_one(now=LATER)
        assert promised() == [OPENED]
        assert Alert.objects.get().count == 3

    def test_promises_again_when_the_severity_rises(self, slack: Receiver) -> None:
        raise_one(severity=SEVERITY.INFO)
        raise_one(severity=SEVERITY.WARNING)
        raise_one(severity=SEVERITY.WARNING)
        raise_one(severity=SEVERITY.CRITICAL, subject="Now it is empty", now=LATER)
        raise_one(severity=SEVERITY.INFO)
        assert promised() == [OPENED, ("escalated", *SLACK), ("escalated", *SLACK)]
        last = Notice.objects.order_by("pk").last()
        assert last is not None
        assert (last.severity, last.subject, last.occurrence) == ("critical", "Now it is empty", 3)
        assert Alert.objects.get().severity_since == LATER

    def test_tells_who_hears_of_grave_things_only_when_it_became_grave(
        self, settings: Settings, slack: Receiver
    ) -> None:
        tell_mailboxes(settings, "ops@example.com", severity="critical")
        raise_one(severity=SEVERITY.WARNING)
        assert promised() == [OPENED]
        raise_one()
        assert promised()[1:] == [("escalated", *SLACK), ("escalated", "email", "ops@example.com")]

    def test_goes_with_the_transaction_it_is_part_of(self, slack: Receiver) -> None:
        def raise_and_fail() -> None:
            with transaction():
                raise_one()
                raise KeyError

        with pytest.raises(KeyError):
            raise_and_fail()
        assert (Alert.objects.count(), Notice.objects.count()) == (0, 0)

    def test_is_one_statement(self, slack: Receiver, django_assert_num_queries: object) -> None:
        with django_assert_num_queries(1):  # type: ignore[operator]
            raise_one()
        assert promised() == [OPENED]


class TestRaiseAlertInCompany:
    def test_of_fifty_at_once_promises_one_notice(self, slack: Receiver) -> None:
        answers = run_at_once(50, raise_one)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert Alert.objects.get().count == 50
        assert promised() == [OPENED]

    def test_of_fifty_that_rise_at_once_promises_one_notice(self, slack: Receiver) -> None:
        raise_one(severity=SEVERITY.WARNING)
        answers = run_at_once(50, raise_one)
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert promised() == [OPENED, ("escalated", *SLACK)]

    def test_the_harness_can_lose(self, slack: Receiver) -> None:
        """The control: looking first whether it was promised promises it many times."""
        alert = raise_one()
        looked = threading.Barrier(10)
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")

        def look_then_promise() -> None:
            occurrence = 1 + Notice.objects.filter(event="reminder").count()
            looked.wait(timeout=20)
            Notice.objects.create(
                alert=alert, event="reminder", occurrence=occurrence, channel="slack",
                target="settings", severity="critical", subject="x", next_attempt_at=NOW,
                give_up_at=LATER, created_at=NOW,
            )  # fmt: skip

        answers = run_at_once(10, look_then_promise)
        # All ten looked before any promised; the constraint alone let one of them through.
        assert sum(isinstance(answer, Exception) for answer in answers) == 9
        assert promised() == [OPENED, ("reminder", *SLACK)]


class TestRoutes:
    def test_are_told_from_their_severity_on(self) -> None:
        route = make_route(minimum_severity="warning")
        raise_one(severity=SEVERITY.INFO)
        assert promised() == []
        raise_one(severity=SEVERITY.WARNING)
        assert promised() == [("escalated", "slack", f"route:{route.pk}")]

    def test_are_told_of_their_own_client_alone(self) -> None:
        acorn, birch = uuid4(), uuid4()
        mine = make_route(client_id=acorn)
        make_route(client_id=birch)
        raise_one(client_id=acorn)
        assert promised() == [("opened", "slack", f"route:{mine.pk}")]
        # What is of no client is not of that client.
        raise_one(dedupe_key="x")
        assert len(promised()) == 1

    def test_of_all_clients_are_told_of_everything(self, settings: Settings) -> None:
        settings.EMAIL_ENABLED = True
        make_mail_route("all@example.com")
        raise_one(client_id=uuid4())
        raise_one(dedupe_key="x")
        assert promised() == [("opened", "email", "all@example.com")] * 2

    def test_that_are_switched_off_are_told_nothing(self) -> None:
        make_route(is_active=False)
        raise_one()
        assert promised() == []

    def test_to_one_address_are_one_place(self, settings: Settings) -> None:
        tell_mailboxes(settings, "ops@example.com")
        make_mail_route("OPS@example.com")
        raise_one()
        assert promised() == [("opened", "email", "ops@example.com")]


class TestResolveAlert:
    def test_tells_those_to_whom_it_was_announced(
        self, settings: Settings, slack: Receiver
    ) -> None:
        raise_one()
        # Whoever came later never heard of it, and hears of its end no more.
        tell_webhook(settings, slack.url)
        make_route()
        assert resolve_alert(dedupe_key=KEY, now=LATER)
        assert promised() == [OPENED, ("resolved", *SLACK)]
        last = Notice.objects.order_by("pk").last()
        assert last is not None
        assert (last.created_at, last.next_attempt_at) == (LATER, LATER)

    def test_tells_once_who_heard_of_it_several_times(self, slack: Receiver) -> None:
        raise_one(severity=SEVERITY.WARNING)
        raise_one()
        resolve_alert(dedupe_key=KEY, now=LATER)
        assert [event for event, _, _ in promised()] == ["opened", "escalated", "resolved"]

    def test_tells_nobody_what_could_not_be_announced(self, slack: Receiver) -> None:
        raise_one()
        Notice.objects.update(state="failed", next_attempt_at=None, last_error="HTTP 404")
        resolve_alert(dedupe_key=KEY, now=LATER)
        assert promised() == [OPENED]

    def test_tells_nobody_the_second_time(self, slack: Receiver) -> None:
        raise_one()
        assert resolve_alert(dedupe_key=KEY, now=LATER)
        assert not resolve_alert(dedupe_key=KEY, now=LATER)
        assert len(promised()) == 2

    def test_announces_the_next_alert_of_the_key_anew(self, slack: Receiver) -> None:
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        raise_one(now=LATER)
        assert [event for event, _, _ in promised()] == ["opened", "resolved", "opened"]

    def test_of_twenty_at_once_one_announces_it(self, slack: Receiver) -> None:
        raise_one()
        answers = run_at_once(20, lambda: resolve_alert(dedupe_key=KEY, now=LATER))
        assert answers.count(True) == 1
        assert answers.count(False) == 19
        assert promised() == [OPENED, ("resolved", *SLACK)]

    def test_tells_also_who_heard_of_it_while_it_waited_for_the_alert(
        self, settings: Settings, slack: Receiver
    ) -> None:
        """The severity rises, and with it who is told, while somebody else resolves the alert."""
        tell_mailboxes(settings, "ops@example.com", severity="critical")
        raise_one(severity=SEVERITY.WARNING)
        resolving = threading.Thread(target=_resolve_in_a_thread)
        with transaction():
            raise_one()
            resolving.start()
            _wait_for_a_blocked_one()
        resolving.join(timeout=20)
        assert ("resolved", "email", "ops@example.com") in promised()

    def test_leaves_the_acknowledgement_and_tells_nobody_of_it(self, slack: Receiver) -> None:
        alert = raise_one()
        acknowledge_alert(alert_id=alert.pk, user_id=uuid4(), now=LATER)
        assert promised() == [OPENED]


class TestQueueNotice:
    def test_promises_what_is_about_no_alert(self, slack: Receiver) -> None:
        incident = f"incident:{uuid4()}"
        for _ in range(2):
            count = queue_notice(
                event=Notice.Event.STEP,
                severity=SEVERITY.CRITICAL,
                subject="The technical lead is called",
                reference=incident,
                path="/admin/",
                occurrence=2,
                now=NOW,
            )
        assert count == 0
        notice = Notice.objects.get()
        assert (notice.reference, notice.event, notice.occurrence) == (incident, "step", 2)
        assert (notice.alert_id, notice.path) == (None, "/admin/")

    def test_tells_further_people_whatever_the_severity(self, settings: Settings) -> None:
        tell_mailboxes(settings, "ops@example.com", severity="critical")
        queue_notice(
            event=Notice.Event.STEP,
            severity=SEVERITY.INFO,
            subject="x",
            reference="incident:1",
            emails=["Cto@example.com", "cto@example.com"],
            now=NOW,
        )
        assert promised() == [("step", "email", "cto@example.com")]


def _resolve_in_a_thread() -> None:
    try:
        resolve_alert(dedupe_key=KEY, now=LATER)
    finally:
        connection.close()


def _wait_for_a_blocked_one() -> None:
    for _ in range(1000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND cardinality(pg_blocking_pids(pid)) > 0"
            )
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.005)
    raise AssertionError("nobody came to the alert")
