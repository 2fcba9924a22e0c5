"""Places, campaigns, ways of delivery and agents beside plain SQL, on a crowd's year.

`make test` asks about 2,000 redemptions, `make report-proof` about 200,000.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from redemption.models import CallSession
from tests.redemption.crowd import REDEMPTIONS, Crowd, crowd, needs_crowd
from tests.redemption.measuring import MEASURED_FROM, find_slow
from tests.redemption.messaging import ask_plainly
from tests.redemption.test_proof_flow import View, views_of
from tests.staff import make_platform_admin, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), needs_crowd]

_STANDS = "r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test"
_THEIRS = """
    AND (%s::uuid IS NULL OR {row}.client_id = %s) AND (%s::uuid IS NULL OR c.agency_id = %s)
    AND (%s::uuid IS NULL OR {campaign} = %s)
"""
_ISSUED = f"""
    FROM redemption_redemption r JOIN redemption_recipient p ON p.id = r.recipient_id
    JOIN credit_client c ON c.id = r.client_id
    WHERE {_STANDS} AND (r.issued_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s
""" + _THEIRS.format(row="r", campaign="r.campaign_id")
PAGES = tuple(
    f"/reports/{name}/{file}{query}"
    for name, file in (
        ("geography", "places.csv"),
        ("campaigns", "campaigns.csv"),
        ("delivery", "delivery.csv"),
        ("agents", "agents.csv"),
    )
    for file, query in (("", ""), ("", "?period=12m"), (file, "?period=12m"))
) + tuple(f"/reports/geography/?by={level}&period=12m" for level in ("country", "city", "postal"))


def spans_of(people: Crowd) -> list[tuple[date, date]]:
    last = people.until.date()
    return [(last - timedelta(days=29), last), (last - timedelta(days=250), last)]


class TestPlaces:
    @pytest.mark.parametrize(
        ("level", "place"),
        [
            ("country", "p.country, ''"),
            ("region", "p.country, p.region"),
            ("city", "p.country, p.region || '|' || p.city"),
            ("postal", "p.country, upper(left(replace(p.postal_code, ' ', ''), 3))"),
        ],
    )
    def test_are_what_a_plain_statement_says(self, level: str, place: str) -> None:
        people = crowd()
        for first, last in spans_of(people):
            for view in views_of(people):
                rows = view.rows(
                    "/reports/geography/places.csv", **{"by": level, "from": first, "to": last}
                )
                plainly = {
                    (country, name): (rewards, handed_over)
                    for country, name, rewards, handed_over in ask_plainly(
                        f"SELECT {place}, count(*), count(r.delivered_at) {_ISSUED} GROUP BY 1, 2",
                        *(first, last, *view.ids),
                    )
                }
                assert sum(int(row["rewards"]) for row in rows) == sum(
                    rewards for rewards, _ in plainly.values()
                )
                named = [row for row in rows if row["place"] != "elsewhere"]
                for row in named:
                    key = (row["country"], name_of(row, level))
                    assert (int(row["rewards"]), int(row["handed_over"])) == plainly.pop(key)
                    assert int(row["rewards"]) >= 5
                # What is not named is small, or the one that joined the small ones.
                large = [rewards for rewards, _ in plainly.values() if rewards >= 5]
                assert len(large) <= 1

    def test_of_few_are_told_together(self) -> None:
        people = crowd(300)
        last = people.until.date()
        for days in range(1, 40):
            rows = View(sign_in(make_platform_admin())).rows(
                "/reports/geography/places.csv",
                **{"by": "postal", "from": last - timedelta(days=days), "to": last},
            )
            assert all(int(row["rewards"]) >= 5 for row in rows)


class TestCampaigns:
    def test_are_what_a_plain_statement_says(self) -> None:
        people = crowd()
        for first, last in spans_of(people):
            for view in views_of(people):
                rows = {
                    row["campaign_id"]: row
                    for row in view.rows(
                        "/reports/campaigns/campaigns.csv", **{"from": first, "to": last}
                    )
                }
                plainly = plain_campaigns(first, last, view)
                assert set(rows) == set(plainly)
                for key, line in plainly.items():
                    columns = ("codes", "came", "redeemed", "by_web", "by_desk", "charged")
                    assert [rows[key][name] for name in columns] == line[:6]
                    hours = line[6]
                    assert rows[key]["median_hours"] == hours


def plain_campaigns(first: date, last: date, view: View) -> dict[str, list[str]]:
    asked = """
        FROM redemption_redemption r JOIN redemption_recipient p ON p.id = r.recipient_id
        JOIN credit_client c ON c.id = r.client_id
        WHERE NOT r.is_test AND (r.created_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s
    """ + _THEIRS.format(row="r", campaign="r.campaign_id")
    codes = """
        SELECT r.campaign_id, count(*) FROM redemption_recipient r
        JOIN credit_client c ON c.id = r.client_id
        WHERE NOT r.is_test AND (r.created_at AT TIME ZONE 'UTC')::date <= %s
    """ + _THEIRS.format(row="r", campaign="r.campaign_id")
    found = {
        str(key): [str(count), "0", "0", "0", "0", "", ""]
        for key, count in ask_plainly(codes + " GROUP BY 1", last, *view.ids)
    }
    counted = ask_plainly(
        f"""
        SELECT r.campaign_id, count(*), count(*) FILTER (WHERE {_STANDS}),
            count(*) FILTER (WHERE {_STANDS} AND r.door = 'web'),
            count(*) FILTER (WHERE {_STANDS} AND r.door = 'desk'),
            round(sum(r.charged_minor) FILTER (WHERE {_STANDS}) / 100.0, 2), min(r.currency),
            percentile_disc(0.5) WITHIN GROUP (ORDER BY r.created_at - p.created_at)
                FILTER (WHERE {_STANDS})
        {asked} GROUP BY 1
        """,
        *(first, last, *view.ids),
    )
    for key, came, redeemed, web, desk, charged, currency, wait in counted:
        found[str(key)][1:] = [
            *map(str, (came, redeemed, web, desk)),
            f"{charged} {currency}" if redeemed else "",
            "" if wait is None else str(hours_of(wait)),
        ]
    return found


def hours_of(wait: timedelta) -> int:
    """Round as the page says: up to hours, after two days to days."""
    if wait <= timedelta(hours=48):
        return max(0, -(-wait // timedelta(hours=1)))
    return -(-wait // timedelta(days=1)) * 24


class TestWays:
    @pytest.mark.parametrize("counted", [False, True])
    def test_are_what_a_plain_statement_says(self, counted: bool) -> None:
        people = crowd(counted=counted)
        for first, last in spans_of(people):
            for view in views_of(people):
                for row in view.rows(
                    "/reports/delivery/delivery.csv", **{"from": first, "to": last}
                ):
                    rewards, messages = plain_way(row["method"], first, last, view)
                    columns = ("chosen", "handed_over", "median_seconds", "p95_seconds")
                    assert [row[name] for name in columns] == rewards
                    sent = ("messages", "accepted", "confirmed_delivered")
                    assert [row[name] for name in sent] == messages


def plain_way(method: str, first: date, last: date, view: View) -> tuple[list[str], list[str]]:
    ((chosen, handed_over, *waits),) = ask_plainly(
        f"""
        SELECT count(*), count(r.delivered_at),
            redemption_wait_seconds(percentile_disc(0.5) WITHIN GROUP (
                ORDER BY r.delivered_at - r.issued_at)),
            redemption_wait_seconds(percentile_disc(0.95) WITHIN GROUP (
                ORDER BY r.delivered_at - r.issued_at))
        {_ISSUED} AND r.contact_method = %s
        """,
        *(first, last, *view.ids, method),
    )
    sent = """
        SELECT count(*), count(m.accepted_at), count(*) FILTER (WHERE m.state = 'delivered')
        FROM sms_message m JOIN redemption_redemption r ON r.id = m.reference_id
        JOIN credit_client c ON c.id = r.client_id
        WHERE NOT r.is_test AND (m.created_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s
    """ + _THEIRS.format(row="r", campaign="r.campaign_id")
    ((*messages,),) = ask_plainly(sent + " AND m.channel = %s", *(first, last, *view.ids, method))
    return (
        [str(chosen), str(handed_over), *("" if wait is None else str(wait) for wait in waits)],
        [str(count) for count in messages],
    )


class TestAgents:
    def test_are_what_a_plain_statement_says(self) -> None:
        people = crowd()
        for first, last in spans_of(people):
            for view in views_of(people):
                rows = {
                    row["agent_id"]: row
                    for row in view.rows(
                        "/reports/agents/agents.csv", **{"from": first, "to": last}
                    )
                }
                plainly = plain_agents(first, last, view)
                assert plainly
                assert set(rows) >= set(plainly)
                for key, line in plainly.items():
                    columns = ("calls", *CallSession.Outcome.values, "average_seconds")
                    assert [rows[key][name] for name in columns] == line
                given = dict(
                    ask_plainly(
                        f"SELECT r.actor, count(*) {_ISSUED} AND r.door = 'desk' GROUP BY 1",
                        *(first, last, *view.ids),
                    )
                )
                assert {f"user:{key}": int(row["rewards"]) for key, row in rows.items()} == {
                    **{f"user:{key}": 0 for key in rows},
                    **given,
                }


def plain_agents(first: date, last: date, view: View) -> dict[str, list[str]]:
    outcomes = ", ".join(
        f"count(*) FILTER (WHERE k.outcome = '{outcome}')" for outcome in CallSession.Outcome.values
    )
    statement = f"""
        SELECT k.agent_id, count(*), {outcomes},
            avg(ceil(extract(epoch FROM k.ended_at - k.started_at)))
        FROM redemption_callsession k LEFT JOIN credit_client c ON c.id = k.client_id
        LEFT JOIN redemption_recipient p ON p.id = k.recipient_id
        WHERE k.ended_at IS NOT NULL AND (k.started_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s
    """ + _THEIRS.format(row="k", campaign="p.campaign_id")
    found = {}
    for key, *counts, seconds in ask_plainly(statement + " GROUP BY 1", first, last, *view.ids):
        found[str(key)] = [*map(str, counts), f"{seconds:.1f}"]
    return found


def name_of(row: dict[str, str], level: str) -> str:
    if level == "country":
        return ""
    return f"{row['region']}|{row['place']}" if level == "city" else row["place"]


class TestSpeed:
    @pytest.mark.skipif(REDEMPTIONS < MEASURED_FROM, reason="measured by make report-proof")
    def test_of_each_page_is_under_half_a_second(self) -> None:
        pool = crowd(counted=True).pools[0].pk
        pages = (
            *PAGES,
            "/reports/pools/",
            "/reports/pools/pools.csv",
            f"/reports/pools/{pool}/",
            f"/reports/pools/{pool}/days.csv",
        )
        assert find_slow(sign_in(make_platform_admin()), pages) == {}
