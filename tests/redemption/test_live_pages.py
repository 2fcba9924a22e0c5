"""The live, daily, brands and goals pages: for whom they are, and what they say to whom."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from credit.models import Membership
from redemption.models import Redemption
from redemption.services.redeem import UnknownCodeError
from redemption.services.traces import record_refusal
from tests.redemption.messaging import promise
from tests.redemption.rewarding import hand_over
from tests.redemption.visiting import manager, person, plain
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

Role = Membership.Role
PAGES = ("live", "daily", "brands", "goals")
ADDRESSES = [f"/reports/{name}/" for name in PAGES] + [
    f"/reports/{name}/{name}.csv" for name in PAGES
]


def now() -> datetime:
    return datetime.now(UTC)


def rows_of(browser: Browser, address: str) -> list[dict[str, str]]:
    answer = browser.get(address)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def give(world: World, *, minutes_ago: float = 5, seconds: float | None = 1.5) -> Redemption:
    """Let somebody redeem some minutes ago; it was handed over so many seconds after."""
    message = promise(world, now() - timedelta(minutes=minutes_ago))
    reward = Redemption.objects.get(pk=message.reference_id)
    if seconds is not None:
        hand_over(reward, seconds)
    return reward


class TestDoor:
    @pytest.mark.parametrize("address", ADDRESSES)
    def test_is_open_to_those_who_may_see_money_and_to_nobody_else(self, address: str) -> None:
        world = build_world()
        for browser in (
            sign_in(make_platform_admin()),
            manager(world),
            person(Role.CLIENT_MANAGER, client=world.client),
            person(Role.AUDITOR, agency=world.agency),
        ):
            assert browser.get(address).status_code == 200
            assert browser.post(address).status_code in (403, 405)
        for browser in (person(Role.AGENT, client=world.client), sign_in(make_user())):
            assert browser.get(address).status_code == 404
        assert Browser().get(address)["Location"] == f"/login/?next={address}"

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_shows_each_their_own(self, address: str) -> None:
        acorn, birch = build_world(), build_world(name="Birch")
        give(acorn, minutes_ago=10)
        give(birch, minutes_ago=10)
        day = (now() - timedelta(minutes=10)).date()
        address += f"?day={day.isoformat()}"

        for world, other in ((acorn, "Birch"), (birch, "Acorn")):
            for browser in (manager(world), person(Role.CLIENT_MANAGER, client=world.client)):
                answer = browser.get(address)
                assert answer.status_code == 200
                assert other not in answer.content.decode()
        # A control: who may see both is shown both, where names are shown.
        if "goals" not in address:
            both = sign_in(make_platform_admin()).get(address).content.decode()
            assert "Acorn" in both
            assert "Birch" in both

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_hides_what_another_client_has_behind_its_ids(self, address: str) -> None:
        acorn, birch = build_world(), build_world(name="Birch")
        for browser in (manager(acorn), person(Role.CLIENT_MANAGER, client=acorn.client)):
            assert browser.get(f"{address}?client={birch.client.pk}").status_code == 404
            assert browser.get(f"{address}?campaign={birch.campaign.pk}").status_code == 404
            assert browser.get(f"{address}?client=x").status_code == 404
            assert browser.get(f"{address}?campaign={acorn.campaign.pk}").status_code == 200

    def test_is_among_the_reports(self) -> None:
        words = plain(sign_in(make_platform_admin()).get("/reports/"))
        for name in ("Live", "Daily report", "Brands", "Goals"):
            assert name in words


class TestLive:
    def test_tells_of_the_last_hour(self) -> None:
        world = build_world()
        give(world, minutes_ago=5, seconds=1.5)
        give(world, minutes_ago=6, seconds=2.5)
        give(world, minutes_ago=90)

        words = plain(manager(world).get("/reports/live/"))

        assert "Asked for 2 in the last 60 minutes" in words
        assert "Success 100.0 % 2 have their reward" in words
        assert "Partner API 2 2 100.0 %" in words
        assert "Web form 0 0 –" in words
        assert "2 in 60 minutes" in words

    def test_hands_htmx_its_moving_part_alone(self) -> None:
        world = build_world()
        browser = manager(world)

        part = browser.get("/reports/live/", headers={"HX-Request": "true"})

        assert "<html" not in part.content.decode()
        assert 'id="live"' in part.content.decode()
        assert "HX-Request" in part["Vary"]
        assert "<html" in browser.get("/reports/live/").content.decode()

    def test_tells_refusals_that_name_nobody_to_the_platform_alone(self) -> None:
        world = build_world()
        record_refusal(error=UnknownCodeError(), step="redeem", request_id="r", now=now())

        assert "GC-011" in plain(sign_in(make_platform_admin()).get("/reports/live/"))
        assert "GC-011" not in plain(manager(world).get("/reports/live/"))
        narrowed = f"/reports/live/?client={world.client.pk}"
        assert "GC-011" not in plain(sign_in(make_platform_admin()).get(narrowed))

    def test_asks_no_more_of_more_people(self) -> None:
        world = build_world()
        browser = manager(world)
        give(world)
        browser.get("/reports/live/")
        with CaptureQueriesContext(connection) as few:
            browser.get("/reports/live/")
        for _ in range(4):
            give(world)
        with CaptureQueriesContext(connection) as many:
            browser.get("/reports/live/")
        assert len(few) == len(many)


class TestDaily:
    def test_is_about_yesterday_unless_a_day_is_chosen(self) -> None:
        world = build_world()
        browser = manager(world)
        yesterday = (now() - timedelta(days=1)).date().isoformat()

        page = browser.get("/reports/daily/").content.decode()
        assert f'<time datetime="{yesterday}">' in page
        assert (
            '<time datetime="2026-03-01">'
            in browser.get("/reports/daily/?day=2026-03-01").content.decode()
        )

    @pytest.mark.parametrize("day", ["x", "2026-13-01", "9999-01-01", "20260301"])
    def test_says_so_of_a_day_that_is_none(self, day: str) -> None:
        browser = manager(build_world())
        answer = browser.get(f"/reports/daily/?day={day}")
        assert answer.status_code == 400
        assert 'aria-invalid="true"' in answer.content.decode()
        assert browser.get(f"/reports/daily/daily.csv?day={day}").status_code == 404


class TestGoals:
    def test_counts_a_reward_as_stuck_from_the_tenth_minute_on(self) -> None:
        world = build_world()
        give(world, minutes_ago=20, seconds=600)
        give(world, minutes_ago=20, seconds=601)
        give(world, minutes_ago=9.9, seconds=None)
        assert stuck(world) == ("33.33", "3", "no")
        give(world, minutes_ago=10.1, seconds=None)
        assert stuck(world) == ("50.00", "4", "no")

    def test_has_nothing_to_say_where_nothing_happened(self) -> None:
        world = build_world()
        rows = {row["goal"]: row for row in rows_of(manager(world), "/reports/goals/goals.csv")}
        assert rows["text_delivery_percent"]["met"] == ""
        assert rows["p95_seconds"]["actual"] == ""
        assert rows["empty_pools"]["met"] == "yes"
        assert "Nothing to measure" in plain(manager(world).get("/reports/goals/"))

    def test_tells_platform_facts_to_the_platform_alone(self) -> None:
        world = build_world()
        platform = sign_in(make_platform_admin())
        goals = {row["goal"] for row in rows_of(platform, "/reports/goals/goals.csv")}
        assert {"successful_guesses", "friendly_words_percent"} <= goals
        for browser in (manager(world), person(Role.AUDITOR, agency=world.agency)):
            shown = {row["goal"] for row in rows_of(browser, "/reports/goals/goals.csv")}
            assert goals - shown == {"successful_guesses", "friendly_words_percent"}
            assert "guess" not in plain(browser.get("/reports/goals/")).lower()


class TestBrands:
    def test_shows_each_side_its_own_margin(self) -> None:
        world = build_world()
        give(world)
        address = "/reports/brands/brands.csv"
        assert "margin" in rows_of(sign_in(make_platform_admin()), address)[0]
        assert rows_of(manager(world), address)[0]["margin"] == "0.00"
        client = person(Role.CLIENT_MANAGER, client=world.client)
        assert "margin" not in rows_of(client, address)[0]
        assert "Margin" not in plain(client.get("/reports/brands/"))


def stuck(world: World) -> tuple[str, str, str]:
    rows = rows_of(manager(world), "/reports/goals/goals.csv")
    (row,) = [row for row in rows if row["goal"] == "stuck_percent"]
    return row["actual"], row["of"], row["met"]
