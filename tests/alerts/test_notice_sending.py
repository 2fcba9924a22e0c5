"""Notices on their way over HTTP and SMTP, to channels that work, fail, hang and come back."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from django.db import connection
from pytest_django import Settings

from alerts.models import Notice
from alerts.services.alerts import resolve_alert
from alerts.services.notice_claims import RETRY_SECONDS
from alerts.services.sending import CALLS_AT_ONCE, notice_lease, send_due_notices
from sms.emulator import Emulator
from tests.alerts.noticing import (
    KEY,
    LATER,
    NOW,
    SIGNING_SECRET,
    raise_one,
    standings,
    tell_mailboxes,
    tell_slack,
    tell_webhook,
)
from tests.alerts.receivers import Answer, Receiver, free_port, receiving, silent_socket
from tests.races import run_at_once
from tests.sms.mail_fixture import use_mail_server

pytestmark = pytest.mark.django_db(transaction=True)

BASE = "https://giftline.example"
SECOND = timedelta(seconds=1)


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    settings.PUBLIC_BASE_URL = BASE
    settings.ALERT_TIMEOUT = 1.0
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def slack(receiver: Receiver, settings: Settings) -> Receiver:
    tell_slack(settings, receiver.url)
    return receiver


@pytest.fixture
def machine(receiver: Receiver, settings: Settings) -> Receiver:
    tell_webhook(settings, receiver.url)
    return receiver


def due_in() -> float:
    """Return in how many seconds after NOW the only notice is due."""
    at = Notice.objects.get().next_attempt_at
    assert at is not None
    return (at - NOW).total_seconds()


class TestSlack:
    def test_is_told_what_happened_and_where_to_look(self, slack: Receiver) -> None:
        alert = raise_one(subject="<!channel> & more", message="Call +1 (202) 555-0123.")
        assert send_due_notices(now=NOW) == 1
        (post,) = slack.posts
        assert post.text == (
            "*Raised: &lt;!channel&gt; &amp; more* (critical)\n"
            "Call (number left out).\n"
            f"<{BASE}/admin/alerts/alert/{alert.pk}/change/|Look at it>"
            f" · <{BASE}/admin/runbook/#empty-pool|What to do>"
        )
        assert standings() == [("sent", 1, "")]

    def test_is_told_once(self, slack: Receiver) -> None:
        raise_one()
        send_due_notices(now=NOW)
        assert send_due_notices(now=NOW + timedelta(days=2)) == 0
        assert len(slack.posts) == 1


class TestWebhook:
    def test_is_told_with_a_signature_that_the_secret_proves(self, machine: Receiver) -> None:
        alert = raise_one()
        send_due_notices(now=LATER)
        (post,) = machine.posts
        assert post.json == {
            "type": "alert.opened",
            "timestamp": NOW.isoformat(),
            "data": {
                "alert_id": str(alert.pk),
                "client_id": None,
                "headline": "Raised",
                "kind": "pool_empty",
                "severity": "critical",
                "subject": "The pool is empty",
                "text": "Upload cards.",
                "url": f"{BASE}/admin/alerts/alert/{alert.pk}/change/",
                "runbook_url": f"{BASE}/admin/runbook/#empty-pool",
            },
        }
        assert post.headers["webhook-id"] == str(Notice.objects.get().delivery_id)
        timestamp = post.headers["webhook-timestamp"]
        assert 0 <= int(timestamp) - LATER.timestamp() < 5
        signed = f"{post.headers['webhook-id']}.{timestamp}.".encode() + post.body
        key = base64.b64decode(SIGNING_SECRET.removeprefix("whsec_"))
        proof = base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        assert post.headers["webhook-signature"] == f"v1,{proof}"


class TestMailbox:
    @pytest.fixture(autouse=True)
    def addresses(self, mail_server: Emulator, settings: Settings) -> None:
        settings.PUBLIC_BASE_URL = BASE
        tell_mailboxes(settings, "ops@example.com", "boss@example.com")

    def test_is_told_what_happened_and_where_to_look(self, mail_server: Emulator) -> None:
        alert = raise_one(subject="Empty\nBcc: x@example.com")
        assert send_due_notices(now=NOW) == 2
        (mail,) = mail_server.mails(to="ops@example.com")
        assert mail.header("Subject") == "[critical] Raised: Empty Bcc: x@example.com"
        assert mail.part("plain") == (
            "Raised: Empty\nBcc: x@example.com (critical)\n\nUpload cards.\n\n"
            f"Look at it: {BASE}/admin/alerts/alert/{alert.pk}/change/\n"
            f"What to do: {BASE}/admin/runbook/#empty-pool\n"
        )
        notice = Notice.objects.get(target="ops@example.com")
        assert mail.header("Message-ID") == f"<{notice.delivery_id.hex}@giftline.example>"
        assert len(mail_server.mails(to="boss@example.com")) == 1
        assert mail_server.mails(to="x@example.com") == []

    def test_waits_while_no_mail_server_answers(
        self, mail_server: Emulator, settings: Settings
    ) -> None:
        use_mail_server(settings, f"smtp://127.0.0.1:{free_port()}")
        raise_one()
        assert send_due_notices(now=NOW) == 0
        assert {(state, error) for state, _, error in standings()} == {
            ("queued", "The mail server: ConnectionRefusedError")
        }
        use_mail_server(settings, mail_server.mail_url)
        assert send_due_notices(now=NOW + timedelta(minutes=15)) == 2
        assert len(mail_server.mails(to="ops@example.com")) == 1
        assert len(mail_server.mails(to="boss@example.com")) == 1

    def test_gives_an_address_up_that_the_server_refuses(
        self, mail_server: Emulator, settings: Settings
    ) -> None:
        tell_mailboxes(settings, "not an address@")
        raise_one()
        send_due_notices(now=NOW)
        ((state, tries, error),) = standings()
        assert (state, tries) == ("failed", 1)
        assert error
        assert mail_server.mails() == []


class TestFailures:
    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
    def test_that_pass_are_tried_again(self, slack: Receiver, status: int) -> None:
        slack.answers = [Answer(status)]
        raise_one()
        assert send_due_notices(now=NOW) == 0
        assert standings() == [("queued", 1, f"HTTP {status}")]
        assert RETRY_SECONDS[0] <= due_in() < RETRY_SECONDS[0] + 5
        assert send_due_notices(now=NOW + 5 * SECOND) == 0
        assert send_due_notices(now=NOW + 20 * SECOND) == 1
        assert len(slack.posts) == 2
        assert standings() == [("sent", 2, "")]

    @pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 410])
    def test_that_stay_are_given_up_at_once(self, slack: Receiver, status: int) -> None:
        slack.answers = [Answer(status, {"Location": slack.url})]
        raise_one()
        send_due_notices(now=NOW)
        ((state, tries, error),) = standings()
        assert (state, tries) == ("failed", 1)
        assert error.startswith(f"HTTP {status}")
        # Nor was it led elsewhere.
        assert len(slack.posts) == 1

    @pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://"])
    def test_of_an_address_that_is_none_are_given_up(
        self, settings: Settings, address: str
    ) -> None:
        tell_slack(settings, address)
        raise_one()
        send_due_notices(now=NOW)
        assert standings() == [("failed", 1, "The address is not one of http or https")]

    def test_never_name_the_address(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        tell_slack(settings, f"http://127.0.0.1:{free_port()}/very-secret-part")
        raise_one()
        send_due_notices(now=NOW)
        assert standings() == [("queued", 1, "No connection, or it broke off")]
        assert "[NOTICE] Not taken" in caplog.text
        assert "very-secret-part" not in caplog.text

    def test_wait_longer_each_time_and_end_after_a_day(self, settings: Settings) -> None:
        tell_slack(settings, f"http://127.0.0.1:{free_port()}/")
        raise_one()
        now, waits = NOW, []
        for _ in range(200):
            send_due_notices(now=now)
            notice = Notice.objects.get()
            if notice.next_attempt_at is None:
                break
            waits.append(round((notice.next_attempt_at - now).total_seconds(), -1))
            now = notice.next_attempt_at
        assert tuple(waits[:8]) == (*RETRY_SECONDS, RETRY_SECONDS[-1])
        assert now == NOW + timedelta(days=1)
        assert standings() == [("failed", len(waits) + 1, "No connection, or it broke off")]

    def test_respect_what_slack_asks_for(self, slack: Receiver) -> None:
        slack.answers = [Answer(429, {"Retry-After": "120"})]
        raise_one()
        raise_one(dedupe_key="other", now=NOW + SECOND)
        send_due_notices(now=NOW)
        # One was refused, the other not yet due: it waits as well.
        assert len(slack.posts) == 1
        assert send_due_notices(now=NOW + 100 * SECOND) == 0
        assert len(slack.posts) == 1
        assert send_due_notices(now=NOW + 130 * SECOND) == 2

    @pytest.mark.parametrize("wait", ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
    def test_that_ask_for_years_get_no_more_than_the_notices_have(
        self, slack: Receiver, settings: Settings, wait: str
    ) -> None:
        settings.ALERT_GIVE_UP_AFTER = 3600.0
        slack.answers = [Answer(429, {"Retry-After": wait})]
        for number in range(CALLS_AT_ONCE + 2):
            raise_one(dedupe_key=f"pool_empty:{number}")
        send_due_notices(now=NOW)
        # Those that were in hand and not tried as well.
        waiting = Notice.objects.filter(state="queued").order_by("pk")
        assert {one.next_attempt_at for one in waiting} == {NOW + 3600 * SECOND}


class TestOrder:
    def test_of_one_alert_is_kept(self, slack: Receiver) -> None:
        slack.answers = [Answer(500)]
        raise_one()
        send_due_notices(now=NOW)
        resolve_alert(dedupe_key=KEY, now=NOW + SECOND)
        # That it is over is due, but nobody has heard yet that it began.
        assert send_due_notices(now=NOW + 2 * SECOND) == 0
        assert send_due_notices(now=NOW + 60 * SECOND) == 2
        assert [post.text.partition(":")[0] for post in slack.posts] == [
            "*Raised", "*Raised", "*Over",
        ]  # fmt: skip


class TestSilence:
    def test_of_one_place_holds_up_no_other(self, machine: Receiver, settings: Settings) -> None:
        with silent_socket() as address:
            tell_slack(settings, address)
            for number in range(5):
                raise_one(dedupe_key=str(number))
            assert send_due_notices(now=NOW) == 5
        assert len(machine.posts) == 5
        of_slack = Notice.objects.filter(channel="slack")
        assert of_slack.filter(state="queued").count() == 5
        assert of_slack.filter(last_error="No answer in time").exists()
        # It was not asked five times over: what was not tried is not counted.
        assert of_slack.filter(tries=0).exists()

    def test_loses_nothing_and_each_arrives_once(self, settings: Settings) -> None:
        port = free_port()
        settings.ALERT_TIMEOUT = 1.0
        tell_slack(settings, f"http://127.0.0.1:{port}/")
        for number in range(3):
            raise_one(dedupe_key=str(number), subject=f"Pool {number}")
        now = NOW
        for _ in range(5):
            send_due_notices(now=now)
            now += timedelta(minutes=10)
        assert {state for state, _, _ in standings()} == {"queued"}
        with receiving(port) as receiver:
            for _ in range(3):
                send_due_notices(now=now)
                now += timedelta(minutes=20)
            assert sorted(post.text[:15] for post in receiver.posts) == [
                "*Raised: Pool 0", "*Raised: Pool 1", "*Raised: Pool 2",
            ]  # fmt: skip
        assert {state for state, _, _ in standings()} == {"sent"}

    def test_that_begins_midway_leaves_the_rest_for_later(self, settings: Settings) -> None:
        settings.ALERT_TIMEOUT = 1.0
        with receiving() as receiver:
            tell_slack(settings, receiver.url)
            for number in range(6):
                raise_one(dedupe_key=str(number))
            receiver.answers = [Answer(), Answer()]
            receiver.always = Answer(503)
            assert send_due_notices(now=NOW) == 2
            receiver.always = Answer()
            assert send_due_notices(now=NOW + timedelta(minutes=1)) == 4
            taken = len(receiver.posts)
        assert {state for state, _, _ in standings()} == {"sent"}
        # Two of the first round, four of the second, and those that were refused between.
        assert taken <= 6 + 4


class TestWorkers:
    def test_of_eight_at_once_one_sends(self, slack: Receiver) -> None:
        for number in range(10):
            raise_one(dedupe_key=str(number))
        answers = run_at_once(8, lambda: send_due_notices(now=NOW))
        assert sum(int(str(answer)) for answer in answers) == 10
        assert len(slack.posts) == 10
        assert {tries for _, tries, _ in standings()} == {1}

    def test_that_come_during_a_call_send_nothing(self, slack: Receiver) -> None:
        gate = Event()
        slack.answers = [Answer(holds_until=gate)]
        raise_one()
        first = Thread(target=_send_in_a_thread)
        first.start()
        slack.wait_for(1)
        assert send_due_notices(now=NOW + 5 * SECOND) == 0
        gate.set()
        first.join(timeout=20)
        assert len(slack.posts) == 1
        assert standings() == [("sent", 1, "")]

    def test_that_come_late_do_not_undo_what_another_has_done(self, machine: Receiver) -> None:
        gate = Event()
        # The first is held past its lease, and in the end refused.
        machine.answers = [Answer(500, holds_until=gate)]
        raise_one()
        first = Thread(target=_send_in_a_thread)
        first.start()
        machine.wait_for(1)
        assert send_due_notices(now=NOW + notice_lease() + SECOND) == 1
        gate.set()
        first.join(timeout=20)
        assert standings() == [("sent", 2, "")]

    def test_that_are_killed_are_followed_by_one_that_says_the_same(
        self, machine: Receiver
    ) -> None:
        gate = Event()
        machine.answers = [Answer(holds_until=gate)]
        now = datetime.now(UTC)
        raise_one(now=now)
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM],
            env={
                **os.environ,
                "ALERT_WEBHOOK_URL": machine.url,
                "ALERT_WEBHOOK_SECRET": SIGNING_SECRET,
                "PUBLIC_BASE_URL": BASE,
            },
        )
        machine.wait_for(1)
        process.kill()
        process.wait()
        gate.set()
        # As long as the dead one's lease runs nobody knows that it is dead.
        assert send_due_notices(now=datetime.now(UTC)) == 0
        assert send_due_notices(now=datetime.now(UTC) + timedelta(minutes=5)) == 1
        killed, second = machine.posts
        assert killed.headers["webhook-id"] == second.headers["webhook-id"]
        assert killed.json == second.json
        assert standings() == [("sent", 2, "")]


# What a worker does, and nothing else.
_PROGRAM = """
import os
from datetime import UTC, datetime
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from alerts import scope
from alerts.services.sending import send_due_notices
with scope.seeing(scope.EVERYTHING):
    send_due_notices(now=datetime.now(UTC))
"""


def _send_in_a_thread() -> None:
    try:
        send_due_notices(now=NOW)
    finally:
        connection.close()
