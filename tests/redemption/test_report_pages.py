"""The reports' pages and files: what they say, to whom, and that it is what the tables say."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client as Browser

from credit.models import Agency, Client, Membership
from giftcards.models import Pool
from redemption.services.report_days import count_report_days
from tests.redemption.rewarding import build_pools, give, hand_over, live_by_chance
from tests.redemption.visiting import manager, person, plain, text_of
from tests.staff import make_platform_admin, make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

Role = Membership.Role
PAGES = ["/reports/", "/reports/cards/", "/reports/inventory/", "/reports/expiring/"]
FILES = ["/reports/cards/cards.csv", "/reports/expiring/expiring.csv"]
LONG = "from=2026-01-01&to=2026-03-31"


def platform() -> Browser:
    return sign_in(make_platform_admin())


def client_manager(world: World) -> Browser:
    return person(Role.CLIENT_MANAGER, client=world.client)


def rows_of(browser: Browser, address: str) -> list[dict[str, str]]:
    answer = browser.get(address)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def ask_plainly(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def moment() -> datetime:
    return datetime.now(UTC)


def today() -> date:
    return moment().date()


class TestDoor:
    def test_is_open_to_those_who_may_see_money(self) -> None:
        world = build_world()
        for browser in (
            platform(),
            manager(world),
            client_manager(world),
            person(Role.AUDITOR, agency=world.agency),
            person(Role.AUDITOR, client=world.client),
        ):
            for address in (*PAGES, *FILES):
                assert browser.get(address).status_code == 200, address
                assert browser.post(address).status_code in (403, 405)

    def test_is_closed_to_agents_and_strangers(self) -> None:
        world = build_world()
        for browser in (person(Role.AGENT, client=world.client), sign_in(make_user())):
            for address in (*PAGES, *FILES):
                assert browser.get(address).status_code == 404
        for address in (*PAGES, *FILES):
            assert Browser().get(address)["Location"] == f"/login/?next={address}"

    def test_is_in_the_menu_of_those_only(self) -> None:
        world = build_world()
        assert 'href="/reports/"' in text_of(manager(world).get("/welcome/"))
        assert 'href="/reports/"' not in text_of(
            person(Role.AGENT, client=world.client).get("/welcome/")
        )


class TestCardReport:
    @pytest.mark.parametrize("counted", [False, True])
    def test_file_says_what_the_tables_say(self, counted: bool) -> None:
        world, _, _ = live_by_chance(11, rewards=40)
        world.stock(7)
        if counted:
            count_report_days(now=moment(), limit=999)
        rows = {row["id"]: row for row in rows_of(platform(), f"{FILES[0]}?by=pool&{LONG}")}
        plainly = ask_plainly(
            """
            SELECT p.id, count(r.id), count(r.delivered_at),
                (SELECT count(*) FROM giftcards_giftcard WHERE pool_id = p.id),
                (SELECT count(*) FROM giftcards_giftcard WHERE pool_id = p.id
                    AND status IN ('delivered', 'redeemed')),
                (SELECT count(*) FROM giftcards_giftcard WHERE pool_id = p.id
                    AND status = 'available'),
                round(sum(r.charged_minor) / 100.0, 2), round(sum(r.cost_minor) / 100.0, 2),
                round(avg(r.charged_minor) / 100.0, 2), round(avg(r.cost_minor) / 100.0, 2),
                round(sum(r.charged_minor - r.cost_minor) / 100.0, 2),
                round(sum(r.face_value_minor - r.cost_minor) / 100.0, 2)
            FROM giftcards_pool p
            LEFT JOIN giftcards_giftcard c ON c.pool_id = p.id
            LEFT JOIN redemption_redemption r ON r.card_id = c.id AND NOT r.is_test
                AND r.state IN ('issued', 'delivered', 'confirmed')
                AND r.issued_at >= '2026-01-01 00:00Z' AND r.issued_at < '2026-04-01 00:00Z'
            GROUP BY p.id
            """
        )
        assert len(plainly) == len(rows) == 3
        for key, *numbers in plainly:
            row = rows[str(key)]
            shown = [
                row[name]
                for name in (
                    "rewards",
                    "handed_over",
                    "cards_total",
                    "cards_handed_out",
                    "available",
                    "charged",
                    "cost",
                    "charged_per_reward",
                    "cost_per_reward",
                    "profit",
                    "platform_margin",
                )
            ]
            assert shown == ["" if number is None else str(number) for number in numbers]

    def test_page_says_it_too(self) -> None:
        world, _, (pool, *_) = build_pools()
        now = moment()
        for seconds in (1, 2, 3, 150):
            hand_over(give(world, pool, now - timedelta(days=1, minutes=seconds)), seconds)
        give(world, pool, now - timedelta(days=1))
        world.stock(5)
        page = plain(platform().get("/reports/cards/"))
        row = page[page.index("Acorn pool") :]
        assert "Acorn Shop $25.00 · Acorn Ltd" in row
        # 5 rewards, 4 of them handed over; (1 + 2 + 3 + 150) / 4 s; 150 s is the slowest.
        assert " 5 80.0 % 39 s 95 of 100 in 2.5 min 40.0 % 4 of 10 5 " in row
        assert "$25.00 $24.05" in row  # charged each, cost each
        assert "$4.75 3.8 % of face value" in row

    @pytest.mark.parametrize("by", ["pool", "brand", "client"])
    def test_shows_tenants_their_own_without_the_platforms_costs(self, by: str) -> None:
        world, other, _ = live_by_chance(12, rewards=30)
        plainly = dict(
            ask_plainly(
                "SELECT client_id, count(*) FROM redemption_redemption"
                " WHERE state IN ('issued', 'delivered', 'confirmed') GROUP BY 1"
            )
        )
        for browser, names in (
            (manager(world), {"agency_margin"}),
            (client_manager(world), set[str]()),
        ):
            rows = rows_of(browser, f"{FILES[0]}?by={by}&{LONG}")
            assert sum(int(row["rewards"]) for row in rows) == plainly[world.client.pk]
            assert {"agency_margin"} & set(rows[0]) == names
            assert not {"cost", "profit", "platform_margin", "cost_per_reward"} & set(rows[0])
            page = text_of(browser.get(f"/reports/cards/?by={by}&{LONG}"))
            assert "Cost each" not in page
            assert ("Margin" in page) == bool(names)
            for word in ("Birch", ">Stock<", "23.10", str(other.client.pk)):
                assert word not in page, word
            if by == "pool":
                assert {row["name"] for row in rows} == {"Acorn pool", "the platform's stock"}

    def test_narrows_to_a_brand_and_a_client(self) -> None:
        world, other, _ = live_by_chance(13, rewards=30)
        browser = platform()
        for query in (f"client={other.client.pk}", f"brand={other.brand.pk}"):
            (number,) = ask_plainly(
                "SELECT count(*) FROM redemption_redemption r"
                " JOIN giftcards_giftcard c ON c.id = r.card_id"
                " WHERE r.state IN ('issued', 'delivered', 'confirmed')"
                " AND (r.client_id = %s OR c.brand_id = %s)",
                other.client.pk if "client" in query else None,
                other.brand.pk if "brand" in query else None,
            )[0]
            rows = rows_of(browser, f"{FILES[0]}?{LONG}&{query}")
            assert sum(int(row["rewards"]) for row in rows) == number > 0
            assert world.pool.name not in {row["name"] for row in rows}

    @pytest.mark.parametrize(
        "query",
        [
            "client={stranger}",
            "client=%(x)s",
            "brand=00000000-0000-0000-0000-000000000001",
            "by=phone",
        ],
    )
    def test_is_not_there_for_what_nobody_may_ask(self, query: str) -> None:
        world, other = build_world(), build_world(name="Birch")
        query = query.format(stranger=other.client.pk)
        for address in ("/reports/cards/", FILES[0]):
            assert manager(world).get(f"{address}?{query}").status_code == 404

    @pytest.mark.parametrize(
        ("query", "words"),
        [
            ("from=2020-01-01&to=2026-01-01", "Choose at most three years."),
            ("from=9999-12-30&to=9999-12-31", "Give a day such as 2026-03-01."),
            ("from=soon&to=2026-01-01", "Give a day such as 2026-03-01."),
            ("from=2026-02-01&to=2026-01-01", "before the first"),
        ],
    )
    def test_says_what_is_wrong_with_a_period(self, query: str, words: str) -> None:
        world = build_world()
        answer = manager(world).get(f"/reports/cards/?{query}")
        assert answer.status_code == 400
        assert words in plain(answer)
        assert manager(world).get(f"{FILES[0]}?{query}").status_code == 404

    def test_keeps_archived_pools_that_other_pages_hide(self) -> None:
        world = build_world()
        world.stock(3)
        Pool.objects.filter(pk=world.pool.pk).update(archived_at=moment())
        browser = platform()
        page = plain(browser.get("/reports/cards/"))
        assert "Acorn pool Archived" in page
        assert rows_of(browser, FILES[0])[0]["available"] == "0"
        assert "Acorn pool" not in plain(browser.get("/reports/inventory/"))

    def test_says_what_to_do_where_there_is_nothing(self) -> None:
        agency = Agency.objects.create(name="New", slug="new")
        Client.objects.create(agency=agency, name="Newcomer", slug="newcomer")
        browser = person(Role.AGENCY_MANAGER, agency=agency)
        page = plain(browser.get("/reports/cards/"))
        assert "Nothing was given out in these days" in page
        assert "No cards yet" in page
        assert "No pools yet" in plain(browser.get("/reports/inventory/"))
        assert rows_of(browser, FILES[0]) == []
        assert browser.get(FILES[0]).content.decode("utf-8-sig").startswith("name,id,brand,")

    def test_writes_no_formula_into_the_file(self) -> None:
        world = build_world()
        Pool.objects.filter(pk=world.pool.pk).update(name="=HYPERLINK(1)")
        world.client.name = "+1"
        world.client.save()
        (row,) = rows_of(platform(), FILES[0])
        assert (row["name"], row["client"]) == ("'=HYPERLINK(1)", "'+1")


class TestRunOut:
    def test_is_told_from_what_was_given_out_each_day(self) -> None:
        world, _, (pool, *_) = build_pools()
        now = moment()
        for back in range(1, 11):
            for _ in range(2):
                give(world, pool, now - timedelta(days=back))
        world.stock(9)
        (row,) = (row for row in rows_of(platform(), FILES[0]) if row["id"] == str(world.pool.pk))
        # Two a day: the ninth is taken on the fifth day, after four whole ones.
        assert (row["available"], row["days_left"], row["forecast_by"]) == ("9", "4", "average")
        assert int(row["days_left_soonest"]) <= 4 <= int(row["days_left_latest"])
        assert "4 days" in plain(platform().get("/reports/inventory/"))

    def test_is_not_told_where_too_little_happened(self) -> None:
        world = build_world()
        world.stock(9)
        (row,) = rows_of(platform(), FILES[0])
        assert (row["days_left"], row["forecast_by"]) == ("", "")
        assert "too little was given out yet" in plain(platform().get("/reports/inventory/"))


class TestInventory:
    @pytest.mark.parametrize(
        ("cards", "words"),
        [
            (0, "✕ Empty"),
            (1, "! Low"),
            (2, "~ Getting low"),
            (10, "~ Getting low"),
            (11, "✓ Enough"),
        ],
    )
    def test_says_the_level_in_words(self, cards: int, words: str) -> None:
        world = build_world()
        Pool.objects.filter(pk=world.pool.pk).update(low_stock_threshold=2)
        world.stock(cards)
        page = plain(manager(world).get("/reports/inventory/"))
        assert f"{words} {cards} of {cards}" in page

    def test_counts_what_the_table_has(self) -> None:
        world = build_world()
        world.stock(3)
        world.stock(2, expires_on=today() - timedelta(days=2))  # two hours ago as well
        give(world, world.pool, moment() - timedelta(hours=2))
        page = plain(manager(world).get("/reports/inventory/"))
        (numbers,) = ask_plainly(
            "SELECT count(*) FILTER (WHERE status = 'available' AND (expires_on IS NULL OR"
            " expires_on >= (now() AT TIME ZONE 'UTC')::date)), count(*),"
            " count(*) FILTER (WHERE status = 'claimed'),"
            " count(*) FILTER (WHERE expires_on < (now() AT TIME ZONE 'UTC')::date)"
            " FROM giftcards_giftcard"
        )
        assert numbers == (3, 6, 1, 2)
        assert "3 of 6" in page
        assert page.index("1 1 stuck 2") > 0

    def test_puts_first_who_needs_somebody_and_narrows(self) -> None:
        world, other, (own, others, master) = build_pools()
        world.stock(200)
        other.stock(30)
        browser = platform()
        page = plain(browser.get("/reports/inventory/"))
        names = [master.name, others.name, own.name]
        places = [page.index(f"{name} ") for name in names]
        assert places == sorted(places)
        for query, shown in (
            ("level=green", own),
            ("level=amber", others),
            ("level=empty", master),
            ("kind=master", master),
            (f"client={other.client.pk}", others),
            (f"brand={other.brand.pk}", others),
        ):
            page = text_of(browser.get(f"/reports/inventory/?{query}"))
            assert [p for p in (own, others, master) if str(p.pk) in page] == [shown], query
        assert "No pool of this choice" in plain(browser.get("/reports/inventory/?level=red"))
        assert browser.get("/reports/inventory/?level=blue").status_code == 404

    def test_shows_tenants_their_own_pools_and_no_way_into_the_admin(self) -> None:
        world, _, _ = build_pools()
        for browser in (manager(world), client_manager(world)):
            page = text_of(browser.get("/reports/inventory/"))
            assert "Acorn pool" in page
            assert "Birch" not in page
            assert ">Stock<" not in page
            assert "/admin/" not in page
        assert "/admin/giftcards/giftcard/" in text_of(platform().get("/reports/inventory/"))


class TestExpiring:
    def test_counts_what_the_table_has(self) -> None:
        world, other, (own, others, _) = build_pools()
        for days in (-1, 0, 29, 30, 31, 60, 61, 90, 91):
            world.stock(2, expires_on=today() + timedelta(days=days))
        other.stock(1, expires_on=today() + timedelta(days=45))
        give(world, own, moment())  # claims the earliest
        plainly = ask_plainly(
            "SELECT pool_id, expires_on, count(*) FROM giftcards_giftcard"
            " WHERE status = 'available' AND expires_on BETWEEN"
            " (now() AT TIME ZONE 'UTC')::date AND (now() AT TIME ZONE 'UTC')::date + 90"
            " GROUP BY 1, 2"
        )
        rows = rows_of(platform(), FILES[1])
        assert sorted((r["pool_id"], r["expires_on"], r["cards"]) for r in rows) == sorted(
            (str(pool), day.isoformat(), str(cards)) for pool, day, cards in plainly
        )
        page = plain(platform().get("/reports/expiring/"))
        within = [
            sum(cards for _, day, cards in plainly if day <= today() + timedelta(days=window))
            for window in (30, 60, 90)
        ]
        for window, cards in zip((30, 60, 90), within, strict=True):
            assert f"Within {window} days {cards} cards in stock" in page
        assert {row["pool_id"] for row in rows_of(manager(world), FILES[1])} == {str(own.pk)}
        assert others.name not in plain(manager(world).get("/reports/expiring/"))

    def test_says_what_nobody_will_take_in_time(self) -> None:
        world = build_world()
        now = moment()
        for back in range(1, 11):
            give(world, world.pool, now - timedelta(days=back))
        world.stock(15, expires_on=today() + timedelta(days=9))
        page = plain(manager(world).get("/reports/expiring/"))
        # One a day is taken, today's included: ten of fifteen by then.
        assert "15 15 15 $375.00 5" in page

    def test_says_so_where_nothing_expires(self) -> None:
        world = build_world()
        world.stock(3)
        assert "Nothing expires within 90 days" in plain(manager(world).get("/reports/expiring/"))
        assert rows_of(manager(world), FILES[1]) == []


class TestAddresses:
    def test_are_stable(self) -> None:
        # People keep them, and files have them in their names.
        browser = platform()
        answer = browser.get(f"{FILES[0]}?by=brand&{LONG}")
        assert answer["Content-Disposition"] == (
            'attachment; filename="cards-by-brand-2026-01-01-to-2026-03-31.csv"'
        )
        assert browser.get(FILES[1])["Content-Disposition"] == (
            f'attachment; filename="expiring-cards-{today().isoformat()}.csv"'
        )
        assert browser.get(f"/reports/cards/?client={uuid4()}").status_code == 404
