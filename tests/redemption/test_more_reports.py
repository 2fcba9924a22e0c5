"""Pools, campaigns, places, ways of delivery and agents: who may look, and what is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser

from credit.models import Membership
from redemption.dashboard import brands
from redemption.models import CallSession, Recipient
from redemption.selectors.histograms import percentile_of
from redemption.selectors.us_states import NAMES, TILES, state_code_of
from tests.redemption.rewarding import build_pools, give, hand_over
from tests.redemption.test_report_pages import rows_of
from tests.redemption.visiting import manager, person, plain, text_of
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

Role = Membership.Role
PAGES = [
    "/reports/pools/",
    "/reports/pools/pools.csv",
    "/reports/campaigns/",
    "/reports/campaigns/campaigns.csv",
    "/reports/geography/",
    "/reports/geography/places.csv",
    "/reports/delivery/",
    "/reports/delivery/delivery.csv",
]
AGENTS = ["/reports/agents/", "/reports/agents/agents.csv"]


def platform() -> Browser:
    return sign_in(make_platform_admin())


def moment() -> datetime:
    return datetime.now(UTC)


def call(world: World, agent: Any, *, seconds: int, outcome: str, **fields: Any) -> CallSession:
    began = moment() - timedelta(hours=2)
    return CallSession.objects.create(
        agent=agent,
        **{"client": world.client, **fields},
        started_at=began,
        active_at=began,
        ended_at=began + timedelta(seconds=seconds),
        outcome=outcome,
    )


class TestDoor:
    def test_is_open_to_those_who_may_see_money(self) -> None:
        world = build_world()
        for browser in (
            platform(),
            manager(world),
            person(Role.CLIENT_MANAGER, client=world.client),
            person(Role.AUDITOR, agency=world.agency),
        ):
            for address in PAGES:
                assert browser.get(address).status_code == 200, address
                assert browser.post(address).status_code in (403, 405)

    def test_of_agents_is_open_to_those_who_lead_them(self) -> None:
        world = build_world()
        for browser in (
            platform(),
            manager(world),
            person(Role.CLIENT_MANAGER, client=world.client),
        ):
            assert [browser.get(address).status_code for address in AGENTS] == [200, 200]
            assert 'href="/reports/agents/"' in text_of(browser.get("/reports/"))
        auditor = person(Role.AUDITOR, agency=world.agency)
        assert [auditor.get(address).status_code for address in AGENTS] == [404, 404]
        assert "/reports/agents/" not in text_of(auditor.get("/reports/"))
        assert "/reports/agents/" not in text_of(auditor.get("/reports/cards/"))

    def test_is_closed_to_agents_and_strangers(self) -> None:
        world = build_world()
        for browser in (person(Role.AGENT, client=world.client), sign_in(make_user())):
            for address in (*PAGES, *AGENTS):
                assert browser.get(address).status_code == 404
        for address in (*PAGES, *AGENTS):
            assert Browser().get(address)["Location"] == f"/login/?next={address}"

    @pytest.mark.parametrize("days", ["from=0001-01-01&to=0001-01-02", "from=9999-12-31"])
    def test_knows_no_day_without_one_before_and_after_it(self, days: str) -> None:
        browser = manager(build_world())
        for name in ("brands", "goals", "campaigns", "geography", "delivery", "agents"):
            assert browser.get(f"/reports/{name}/?{days}").status_code == 400, name

    def test_shows_nobody_another_client(self) -> None:
        world, other, _ = build_pools()
        for address in ("campaigns", "geography", "delivery", "agents"):
            for browser in (
                person(Role.CLIENT_MANAGER, client=world.client),
                person(Role.AGENCY_MANAGER, agency=world.agency),
            ):
                page = f"/reports/{address}/?client={other.client.pk}"
                assert browser.get(page).status_code == 404
                page = f"/reports/{address}/?campaign={other.campaign.pk}"
                assert browser.get(page).status_code == 404
            assert (
                platform().get(f"/reports/{address}/?client={other.client.pk}").status_code == 200
            )


class TestBrands:
    def test_are_shown_a_page_at_a_time_and_all_of_them_in_the_file(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world, other, (own, others, _) = build_pools()
        give(world, own, moment())
        give(other, others, moment())
        monkeypatch.setattr(brands, "PER_PAGE", 1)
        browser = platform()
        shown = []
        for number in (1, 2):
            page = browser.get(f"/reports/brands/?period=90d&page={number}")
            shown += [row.name for row in page.context["rows"]]
            assert page.context["figures"][0].value == "2"
            assert "?period=90d&amp;page=" in page.content.decode()
        in_file = [row["brand"] for row in rows_of(browser, "/reports/brands/brands.csv")]
        assert len(in_file) == 2
        assert shown == in_file


class TestPool:
    def test_is_there_for_its_owner_and_the_platform_alone(self) -> None:
        world, _, (own, others, master) = build_pools()
        mine = person(Role.CLIENT_MANAGER, client=world.client)
        for pool, seen in ((own, 200), (others, 404), (master, 404)):
            for file in ("", "days.csv"):
                assert mine.get(f"/reports/pools/{pool.pk}/{file}").status_code == seen
                assert platform().get(f"/reports/pools/{pool.pk}/{file}").status_code == 200
        assert mine.get(f"/reports/pools/{uuid4()}/").status_code == 404

    def test_shows_its_days_and_what_is_ahead(self) -> None:
        world, _, (own, *_) = build_pools()
        now = moment()
        for back in range(1, 11):
            for _ in range(3):
                hand_over(give(world, own, now - timedelta(days=back)), 1)
        give(world, own, now)
        world.stock(30)
        mine = person(Role.CLIENT_MANAGER, client=world.client)

        page = mine.get(f"/reports/pools/{own.pk}/")
        assert page.context["figures"][0].value == "30"
        # Today's is left out, since today is not over.
        assert page.context["figures"][1].value == "30"
        assert page.context["figures"][2].value == "9 days"
        assert page.context["days_chart"].total == 30
        bars = page.context["days_chart"].bars
        assert [bar.value for bar in bars if bar.is_ahead] == [3] * 28
        chart = page.context["stock_chart"]
        assert [(row.expected, row.low < 9 < row.high) for row in chart.rows[:1]] == [(9, True)]
        assert '<polygon class="chart-band"' in text_of(page)

        days = rows_of(mine, f"/reports/pools/{own.pk}/days.csv")
        assert len(days) == 84 + 180
        assert [row["given_out"] for row in days[73:84]] == ["0", *["3"] * 10]
        assert (days[84]["expected"], days[84]["stock_expected"]) == ("3.00", "27")
        (row,) = rows_of(mine, "/reports/pools/pools.csv")
        assert (row["given_out_28_days"], row["days_left"], row["forecast_by"]) == (
            *("30", "9"),
            "average",
        )

    def test_says_why_there_is_nothing_to_see(self) -> None:
        world, _, (own, *_) = build_pools()
        assert "This pool is empty" in plain(platform().get(f"/reports/pools/{own.pk}/"))
        world.stock(1)
        assert "Too early to tell" in plain(platform().get(f"/reports/pools/{own.pk}/"))

    def test_is_found_from_the_inventory(self) -> None:
        world, _, (own, *_) = build_pools()
        page = person(Role.CLIENT_MANAGER, client=world.client).get("/reports/inventory/")
        assert f'href="/reports/pools/{own.pk}/"' in text_of(page)


class TestGeography:
    def test_joins_spellings_and_draws_the_states(self) -> None:
        world, _, (own, *_) = build_pools()
        regions = ["Illinois", "IL", "illinois", "Texas", "TX", "Ohio"]
        for region in regions * 5:
            reward = give(world, own, moment())
            Recipient.objects.filter(pk=reward.recipient_id).update(country="US", region=region)

        page = platform().get("/reports/geography/")
        assert [(row.name, row.rewards) for row in page.context["rows"]] == [
            ("Illinois", "15"),
            ("Texas", "10"),
            ("Ohio", "5"),
        ]
        shades = {tile.code: tile.shade for tile in page.context["tiles"].tiles if tile.count}
        assert shades == {"IL": 4, "TX": 3, "OH": 2}

    def test_names_no_place_of_fewer_than_five(self) -> None:
        world, _, (own, *_) = build_pools()
        for city in [*["Leeds"] * 9, *["York"] * 6, *["Hull"] * 3]:
            reward = give(world, own, moment())
            Recipient.objects.filter(pk=reward.recipient_id).update(country="GB", city=city)
        address = "/reports/geography/places.csv?by=city"
        # The three of Hull alone could be told from the sum: York joins them.
        assert [(row["place"], row["rewards"]) for row in rows_of(platform(), address)] == [
            ("Leeds", "9"),
            ("elsewhere", "9"),
        ]
        assert "Hull" not in text_of(platform().get("/reports/geography/?by=city"))

    def test_says_nothing_of_four(self) -> None:
        world, _, (own, *_) = build_pools()
        for _ in range(4):
            give(world, own, moment())
        assert rows_of(platform(), "/reports/geography/places.csv") == []
        assert "Too few to tell" in plain(platform().get("/reports/geography/"))


class TestAgents:
    def test_takes_two_sittings_for_one_call(self) -> None:
        world, agent = build_world(), make_user()
        Membership.objects.create(user=agent, role=Role.AGENT, client=world.client)
        first = call(world, agent, seconds=60, outcome="cut_off")
        call(world, agent, seconds=40, outcome="rewarded", continues=first)
        call(world, agent, seconds=200, outcome="not_found")

        (row,) = rows_of(person(Role.CLIENT_MANAGER, client=world.client), AGENTS[1])
        assert (row["calls"], row["rewarded"], row["cut_off"]) == ("2", "1", "0")
        assert (row["success_percent"], row["average_seconds"]) == ("50.00", "150.0")

    def test_counts_nobodys_calls_for_the_platform_alone(self) -> None:
        world, agent = build_world(), make_user()
        call(world, agent, seconds=30, outcome="helped")
        call(world, agent, seconds=30, outcome="not_found", client=None)

        assert [row["calls"] for row in rows_of(platform(), AGENTS[1])] == ["2"]
        for browser, query in (
            (platform(), f"?client={world.client.pk}"),
            (manager(world), ""),
            (person(Role.CLIENT_MANAGER, client=world.client), ""),
        ):
            assert [row["calls"] for row in rows_of(browser, AGENTS[1] + query)] == ["1"]

    def test_leaves_open_calls_out(self) -> None:
        world, agent = build_world(), make_user()
        CallSession.objects.create(agent=agent, client=world.client)
        assert rows_of(platform(), AGENTS[1]) == []


class TestPercentileOf:
    def test_is_the_first_that_so_many_reach(self) -> None:
        assert percentile_of({1: 1, 5: 1, 9: 2}, 50) == 5
        assert percentile_of({1: 19, 9: 1}, 95) == 1
        assert percentile_of({1: 18, 9: 2}, 95) == 9
        assert percentile_of({}, 50) is None


class TestStateCodeOf:
    def test_knows_names_and_letters(self) -> None:
        assert [state_code_of(text) for text in ("Texas", " tx ", "NEW YORK", "England", "")] == [
            *("TX", "TX", "NY"),
            *(None, None),
        ]

    def test_has_a_tile_for_each_state_and_no_two_in_one_place(self) -> None:
        assert set(TILES) == set(NAMES)
        assert len(NAMES) == 51
        assert len(set(TILES.values())) == 51
