"""The live page, the daily report, brands and goals beside plain SQL, on a crowd's year.

`make test` asks about 2,000 redemptions, `make report-proof` about 200,000.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from credit.models import Membership
from redemption.models import Redemption
from tests.redemption.crowd import DAYS, REDEMPTIONS, Crowd, crowd, needs_crowd
from tests.redemption.messaging import ask_plainly
from tests.redemption.visiting import person
from tests.staff import make_platform_admin, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), needs_crowd]

Role = Membership.Role
_STANDS = "r.state IN ('issued', 'delivered', 'confirmed')"
_ASKED = f"""
    SELECT count(*), count(*) FILTER (WHERE {_STANDS}),
        round((100.0 * count(*) FILTER (WHERE {_STANDS}) / nullif(count(*), 0))::numeric, 2),
        count(r.delivered_at) FILTER (WHERE {_STANDS}),
        percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.delivered_at
            - r.created_at)::float) FILTER (WHERE {_STANDS}),
        percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM r.delivered_at
            - r.created_at)::float) FILTER (WHERE {_STANDS})
    FROM redemption_redemption r JOIN credit_client c ON c.id = r.client_id
    WHERE NOT r.is_test AND r.created_at >= %s AND r.created_at < %s
        AND (%s::uuid IS NULL OR r.client_id = %s) AND (%s::uuid IS NULL OR c.agency_id = %s)
        AND (%s::uuid IS NULL OR r.campaign_id = %s)
