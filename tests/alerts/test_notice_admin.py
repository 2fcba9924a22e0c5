"""Notices and routes in the admin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from alerts.keyring import decrypt
from alerts.models import Alert, Notice, NoticeRoute
from alerts.services.alerts import resolve_alert
from alerts.services.sending import send_due_notices
from alerts.services.telling import SIGNATURE_CONTEXT, URL_CONTEXT
from tests.alerts.noticing import (
    KEY,
    LATER,
    SIGNING_SECRET,
    promised,
    raise_one,
    standings,
    tell_slack,
)
from tests.alerts.receivers import Answer, Receiver, receiving
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import NOW, build_world

pytestmark = pytest.mark.django_db(transaction=True)

ALERTS = "admin:alerts_alert_changelist"
NOTICES = "admin:alerts_notice_changelist"
NEW_ROUTE = "admin:alerts_noticeroute_add"
BANNER = "Notices do not arrive"


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


@pytest.fixture
def slack(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        tell_slack(settings, receiver.url)
        yield receiver


def page(browser: Browser, address: str) -> str:
    answer = browser.get(reverse(address) if address.startswith("admin:") else address)
    assert answer.status_code == 200
    return answer.content.decode()


def route_form(**changes: str) -> dict[str, str]:
    """Return what a browser sends for a route to a Slack channel."""
    given = {
        "name": "Night shift",
        "channel": "slack",
        "is_active": "on",
        "minimum_severity": "warning",
        "client_id": "",
        "email": "",
        "url": "https://hooks.example/services/very-secret",
        "signing_secret": "",
    }
    return {**given, **changes}


def errors_of(answer: Any) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = answer.context["adminform"].form.errors
    return errors


class TestAlertPages:
    def test_say_who_was_told_and_where_the_runbook_is(
        self, browser: Browser, slack: Receiver
    ) -> None:
        slack.answers = [Answer(404)]
        alert = raise_one()
        home = reverse("admin:alerts_alert_change", args=[alert.pk])
        send_due_notices(now=NOW)
        shown = page(browser, home)
        assert "HTTP 404" in shown
        assert "Given up" in shown
        assert f"{reverse('admin:runbook')}#empty-pool" in shown
        assert "very-secret-part" not in shown

    def test_count_in_the_list_without_asking_for_each(
        self, browser: Browser, slack: Receiver
    ) -> None:
        raise_one()
        page(browser, ALERTS)
        with CaptureQueriesContext(connection) as few:
            page(browser, ALERTS)
        for number in range(6):
            raise_one(dedupe_key=str(number))
        with CaptureQueriesContext(connection) as many:
            assert "0 of 1" in page(browser, ALERTS)
        assert len(many) == len(few)
        # Counted for the alerts of the page: not by joining every notice there is.
        assert [query for query in many if 'JOIN "alerts_notice"' in query["sql"]] == []

    def test_say_that_nobody_was_told(self, browser: Browser) -> None:
        alert = raise_one()
        assert "Nobody" in page(browser, ALERTS)
        home = reverse("admin:alerts_alert_change", args=[alert.pk])
        assert "no channel was set up" in page(browser, home)


class TestBanner:
    @pytest.mark.parametrize("address", [ALERTS, NOTICES])
    def test_stands_while_a_place_takes_nothing(
        self, browser: Browser, slack: Receiver, address: str
    ) -> None:
        assert BANNER not in page(browser, address)
        slack.answers = [Answer(403)]
        raise_one(now=datetime.now(UTC))
        send_due_notices(now=datetime.now(UTC))
        shown = page(browser, address)
        assert BANNER in shown
        assert "1 given up" in shown
        # Another was taken: the place is well again.
        raise_one(dedupe_key="other", now=datetime.now(UTC))
        send_due_notices(now=datetime.now(UTC))
        assert BANNER not in page(browser, address)


class TestSendAgain:
    def test_has_what_was_given_up_sent_with_its_id(
        self, browser: Browser, slack: Receiver
    ) -> None:
        slack.answers = [Answer(403)]
        raise_one()
        send_due_notices(now=NOW)
        before = Notice.objects.get()
        assert before.state == "failed"
        answer = browser.post(
            reverse(NOTICES), {"action": "again", "_selected_action": [str(before.pk)]}, follow=True
        )
        assert "is tried now" in answer.content.decode()
        after = Notice.objects.get()
        assert (after.state, after.delivery_id) == ("queued", before.delivery_id)
        assert after.give_up_at > before.give_up_at
        assert after.next_attempt_at is not None
        assert send_due_notices(now=after.next_attempt_at) == 1
        assert standings() == [("sent", 2, "")]

    def test_sends_nothing_twice(self, browser: Browser, slack: Receiver) -> None:
        raise_one()
        send_due_notices(now=NOW)
        notice = Notice.objects.get()
        url = reverse("admin:alerts_notice_again_one", args=[notice.pk])
        browser.post(url, {"_form_submitted": "True"})
        assert standings() == [("sent", 1, "")]
        assert len(slack.posts) == 1

    def test_leaves_what_a_worker_has_in_hand(self, browser: Browser, slack: Receiver) -> None:
        raise_one()
        Notice.objects.update(tries=1, leased_until=LATER, next_attempt_at=LATER)
        browser.post(
            reverse(NOTICES), {"action": "again", "_selected_action": [Notice.objects.get().pk]}
        )
        assert Notice.objects.get().next_attempt_at == LATER


class TestRouteForm:
    def test_keeps_a_slack_address_sealed_and_shows_it_to_nobody(self, browser: Browser) -> None:
        answer = browser.post(reverse(NEW_ROUTE), route_form(), follow=True)
        assert answer.status_code == 200
        route = NoticeRoute.objects.get()
        assert "very-secret" not in route.url_encrypted
        assert decrypt(route.url_encrypted, context=URL_CONTEXT).endswith("/very-secret")
        home = reverse("admin:alerts_noticeroute_change", args=[route.pk])
        assert "very-secret" not in page(browser, home)
        assert route.url_encrypted not in page(browser, home)

    def test_keeps_the_address_when_the_field_is_left_empty(self, browser: Browser) -> None:
        browser.post(reverse(NEW_ROUTE), route_form())
        route = NoticeRoute.objects.get()
        home = reverse("admin:alerts_noticeroute_change", args=[route.pk])
        browser.post(home, route_form(name="Day shift", url=""))
        after = NoticeRoute.objects.get()
        assert (after.name, after.url_encrypted) == ("Day shift", route.url_encrypted)

    def test_takes_a_webhook_with_its_secret_and_client(self, browser: Browser) -> None:
        client = build_world().client
        form = route_form(
            channel="webhook", signing_secret=SIGNING_SECRET, client_id=str(client.pk)
        )
        browser.post(reverse(NEW_ROUTE), form)
        route = NoticeRoute.objects.get()
        assert decrypt(route.secret_encrypted, context=SIGNATURE_CONTEXT) == SIGNING_SECRET
        assert route.client_id == client.pk

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"url": ""}, "url"),
            ({"url": "file:///etc/passwd"}, "url"),
            ({"url": "https://"}, "url"),
            ({"channel": "email"}, "email"),
            ({"channel": "email", "email": "a@example.com"}, "url"),
            ({"channel": "webhook"}, "signing_secret"),
            ({"channel": "webhook", "signing_secret": "whsec_short"}, "signing_secret"),
            ({"email": "a@example.com"}, "email"),
        ],
    )
    def test_says_what_is_missing_or_too_much(
        self, browser: Browser, changes: dict[str, str], field: str
    ) -> None:
        assert field in errors_of(browser.post(reverse(NEW_ROUTE), route_form(**changes)))
        assert not NoticeRoute.objects.exists()

    def test_is_not_for_strangers(self) -> None:
        stranger = sign_in(make_agency_manager(build_world().agency))
        assert stranger.post(reverse(NEW_ROUTE), route_form()).status_code == 404
        assert not NoticeRoute.objects.exists()


class TestRouteInUse:
    def test_sends_a_test_to_that_route_alone(self, browser: Browser, slack: Receiver) -> None:
        with receiving() as night:
            browser.post(reverse(NEW_ROUTE), route_form(url=night.url))
            route = NoticeRoute.objects.get()
            url = reverse("admin:alerts_noticeroute_try_it", args=[route.pk])
            answer = browser.post(url, {"_form_submitted": "True"}, follow=True)
            assert "A test is on its way" in answer.content.decode()
            assert promised() == [("test", "slack", f"route:{route.pk}")]
            due = Notice.objects.get().next_attempt_at
            assert due is not None
            assert send_due_notices(now=due) == 1
            assert "This is a test" in night.posts[0].text
        assert slack.posts == []
        assert not Alert.objects.exists()

    def test_is_told_from_the_raise_to_the_end(self, browser: Browser) -> None:
        with receiving() as machine:
            form = route_form(channel="webhook", url=machine.url, signing_secret=SIGNING_SECRET)
            browser.post(reverse(NEW_ROUTE), form)
            raise_one()
            resolve_alert(dedupe_key=KEY, now=LATER)
            assert send_due_notices(now=LATER) == 2
            assert [post.json["type"] for post in machine.posts] == [
                "alert.opened", "alert.resolved",
            ]  # fmt: skip

    def test_is_told_nothing_once_it_is_switched_off(self, browser: Browser) -> None:
        browser.post(reverse(NEW_ROUTE), route_form())
        raise_one()
        NoticeRoute.objects.update(is_active=False)
        send_due_notices(now=NOW)
        assert standings() == [("failed", 1, "Its route is switched off")]
