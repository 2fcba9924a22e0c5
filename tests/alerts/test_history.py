"""What people were told goes once it is over for long enough, and not before."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from alerts.models import Alert, Notice
from alerts.services.alerts import resolve_alert
from alerts.services.escalation import escalate_incidents
from alerts.services.history import clear_history
from alerts.services.incidents import open_incident_from_alert, resolve_incident
from tests.alerts.incidents import make_chain, make_incident, make_operator
from tests.alerts.noticing import KEY, NOW, raise_one, tell_mailboxes
from tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
SOON = NOW + 89 * DAY
LATE = NOW + 91 * DAY


@pytest.fixture(autouse=True)
def told(settings: Settings) -> None:
    tell_mailboxes(settings, "ops@example.com")
    settings.NOTICES_KEPT = (90 * DAY).total_seconds()
    settings.ALERTS_KEPT = (730 * DAY).total_seconds()


def send_all() -> None:
    """Have every notice sent, as far as its row says."""
    Notice.objects.update(state="sent", sent_at=NOW, next_attempt_at=None)


def clear(now: datetime) -> int:
    return clear_history(now=now)["notices"]


class TestClearHistory:
    def test_clears_the_notices_of_an_alert_that_is_over(self) -> None:
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        send_all()
        assert clear(SOON) == 0
        assert clear(LATE) == 2
        assert not Notice.objects.exists()
        # That it was there is kept.
        assert Alert.objects.get().state == "resolved"

    def test_leaves_those_of_an_alert_that_is_not(self) -> None:
        raise_one()
        send_all()
        assert clear(LATE) == 0
        # So who was told that it began is told that it is over.
        resolve_alert(dedupe_key=KEY, now=LATE)
        assert list(Notice.objects.order_by("pk").values_list("event", flat=True)) == [
            "opened",
            "resolved",
        ]

    def test_leaves_what_is_still_to_be_sent(self) -> None:
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        assert clear(LATE) == 0
        assert Notice.objects.count() == 2

    def test_leaves_those_of_an_incident_that_goes_on(self) -> None:
        make_chain()
        incident = make_incident(now=NOW)
        send_all()
        kept = Notice.objects.count()
        assert kept
        assert clear(LATE) == 0
        resolve_incident(
            incident_id=incident.pk, user_id=make_operator().pk, words="It is over.", now=NOW
        )
        send_all()
        assert clear(LATE) >= kept
        assert escalate_incidents(now=LATE) == 0

    def test_keeps_all_for_ever_where_nought_is_set(self, settings: Settings) -> None:
        settings.NOTICES_KEPT = 0.0
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        send_all()
        assert clear(NOW + 9999 * DAY) == 0

    def test_shares_the_work_of_two_at_once(self) -> None:
        for number in range(5):
            raise_one(dedupe_key=f"pool_empty:{number}")
            resolve_alert(dedupe_key=f"pool_empty:{number}", now=NOW)
        send_all()
        counts = run_at_once(2, lambda: clear(LATE))
        assert sum(count for count in counts if isinstance(count, int)) == 10
        assert not Notice.objects.exists()


class TestClearAlerts:
    AFTER_TWO_YEARS = NOW + 731 * DAY

    def clear(self, now: datetime = AFTER_TWO_YEARS) -> int:
        return clear_history(now=now)["alerts"]

    def test_clears_an_alert_with_its_notices_two_years_after_its_end(
        self, settings: Settings
    ) -> None:
        settings.NOTICES_KEPT = 0.0
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        send_all()
        assert self.clear(NOW + 729 * DAY) == 0
        assert Notice.objects.count() == 2
        assert self.clear() == 1
        assert not Alert.objects.exists()
        assert not Notice.objects.exists()

    def test_leaves_what_stands_however_old_it_is(self) -> None:
        raise_one()
        send_all()
        assert self.clear() == 0
        assert Notice.objects.count() == 1

    def test_leaves_that_of_an_incident_with_who_was_told(self, settings: Settings) -> None:
        settings.NOTICES_KEPT = 0.0
        alert = raise_one()
        open_incident_from_alert(alert_id=alert.pk, user_id=None, now=NOW)
        resolve_alert(dedupe_key=KEY, now=NOW)
        send_all()
        assert self.clear() == 0
        assert alert.notices.count() == 2

    def test_leaves_one_of_which_somebody_is_still_to_be_told(self) -> None:
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        assert self.clear() == 0
        assert Notice.objects.count() == 2

    def test_keeps_all_for_ever_where_nought_is_set(self, settings: Settings) -> None:
        settings.ALERTS_KEPT = 0.0
        raise_one()
        resolve_alert(dedupe_key=KEY, now=NOW)
        send_all()
        assert self.clear(NOW + 9999 * DAY) == 0
        assert Alert.objects.exists()