"""


class View:
    """Somebody who looks, and what of the crowd is theirs in a plain statement."""

    def __init__(
        self, browser: Browser, *, client: Any = None, agency: Any = None, campaign: Any = None
    ) -> None:
        self.browser, self.campaign = browser, campaign
        self.ids = [client, client, agency, agency, campaign, campaign]

    def rows(self, address: str, **fields: object) -> list[dict[str, str]]:
        if self.campaign:
            fields["campaign"] = self.campaign
        answer = self.browser.get(address, {k: str(v) for k, v in fields.items()})
        assert answer.status_code == 200, address
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def views_of(people: Crowd) -> list[View]:
    """Return those who see all, an agency, a client, and one campaign of all."""
    agency, client, campaign = people.agencies[0], people.clients[1], people.campaigns[3]
    return [
        View(sign_in(make_platform_admin())),
        View(person(Role.AGENCY_MANAGER, agency=agency), agency=agency.pk),
        View(person(Role.CLIENT_MANAGER, client=client), client=client.pk),
        View(sign_in(make_platform_admin()), campaign=campaign.pk),
    ]


def plain_line(where: str, start: datetime, end: datetime, view: View) -> list[str]:
    """Return what the file should say of those who asked, as it prints it."""
    ((asked, given, success, handed, median, p95),) = ask_plainly(
        _ASKED + where, start, end, *view.ids
    )
    return [
        *map(str, (asked, given)),
        "" if success is None else f"{success}",
        str(handed),
        *("" if seconds is None else f"{seconds:.3f}" for seconds in (median, p95)),
    ]


def told(row: dict[str, str]) -> list[str]:
    columns = ("asked", "given", "success_percent", "handed_over", "median_seconds", "p95_seconds")
    return [row[name] for name in columns]


class TestDay:
    def test_is_what_a_plain_statement_says(self) -> None:
        people = crowd(days=min(DAYS, REDEMPTIONS // 250))
        day = (people.until - timedelta(days=2)).date()
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        end = start + timedelta(days=1)
        # A day on which nobody tested would not tell whether tests are counted.
        asked = Redemption.objects.filter(created_at__gte=start, created_at__lt=end)
        assert asked.filter(is_test=True).exists()

        for view in views_of(people):
            rows = view.rows("/reports/daily/daily.csv", day=day)
            assert told(rows[0]) == plain_line("", start, end, view)
            hours = [row for row in rows if row["section"] == "hour"]
            assert len(hours) == 24
            assert sum(int(row["asked"]) for row in hours) == int(rows[0]["asked"])
            for row in rows:
                if row["section"] == "door":
                    where = f" AND r.door = '{row['name']}'"
                    assert told(row) == plain_line(where, start, end, view)
                if row["section"] == "campaign":
                    where = f" AND r.campaign_id = '{row['id']}'"
                    assert told(row) == plain_line(where, start, end, view)
            assert charged_of(rows) == plain_charged(start, end, view)
            assert codes_of(rows) == plain_codes(start, end, view)

    def test_of_texts_is_what_a_plain_statement_says(self) -> None:
        people = crowd(days=DAYS)
        day = (people.until - timedelta(days=1)).date()
        view = views_of(people)[0]

        (texts,) = [
            row
            for row in view.rows("/reports/daily/daily.csv", day=day)
            if row["section"] == "texts"
        ]

        ((tried, arrived),) = ask_plainly(
            "SELECT count(*) FILTER (WHERE m.channel = 'sms' AND (m.accepted_at IS NOT NULL"
            " OR m.state IN ('undelivered', 'failed', 'unknown'))),"
            " count(*) FILTER (WHERE m.state = 'delivered')"
            " FROM sms_message m JOIN redemption_redemption r ON r.id = m.reference_id"
            " WHERE NOT r.is_test AND m.created_at >= %s AND m.created_at < %s",
            day,
            day + timedelta(days=1),
        )
        assert (texts["asked"], texts["given"]) == (str(tried), str(arrived))
        assert tried > 0


class TestLastHour:
    def test_is_what_a_plain_statement_says(self) -> None:
        people = crowd(max(REDEMPTIONS, 2_000), days=DAYS)
        for view in views_of(people):
            rows = view.rows("/reports/live/live.csv")
            minutes = [row for row in rows if row["section"] == "minute"]
            assert len(minutes) == 60
            start = datetime.fromisoformat(minutes[0]["name"])
            # Nobody of the crowd comes after it was made.
            end = start + timedelta(hours=2)
            assert told(rows[0]) == plain_line("", start, end, view)
            for row in minutes:
                at = datetime.fromisoformat(row["name"])
                plain = plain_line("", at, at + timedelta(minutes=1), view)
                assert [row["asked"], row["given"]] == plain[:2]
        everybody = rows_of_section(views_of(people)[0], "minute")
        assert sum(int(row["asked"]) for row in everybody) > 0


def rows_of_section(view: View, section: str) -> list[dict[str, str]]:
    return [row for row in view.rows("/reports/live/live.csv") if row["section"] == section]


def charged_of(rows: list[dict[str, str]]) -> dict[str, tuple[str, str]]:
    return {
        row["currency"]: (row["given"], row["amount"])
        for row in rows
        if row["section"] == "charged"
    }


def plain_charged(start: datetime, end: datetime, view: View) -> dict[str, tuple[str, str]]:
    found = ask_plainly(
        "SELECT r.currency, count(*), (sum(r.charged_minor) / 100.0)::numeric(20, 2)"
        " FROM redemption_redemption r JOIN credit_client c ON c.id = r.client_id"
        f" WHERE NOT r.is_test AND {_STANDS} AND r.issued_at >= %s AND r.issued_at < %s"
        " AND (%s::uuid IS NULL OR r.client_id = %s) AND (%s::uuid IS NULL OR c.agency_id = %s)"
        " AND (%s::uuid IS NULL OR r.campaign_id = %s) GROUP BY 1",
        start,
        end,
        *view.ids,
    )
    return {currency: (str(count), str(amount)) for currency, count, amount in found}


def codes_of(rows: list[dict[str, str]]) -> dict[str, tuple[int, int]]:
    return {
        row["name"]: (int(row["asked"]), int(row["refusals"]))
        for row in rows
        if row["section"] == "code"
    }


def plain_codes(start: datetime, end: datetime, view: View) -> dict[str, tuple[int, int]]:
    """Count rewards that wait or failed by their code, and refusals: all, or those with a name."""
    of_rewards = ask_plainly(
        "SELECT r.reason_code, count(*) FROM redemption_redemption r"
        " JOIN credit_client c ON c.id = r.client_id WHERE NOT r.is_test"
        f" AND NOT {_STANDS} AND r.reason_code <> '' AND r.created_at >= %s AND r.created_at < %s"
        " AND (%s::uuid IS NULL OR r.client_id = %s) AND (%s::uuid IS NULL OR c.agency_id = %s)"
        " AND (%s::uuid IS NULL OR r.campaign_id = %s) GROUP BY 1",
        start,
        end,
        *view.ids,
    )
    if any(view.ids):
        refused = ask_plainly(
            "SELECT t.error_code, count(*) FROM redemption_provisioningtrace t"
            " JOIN redemption_redemption r ON r.id = t.redemption_id"
            " JOIN credit_client c ON c.id = r.client_id"
            " WHERE t.step = 'redeem' AND t.at >= %s AND t.at < %s"
            " AND (%s::uuid IS NULL OR r.client_id = %s) AND (%s::uuid IS NULL OR c.agency_id = %s)"
            " AND (%s::uuid IS NULL OR r.campaign_id = %s) GROUP BY 1",
            start,
            end,
            *view.ids,
        )
    else:
        refused = ask_plainly(
            "SELECT error_code, count(*) FROM redemption_provisioningtrace WHERE step = 'redeem'"
            " AND at >= %s AND at < %s GROUP BY 1",
            start,
            end,
        )
        for result, code in (("rate_limited", "GC-101"), ("blocked", "GC-102")):
            ((count,),) = ask_plainly(
                "SELECT count(*) FROM redemption_attemptlog WHERE result = %s AND at >= %s"
                " AND at < %s",
                result,
                start,
                end,
            )
            refused += [(code, count)] if count else []
    rewards, refusals = dict(of_rewards), dict(refused)
    return {code: (rewards.get(code, 0), refusals.get(code, 0)) for code in {**rewards, **refusals}}
