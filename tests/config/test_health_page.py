"""The daily health page: what is troubled on purpose turns its colour, and leads on."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from alerts.models import Alert
from alerts.services.alerts import raise_alert
from giftcards.models import GiftCard, ProviderCircuit
from redemption.models import ProvisioningTrace
from sms.models import Message
from tests.alerts.test_database_monitor import connect
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Client:
    return sign_in(make_platform_admin())


def read(browser: Client) -> dict[str, tuple[str, str]]:
    """Return the page's rows: what is asked, with the state and the figure."""
    html = " ".join(browser.get("/admin/health/").content.decode().split())
    rows = {}
    for row in re.findall(r"<tr>(.*?)</tr>", html):
        name = re.search(r'<a class="text-link" href="[^"]+">(.*?)</a>', row)
        state = re.search(r'data-words="State"><span>(.*?)</span></td>', row)
        value = re.search(r'data-words="(?:Now|Times)">(.*?)</td>', row)
        if name and state and value:
            rows[name[1]] = (_bare(state[1]), _bare(value[1]))
    return rows


def _bare(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html).strip()


def text_messages(world: World, **counts: int) -> None:
    now = datetime.now(UTC)
    for state, count in counts.items():
        for number in range(count):
            Message.objects.create(
                client=world.client,
                purpose="reward",
                channel="sms",
                to=f"+1206555{number:04}",
                state=state,
                error_code="30003" if state == "undelivered" else "",
                accepted_at=now,
                delivered_at=now if state == "delivered" else None,
                reference_kind="note",
                reference_id=world.client.pk,
                created_at=now,
            )


class TestShowHealth:
    def test_says_that_all_is_well_where_it_is(self, world: World, browser: Client) -> None:
        world.stock(50)
        text_messages(world, delivered=3)
        rows = read(browser)
        assert rows["Messages accepted by the carriers"] == ("well", "100 %")
        assert rows["Messages delivered"] == ("well", "100 %")
        assert rows["Stuck cards"] == ("well", "0")
        assert rows["Low pools"] == ("well", "0")
        assert rows["Open alerts"] == ("well", "0")
        assert rows["Last proof of the database"] == ("no data", "none")
        assert rows["Connections to the database"][0] == "well"
        assert {state for state, _ in rows.values()} <= {"well", "no data"}
        html = browser.get("/admin/health/").content.decode()
        assert "All is well" in html
        assert html.count("/admin/runbook/#") >= len(rows)

    def test_shows_trouble_first_and_by_its_colour(self, world: World, browser: Client) -> None:
        now = datetime.now(UTC)
        world.stock(7)
        for card_id in list(GiftCard.objects.values_list("pk", flat=True)[:6]):
            GiftCard.objects.filter(pk=card_id).update(
                status="claimed",
                claimed_at=now - timedelta(hours=1),
                holder_kind="redemption",
                holder_id=uuid4(),
            )
        text_messages(world, delivered=15, undelivered=10)
        ProviderCircuit.objects.create(provider="tillo", opened_at=now, reason="no_money")
        raise_alert(
            kind="ledger_audit", severity=Alert.Severity.CRITICAL, subject="Drift", message="",
            data={},
            dedupe_key="drift", now=now,
        )  # fmt: skip
        ProvisioningTrace.objects.bulk_create(
            ProvisioningTrace(
                request_id=f"r{number}", step="redeem", status="refused", error_code="GC-003",
                message="", milliseconds=0, details={}, at=now,
            )
            for number in range(11)
        )  # fmt: skip
        rows = read(browser)
        assert rows["Messages accepted by the carriers"] == ("well", "100 %")
        assert rows["Messages delivered"] == ("act", "60 %")
        assert rows["Stuck cards"] == ("act", "6")
        assert rows["Low pools"] == ("look", "1")
        assert rows["Providers that are not asked"] == ("act", "1")
        assert rows["Open alerts"] == ("act", "1")
        assert rows["GC-003"] == ("investigate", "11")
        assert rows["SMS 30003"] == ("few", "10")
        states = [state for state, _ in rows.values()][: len(rows) - 2]
        order = ["act", "look", "know", "no data", "well"]
        assert states == sorted(states, key=order.index)
        assert "All is well" not in browser.get("/admin/health/").content.decode()

    def test_prints_no_text_of_what_runs_now(self, world: World, browser: Client) -> None:
        with connect() as other:
            other.execute("SELECT '+12065550188', 'WXYZ-7788'")
            html = browser.get("/admin/health/").content.decode()
        assert "idle in transaction" in html
        assert "5550188" not in html
        assert "WXYZ-7788" not in html

    def test_leads_to_lists_that_open(self, world: World, browser: Client) -> None:
        text_messages(world, undelivered=1)
        html = browser.get("/admin/health/").content.decode()
        main = html[html.index('id="health-title"') :]
        links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]+)"', main)}
        assert len(links) > 10
        assert {link: browser.get(link).status_code for link in links} == dict.fromkeys(links, 200)

    def test_is_for_platform_admins_alone(self, world: World) -> None:
        assert Client().get("/admin/health/").status_code == 302
        manager = sign_in(make_agency_manager(world.agency))
        assert manager.get("/admin/health/").status_code == 404

    def test_is_reached_from_the_first_page(self, browser: Client) -> None:
        html = browser.get("/admin/").content.decode()
        assert html.count('href="/admin/health/"') == 2
