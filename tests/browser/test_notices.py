"""Alerts, notices and routes in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect
from pytest_django import Settings

from alerts.models import Alert, Notice, NoticeRoute
from alerts.services.alerts import resolve_alert
from alerts.services.routes import seal_url
from alerts.services.sending import send_due_notices
from tests.alerts.noticing import SEVERITY, raise_one, tell_slack, tell_webhook
from tests.alerts.receivers import Answer, Receiver, receiving
from tests.browser.conftest import Visitor
from tests.staff import make_platform_admin

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def operator(browser: Browser, contexts: list[BrowserContext], site: str) -> Visitor:
    """A platform admin who is signed in."""
    visitor = Visitor(browser, contexts, width=1280)
    visitor.be(make_platform_admin(), site)
    return visitor


@pytest.fixture
def slack(settings: Settings) -> Iterator[Receiver]:
    with receiving() as receiver:
        tell_slack(settings, receiver.url)
        yield receiver


@pytest.fixture
def alert(slack: Receiver, settings: Settings) -> Iterator[Alert]:
    """An alert that Slack has heard of and a machine has refused."""
    with receiving() as machine:
        tell_webhook(settings, machine.url)
        machine.always = Answer(410)
        alert = raise_one(
            now=datetime.now(UTC),
            subject="The pool “Acorn Shop 25” is empty, and three people wait",
            message="Upload cards, or switch the campaign to another pool.",
        )
        raise_one(dedupe_key="two", severity=SEVERITY.WARNING, kind="low_credit",
            subject="Birch Ltd has less than $500.00", now=datetime.now(UTC))  # fmt: skip
        send_due_notices(now=datetime.now(UTC))
        resolve_alert(dedupe_key="two", now=datetime.now(UTC))
        send_due_notices(now=datetime.now(UTC))
        yield alert


@pytest.fixture
def route(slack: Receiver) -> NoticeRoute:
    return NoticeRoute.objects.create(
        name="Night shift", channel="slack", url_encrypted=seal_url(slack.url)
    )


class TestNoticePages:
    @pytest.mark.parametrize("width", [1280, 390])
    def test_open_without_a_complaint_and_fit(
        self, operator: Visitor, site: str, alert: Alert, route: NoticeRoute, width: int
    ) -> None:
        failed = Notice.objects.filter(state="failed").earliest("pk")
        operator.page.set_viewport_size({"width": width, "height": 844})
        for name, arguments in (
            ("alerts_alert_changelist", []),
            ("alerts_alert_change", [alert.pk]),
            ("alerts_notice_changelist", []),
            ("alerts_notice_change", [failed.pk]),
            ("alerts_noticeroute_changelist", []),
            ("alerts_noticeroute_add", []),
            ("alerts_noticeroute_change", [route.pk]),
        ):
            operator.look_at(site + reverse(f"admin:{name}", args=arguments))

    def test_send_a_test_and_what_was_given_up(
        self, operator: Visitor, site: str, alert: Alert, route: NoticeRoute
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:alerts_noticeroute_change", args=[route.pk]))
        page.get_by_role("link", name="Send a test").click()
        page.get_by_role("button", name="Send it").click()
        expect(page.get_by_text("A test is on its way")).to_be_visible()
        notice = Notice.objects.get(event="test")
        assert page.url.endswith(reverse("admin:alerts_notice_change", args=[notice.pk]))
        failed = Notice.objects.filter(state="failed").earliest("pk")
        page.goto(site + reverse("admin:alerts_notice_change", args=[failed.pk]))
        page.get_by_role("link", name="Send again").click()
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_text("is tried now")).to_be_visible()
        failed.refresh_from_db()
        assert failed.state == "queued"
        assert operator.complaints == []
