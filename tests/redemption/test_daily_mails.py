"""The daily report by mail: to who asked, once a day, over a real mail server."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.test import Client as Browser
from pytest_django import Settings

from alerts.errors import ValidationFailedError
from credit.models import Membership, User
from redemption.models import DailyReportMail, ReportSubscription
from redemption.services import daily_mails
from redemption.services.daily_mails import RETRY_SECONDS, send_daily_reports
from redemption.services.subscriptions import (
    read_unsubscribing,
    sign_unsubscribing,
    subscribe,
    unsubscribe,
)
from sms.emulator import Emulator
from tests.races import run_at_once
from tests.redemption.failing_writer import UNLUCKY
from tests.redemption.messaging import promise
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

Role = Membership.Role
TO = "reader@example.com"
EVENING = datetime(2026, 3, 19, 21, tzinfo=UTC)
MORNING = datetime(2026, 3, 20, 7, 2, tzinfo=UTC)
DAY = date(2026, 3, 19)


@pytest.fixture
def world() -> World:
    return build_world()


def reader(world: World, role: str = Role.CLIENT_MANAGER, *, to: str = TO) -> User:
    """Make somebody who may read the client's reports and has asked for them at seven (UTC)."""
    user = make_user(is_staff=False)
    User.objects.filter(pk=user.pk).update(email=to)
    user.refresh_from_db()
    Membership.objects.create(user=user, role=role, client=world.client)
    subscribe(user=user, hour=7, time_zone="UTC", now=EVENING)
    return user


def states() -> list[tuple[date, str]]:
    return list(DailyReportMail.objects.order_by("day").values_list("day", "state"))


