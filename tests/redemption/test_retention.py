"""What is about people goes once it is older than it is kept, and not before."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from pytest_django import Settings

from alerts.services.retention import list_rules
from redemption.models import (
    CallSession,
    DailyReportMail,
    DeskTask,
    Erasure,
    InboundEvent,
    Recipient,
    Redemption,
)
from redemption.services.retention import apply_retention, foresee_retention
from sms.models import InboundMessage, Message, PhoneHealth
from tests.redemption.forgetting import (
    ADDRESS,
    AGENT,
    FIRST,
    PHONE,
    found_in,
    settle_texts,
    someone_known,
)
from tests.staff import make_user
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
KEPT = 10 * DAY
SETTINGS = sorted({rule.setting for rule in list_rules()})


@pytest.fixture
def world(settings: Settings) -> World:
    settings.TWILIO_ACCOUNT_SID = ""
    world = build_world()
    someone_known(world)
    for table in (InboundMessage, InboundEvent):
        table.objects.update(received_at=NOW)
    Message.objects.update(created_at=NOW)
    DeskTask.objects.update(done_at=NOW, outcome="settled")
    DailyReportMail.objects.create(
        user=make_user(), day=NOW.date(), state="sent", sent_at=NOW, created_at=NOW
    )
    for name in SETTINGS:
        setattr(settings, name, KEPT.total_seconds())
    settle_texts()
    return world


class TestApplyRetention:
    def test_empties_what_is_older_than_it_is_kept(self, world: World) -> None:
        done = apply_retention(now=NOW + KEPT + DAY)
        assert done["messages"] == 2
        # Nobody has taken a gift card for points.
        nothing = {name for name, count in done.items() if not count}
        assert nothing == {"recipients", "points_card_addresses"}
        # Who they are stays, and what was agreed; the rest goes with the person.
        assert found_in(PHONE).keys() == {
            "redemption_recipient",
            "sms_consentevent",
            "sms_optin",
        }
        assert found_in(ADDRESS, AGENT) == {}
        assert not PhoneHealth.objects.exists()

    def test_leaves_what_is_younger(self, world: World) -> None:
        before = found_in(PHONE, FIRST, ADDRESS, AGENT)
        assert set(apply_retention(now=NOW + KEPT - DAY).values()) == {0}
        assert found_in(PHONE, FIRST, ADDRESS, AGENT) == before

    def test_keeps_for_ever_what_is_set_to_nought(self, world: World, settings: Settings) -> None:
        for name in SETTINGS:
            setattr(settings, name, 0.0)
        assert set(apply_retention(now=NOW + 9999 * DAY).values()) == {0}

    def test_does_nothing_the_second_time(self, world: World) -> None:
        apply_retention(now=NOW + KEPT + DAY)
        assert set(apply_retention(now=NOW + KEPT + DAY).values()) == {0}

    def test_leaves_a_daily_report_that_is_still_to_be_mailed(self, world: World) -> None:
        DailyReportMail.objects.update(state="due", sent_at=None, next_attempt_at=NOW)
        assert apply_retention(now=NOW + KEPT + DAY)["daily_mails"] == 0
        assert DailyReportMail.objects.exists()

    def test_leaves_a_message_that_is_under_way(self, world: World) -> None:
        waiting = Message.objects.create(
            client=world.client,
            purpose="reward",
            channel="sms",
            to=PHONE,
            reference_kind="redemption",
            reference_id=Redemption.objects.get().pk,
            created_at=NOW,
            next_attempt_at=NOW,
        )
        apply_retention(now=NOW + KEPT + DAY)
        waiting.refresh_from_db()
        assert waiting.to == PHONE

    def test_leaves_an_open_call(self, world: World) -> None:
        agent = CallSession.objects.get().agent
        CallSession.objects.create(agent=agent, caller=PHONE, notes="x", started_at=NOW)
        apply_retention(now=NOW + KEPT + DAY)
        assert sorted(CallSession.objects.values_list("caller", flat=True)) == ["", PHONE]

    def test_forgets_people_of_campaigns_that_ended_long_ago(
        self, world: World, settings: Settings
    ) -> None:
        settings.RETAIN_RECIPIENTS = KEPT.total_seconds()
        type(world.campaign).objects.update(ends_at=NOW)
        assert apply_retention(now=NOW + KEPT - DAY)["recipients"] == 0
        done = apply_retention(now=NOW + KEPT + DAY)
        assert done["recipients"] == Recipient.objects.count() == Erasure.objects.count()
        assert not Recipient.objects.filter(erased_at=None).exists()
        assert found_in(FIRST, PHONE) == {}


class TestForeseeRetention:
    def test_tells_what_a_run_would_do_and_does_nothing(self, world: World) -> None:
        before = found_in(PHONE, FIRST)
        due = foresee_retention(now=NOW + KEPT + DAY)
        assert found_in(PHONE, FIRST) == before
        assert due == apply_retention(now=NOW + KEPT + DAY)


class TestCommand:
    def test_prints_what_would_go(self, world: World) -> None:
        said = io.StringIO()
        before = found_in(PHONE)
        call_command("apply_retention", "--dry-run", stdout=said)
        assert "2  whom texts and e-mails went to, and what they said" in said.getvalue()
        assert "(RETAIN_MESSAGES: older than 10 days)" in said.getvalue()
        assert said.getvalue().rstrip().endswith("Nothing was changed.")
        assert found_in(PHONE) == before
