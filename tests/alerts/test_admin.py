from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.admin.paging import EstimatedPaginator
from alerts.models import Alert
from alerts.services.alerts import raise_alert
from credit.models import Agency
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW

pytestmark = pytest.mark.django_db
LIST = "admin:alerts_alert_changelist"


def raise_one(key: str = "x") -> Alert:
    """Raise an alert."""
    return raise_alert(
        kind="x", severity=Alert.Severity.WARNING, subject="Look", dedupe_key=key, now=NOW
    )


class TestAlertActions:
    def test_acknowledge_names_who_did_it(self) -> None:
        alert, user = raise_one(), make_platform_admin()
        page = sign_in(user).post(
            reverse(LIST),
            {"action": "acknowledge", "_selected_action": [str(alert.pk)]},
            follow=True,
        )
        assert "You are on “Look”." in page.content.decode()
        alert.refresh_from_db()
        assert (alert.state, alert.acknowledged_by) == ("acknowledged", user.pk)

    def test_resolve_closes_the_chosen_and_no_other(self) -> None:
        alert, other = raise_one("x"), raise_one("y")
        browser = sign_in(make_platform_admin())
        data = {"action": "resolve", "_selected_action": [str(alert.pk)]}
        assert "Resolved “Look”." in browser.post(reverse(LIST), data, follow=True).content.decode()
        again = browser.post(reverse(LIST), data, follow=True)
        assert "was resolved already" in again.content.decode()
        states = dict(Alert.objects.values_list("pk", "state"))
        assert states == {alert.pk: "resolved", other.pk: "open"}

    def test_resolve_of_an_old_row_leaves_the_newer_alert_open(self) -> None:
        old = raise_one()
        Alert.objects.update(state="resolved", resolved_at=NOW)
        new = raise_one()
        sign_in(make_platform_admin()).post(
            reverse(LIST), {"action": "resolve", "_selected_action": [str(old.pk)]}
        )
        new.refresh_from_db()
        assert new.state == "open"

    @pytest.mark.parametrize(
        ("name", "state"), [("acknowledge_one", "acknowledged"), ("resolve_one", "resolved")]
    )
    def test_on_the_alerts_page_ask_first_and_then_act(self, name: str, state: str) -> None:
        alert, browser = raise_one(), sign_in(make_platform_admin())
        url = reverse(f"admin:alerts_alert_{name}", args=[alert.pk])
        home = reverse("admin:alerts_alert_change", args=[alert.pk])
        assert url in browser.get(home).content.decode()
        assert browser.get(url).status_code == 200
        alert.refresh_from_db()
        assert alert.state == "open"
        answer = browser.post(url, {"_form_submitted": "True"}, headers={"HX-Request": "true"})
        assert answer["HX-Redirect"] == home
        alert.refresh_from_db()
        assert alert.state == state


class TestEstimatedPaginator:
    def test_counts_what_can_be_counted(self) -> None:
        for key in "abc":
            raise_one(key)
        paginator = EstimatedPaginator(Alert.objects.order_by("pk"), 2)
        assert (paginator.count, paginator.num_pages, paginator.count_in_words) == (3, 2, "3")

    def test_believes_the_planner_about_the_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("alerts.admin.paging._COUNTED_UP_TO", 2)
        for key in "abcde":
            raise_one(key)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM alerts_alert")
        paginator = EstimatedPaginator(Alert.objects.order_by("pk"), 2)
        with CaptureQueriesContext(connection) as queries:
            assert paginator.count >= 3
        assert "LIMIT 3" in queries[0]["sql"]
        assert "EXPLAIN SELECT" in queries[1]["sql"]
        assert paginator.num_pages == 1
        assert paginator.count_in_words.startswith("about ")


class TestEstimatedPaginatorPage:
    """On a table that is shown newest first."""

    def test_gives_the_same_page_as_sorting_everything(self) -> None:
        now = datetime.now(UTC)
        for number, days in enumerate([0, 0, 2, 5, 20, 29, 90, 400]):
            Agency.objects.create(
                name=f"A{number}",
                slug=f"a{number}",
                created_at=now - timedelta(days=days, minutes=number),
            )
        rows = Agency.objects.order_by("-created_at", "-pk")
        everything = list(rows)
        paginator = EstimatedPaginator(rows, 3)
        pages = [list(paginator.page(number)) for number in (1, 2, 3)]
        assert pages == [everything[:3], everything[3:6], everything[6:]]
        with CaptureQueriesContext(connection) as queries:
            paginator.page(1)
        assert 'created_at" >=' in queries[0]["sql"]