class TestSendDailyReports:
    def test_sends_what_the_page_says_of_the_day_before(
        self, world: World, mail_server: Emulator
    ) -> None:
        promise(world, EVENING - timedelta(hours=3))
        promise(world, EVENING - timedelta(hours=2))
        promise(build_world(name="Birch"), EVENING)
        user = reader(world)

        assert send_daily_reports(now=MORNING - timedelta(minutes=3), limit=9) == 0
        assert send_daily_reports(now=MORNING, limit=9) == 1

        (mail,) = mail_server.mails(to=TO)
        assert mail.header("Subject").startswith("March 19, 2026: 2 redemptions")
        assert "Asked for: 2" in mail.part("plain")
        assert "Acorn campaign: 2" in mail.part("plain")
        # Another client's reward is in nothing of it.
        assert "Birch" not in mail.part("plain") + mail.part("html")
        assert "/reports/daily/?day=2026-03-19" in mail.part("plain")
        page = sign_in(user).get("/reports/daily/?day=2026-03-19").content.decode()
        assert "<strong>2</strong>" in page
        assert "<strong" not in mail.part("plain")
        assert "By door" in mail.part("html")

    def test_sends_a_day_once_however_often_it_runs(
        self, world: World, mail_server: Emulator
    ) -> None:
        reader(world)
        for minutes in range(0, 60, 5):
            send_daily_reports(now=MORNING + timedelta(minutes=minutes), limit=9)

        assert len(mail_server.mails(to=TO)) == 1
        assert states() == [(DAY, "sent")]

    def test_sends_a_day_once_when_four_run_at_once(
        self, world: World, mail_server: Emulator
    ) -> None:
        for number in range(5):
            reader(world, to=f"reader{number}@example.com")

        taken = run_at_once(4, lambda: send_daily_reports(now=MORNING, limit=9))

        assert sum(one for one in taken if isinstance(one, int)) == 5, taken
        for number in range(5):
            assert len(mail_server.mails(to=f"reader{number}@example.com")) == 1

    def test_leaves_the_rest_to_the_next_run_when_its_time_is_up(
        self, world: World, mail_server: Emulator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(2):
            reader(world, to=f"reader{number}@example.com")
        monkeypatch.setattr(daily_mails, "_RUN_SECONDS", 0.0)

        assert send_daily_reports(now=MORNING, limit=9) == 1
        assert sorted(state for _, state in states()) == ["due", "sent"]
        assert send_daily_reports(now=MORNING, limit=9) == 1
        assert states() == [(DAY, "sent"), (DAY, "sent")]

    def test_keeps_a_mail_in_hand_for_longer_than_a_run_and_a_call_take(
        self, world: World, mail_server: Emulator, settings: Settings
    ) -> None:
        reader(world)
        settings.EMAIL_TIMEOUT = 10
        settings.DAILY_REPORT_WRITER = "tests.redemption.failing_writer.die"
        with pytest.raises(SystemExit):
            send_daily_reports(now=MORNING, limit=9)
        mail = DailyReportMail.objects.get()
        # It may have been taken at the end of a run of four minutes, by the time of its beginning.
        ends_at = MORNING + timedelta(seconds=240 + 9 * 10 + 60)
        assert (mail.state, mail.next_attempt_at) == ("sending", ends_at)

    def test_forgets_no_day_on_which_nothing_ran(self, world: World, mail_server: Emulator) -> None:
        reader(world)

        assert send_daily_reports(now=MORNING + timedelta(days=2), limit=9) == 3

        assert [day for day, _ in states()] == [DAY, DAY + timedelta(1), DAY + timedelta(2)]
        # Who was away for long gets a week of them, not a year.
        send_daily_reports(now=MORNING + timedelta(days=100), limit=99)
        assert len(states()) == 3 + 7

    def test_waits_for_a_mail_server_that_is_away(
        self, world: World, mail_server: Emulator, settings: Settings
    ) -> None:
        reader(world)
        port = settings.EMAIL_PORT
        settings.EMAIL_PORT = 1
        assert send_daily_reports(now=MORNING, limit=9) == 0
        mail = DailyReportMail.objects.get()
        assert (mail.state, mail.attempts) == ("due", 1)
        assert mail.next_attempt_at == MORNING + timedelta(seconds=RETRY_SECONDS[0])
        assert TO not in mail.note

        settings.EMAIL_PORT = port
        assert send_daily_reports(now=MORNING + timedelta(seconds=59), limit=9) == 0
        assert send_daily_reports(now=MORNING + timedelta(seconds=60), limit=9) == 1
        assert len(mail_server.mails(to=TO)) == 1

    def test_sends_the_others_theirs_when_one_can_not_be_written(
        self, world: World, mail_server: Emulator, settings: Settings
    ) -> None:
        settings.DAILY_REPORT_WRITER = "tests.redemption.failing_writer.write_or_fail"
        unlucky = reader(world)
        reader(world, to="other@example.com")
        UNLUCKY.add(f"user:{unlucky.pk}")
        # Whoever's turn is first: the unlucky one's is.
        send_daily_reports(now=MORNING, limit=0)
        DailyReportMail.objects.filter(user=unlucky).update(
            next_attempt_at=MORNING - timedelta(seconds=1)
        )

        assert send_daily_reports(now=MORNING, limit=9) == 1

        assert len(mail_server.mails(to="other@example.com")) == 1
        mail = DailyReportMail.objects.get(user=unlucky)
        assert (mail.state, mail.attempts) == ("due", 1)
        assert mail.note == "It could not be written: ZeroDivisionError."
        UNLUCKY.clear()
        assert send_daily_reports(now=MORNING + timedelta(seconds=60), limit=9) == 1
        assert len(mail_server.mails(to=TO)) == 1

    def test_gives_up_after_two_days(
        self, world: World, mail_server: Emulator, settings: Settings
    ) -> None:
        reader(world)
        settings.EMAIL_PORT = 1
        send_daily_reports(now=MORNING, limit=9)
        send_daily_reports(now=MORNING + timedelta(days=2), limit=9)

        assert states()[0] == (DAY, "given_up")
        assert mail_server.mails(to=TO) == []

    def test_takes_up_what_somebody_died_over_under_the_same_message_id(
        self, world: World, mail_server: Emulator
    ) -> None:
        reader(world)
        send_daily_reports(now=MORNING, limit=9)
        # As if the worker had been killed after the server took it, before it was written down.
        DailyReportMail.objects.update(
            state="sending", sent_at=None, next_attempt_at=MORNING + timedelta(minutes=2)
        )

        assert send_daily_reports(now=MORNING + timedelta(minutes=1), limit=9) == 0
        assert send_daily_reports(now=MORNING + timedelta(minutes=2), limit=9) == 1

        ids = {mail.header("Message-ID") for mail in mail_server.mails(to=TO)}
        assert len(ids) == 1
        assert states() == [(DAY, "sent")]

    def test_keeps_to_the_clock_that_was_chosen(self, world: World, mail_server: Emulator) -> None:
        user = reader(world)
        subscribe(user=user, hour=7, time_zone="America/New_York", now=EVENING)

        # Seven in New York is eleven in UTC: the clocks there have been put forward.
        assert send_daily_reports(now=datetime(2026, 3, 20, 10, 59, tzinfo=UTC), limit=9) == 0
        assert send_daily_reports(now=datetime(2026, 3, 20, 11, 0, tzinfo=UTC), limit=9) == 1
        assert states() == [(DAY, "sent")]

    def test_sends_nothing_to_who_has_lost_the_right(
        self, world: World, mail_server: Emulator
    ) -> None:
        losses: tuple[Callable[[User], object], ...] = (
            lambda user: Membership.objects.filter(user=user).delete(),
            lambda user: Membership.objects.filter(user=user).update(role=Role.AGENT),
            lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
            lambda user: User.objects.filter(pk=user.pk).update(email=""),
        )
        for number, lose in enumerate(losses):
            lose(reader(world, to=f"reader{number}@example.com"))

        assert send_daily_reports(now=MORNING, limit=9) == 0

        assert [state for _, state in states()] == ["not_entitled"] * 4
        for number in range(4):
            assert mail_server.mails(to=f"reader{number}@example.com") == []

    def test_tells_of_what_is_theirs_when_it_is_sent(
        self, world: World, mail_server: Emulator
    ) -> None:
        other = build_world(name="Birch")
        promise(world, EVENING)
        promise(other, EVENING)
        promise(other, EVENING)
        user = reader(world)
        Membership.objects.filter(user=user).update(client=other.client)

        send_daily_reports(now=MORNING, limit=9)

        (mail,) = mail_server.mails(to=TO)
        assert "Asked for: 2" in mail.part("plain")
        assert "Birch campaign: 2" in mail.part("plain")
        assert "Acorn" not in mail.part("plain")

    def test_waits_while_no_mail_server_is_set(
        self, world: World, mail_server: Emulator, settings: Settings
    ) -> None:
        reader(world)
        settings.EMAIL_ENABLED = False

        assert send_daily_reports(now=MORNING, limit=9) == 0

        mail = DailyReportMail.objects.get()
        assert (mail.state, mail.note) == ("due", "No mail server is set (EMAIL_URL).")


class TestSubscribe:
    def test_begins_with_the_next_day(self, world: World) -> None:
        user = reader(world)

        assert ReportSubscription.objects.get(user=user).last_day == date(2026, 3, 18)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [({"hour": 24}, "hour"), ({"hour": -1}, "hour"), ({"time_zone": "Mars/Base"}, "time_zone")],
    )
    def test_refuses_what_no_clock_shows(
        self, world: World, changes: dict[str, Any], field: str
    ) -> None:
        user = reader(world)
        with pytest.raises(ValidationFailedError) as refused:
            subscribe(user=user, **{"hour": 7, "time_zone": "UTC", **changes}, now=EVENING)
        assert list(refused.value.errors) == [field]

    def test_refuses_who_can_not_be_written_to(self) -> None:
        with pytest.raises(ValidationFailedError) as refused:
            subscribe(user=make_user(), hour=7, time_zone="UTC", now=EVENING)
        assert list(refused.value.errors) == ["email"]

    def test_leaves_room_for_one_mail_a_day_in_the_database(self, world: World) -> None:
        user = reader(world)
        DailyReportMail.objects.create(user=user, day=DAY, next_attempt_at=MORNING)
        with pytest.raises(IntegrityError, match="once_a_day"):
            DailyReportMail.objects.create(user=user, day=DAY, next_attempt_at=MORNING)


class TestUnsubscribe:
    def test_is_one_press_in_the_mail_program(self, world: World, mail_server: Emulator) -> None:
        user = reader(world)
        send_daily_reports(now=MORNING, limit=9)
        (mail,) = mail_server.mails(to=TO)
        assert mail.header("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
        link = re.fullmatch(r"<http://testserver(/.+)>", mail.header("List-Unsubscribe").strip())
        assert link is not None

        # A scanner that opens the link changes nothing.
        browser = Browser(enforce_csrf_checks=True)
        page = browser.get(link[1])
        assert page.status_code == 200
        assert "Get the daily report no more?" in page.content.decode()
        assert ReportSubscription.objects.filter(user=user).exists()

        answer = browser.post(link[1], {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert not ReportSubscription.objects.filter(user=user).exists()
        assert browser.post(link[1]).status_code == 200
        assert send_daily_reports(now=MORNING + timedelta(days=1), limit=9) == 0

    def test_takes_back_what_is_due(self, world: World, mail_server: Emulator) -> None:
        user = reader(world)
        DailyReportMail.objects.create(user=user, day=DAY, next_attempt_at=MORNING)

        assert unsubscribe(user_id=user.pk)

        assert states() == [(DAY, "not_wanted")]
        assert send_daily_reports(now=MORNING, limit=9) == 0
        assert mail_server.mails(to=TO) == []

    def test_wants_a_token_that_we_have_signed(self, world: World) -> None:
        user = reader(world)
        token = sign_unsubscribing(user.pk)
        assert read_unsubscribing(token) == user.pk
        changed = f"{make_user().pk.hex}:{token.partition(':')[2]}"

        for wrong in (changed, user.pk.hex, "x"):
            assert read_unsubscribing(wrong) is None
            assert Browser().post(f"/reports/daily/unsubscribe/{wrong}/").status_code == 404
        assert ReportSubscription.objects.filter(user=user).exists()


class TestOwnWish:
    ADDRESS = "/reports/daily/subscription/"

    def test_is_for_who_may_read_reports_an_auditor_too(self, world: World) -> None:
        for role in (Role.CLIENT_MANAGER, Role.AUDITOR):
            user = reader(world, role)
            browser = sign_in(user)
            fields = {"hour": "5", "time_zone": "Europe/Madrid"}
            assert browser.post(self.ADDRESS, fields).status_code == 302
            chosen = ReportSubscription.objects.get(user=user)
            assert (chosen.hour, chosen.time_zone) == (5, "Europe/Madrid")
            assert browser.post(self.ADDRESS, {"what": "end"}).status_code == 302
            assert not ReportSubscription.objects.filter(user=user).exists()

    def test_is_not_there_for_agents_and_strangers(self, world: World) -> None:
        agent = make_user(is_staff=False)
        Membership.objects.create(user=agent, role=Role.AGENT, client=world.client)
        for user in (agent, make_user()):
            assert sign_in(user).post(self.ADDRESS, {"hour": "5"}).status_code == 404
        assert Browser().post(self.ADDRESS)["Location"].startswith("/login/")
        assert sign_in(make_platform_admin()).get(self.ADDRESS).status_code == 405
        assert not ReportSubscription.objects.exists()
