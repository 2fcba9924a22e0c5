"""Brands and goals beside plain SQL, on a crowd's year; and how long each page takes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from django.conf import settings

from alerts.models import Alert
from alerts.services.alerts import raise_alert
from tests.database import housekeeping
from tests.redemption.crowd import DAYS, REDEMPTIONS, crowd, needs_crowd
from tests.redemption.measuring import MEASURED_FROM, find_slow
from tests.redemption.messaging import ask_plainly
from tests.redemption.test_proof_flow import View, views_of
from tests.staff import make_platform_admin, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), needs_crowd]

_REWARDS = """
    FROM redemption_redemption r JOIN giftcards_giftcard k ON k.id = r.card_id
    JOIN credit_client c ON c.id = r.client_id
    WHERE NOT r.is_test AND r.state IN ('issued', 'delivered', 'confirmed')
        AND (r.issued_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s
        AND (%s::uuid IS NULL OR r.client_id = %s) AND (%s::uuid IS NULL OR c.agency_id = %s)
        AND (%s::uuid IS NULL OR r.campaign_id = %s)
"""
PAGES = (
    "/reports/live/",
    "/reports/live/live.csv",
    "/reports/daily/",
    "/reports/daily/daily.csv",
    "/reports/brands/",
    "/reports/brands/?period=12m",
    "/reports/brands/brands.csv?period=12m",
    "/reports/goals/",
    "/reports/goals/?period=12m",
    "/reports/goals/goals.csv?period=12m",
)


class TestBrands:
    @pytest.mark.parametrize("counted", [False, True])
    def test_are_what_a_plain_statement_says(self, counted: bool) -> None:
        people = crowd(days=DAYS, counted=counted)
        last = people.until.date()
        for days in (30, DAYS - 10):
            first = last - timedelta(days=days - 1)
            for view in views_of(people):
                rows = view.rows("/reports/brands/brands.csv", **{"from": first, "to": last})
                before = plain_counts(first - timedelta(days=days), first - timedelta(1), view)
                assert {
                    (row["brand_id"], row["currency"]): told(row)
                    for row in rows
                    if int(row["rewards"])
                } == plain_brands(first, last, view)
                assert {
                    (row["brand_id"], row["currency"]): int(row["rewards_before"])
                    for row in rows
                    if int(row["rewards_before"])
                } == before

    def test_of_an_agency_and_a_client_say_what_is_theirs_alone(self) -> None:
        people = crowd(days=DAYS)
        platform, agency, client, _ = views_of(people)
        address = "/reports/brands/brands.csv"

        # The platform's margin is face value less cost, the agency's charged less face value.
        assert "margin" in agency.rows(address)[0]
        assert "margin" not in client.rows(address)[0]
        assert platform.rows(address)[0]["margin"] != agency.rows(address)[0]["margin"]


def told(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("rewards", "handed_over", "average_seconds", "charged"))


def plain_brands(first: date, last: date, view: View) -> dict[tuple[str, str], tuple[str, ...]]:
    found = ask_plainly(
        "SELECT k.brand_id, r.currency, count(*), count(r.delivered_at),"
        " round(avg(extract(epoch FROM r.delivered_at - r.issued_at)), 3),"
        f" (sum(r.charged_minor) / 100.0)::numeric(20, 2) {_REWARDS} GROUP BY 1, 2",
        first,
        last,
        *view.ids,
    )
    return {
        (str(brand), currency): (str(n), str(handed), "" if wait is None else f"{wait}", str(money))
        for brand, currency, n, handed, wait, money in found
    }


def plain_counts(first: date, last: date, view: View) -> dict[tuple[str, str], int]:
    found = ask_plainly(
        f"SELECT k.brand_id, r.currency, count(*) {_REWARDS} GROUP BY 1, 2", first, last, *view.ids
    )
    return {(str(brand), currency): count for brand, currency, count in found}


class TestGoals:
    @pytest.mark.parametrize("counted", [False, True])
    def test_are_what_plain_statements_say(self, counted: bool) -> None:
        people = crowd(days=DAYS, counted=counted)
        last = people.until.date()
        first = last - timedelta(days=29)
        _find_no_card(people.clients[1].pk, people)
        _find_no_card(people.clients[2].pk, people)
        _guess_a_code(people)

        for number, view in enumerate(views_of(people)):
            goals = {
                row["goal"]: row
                for row in view.rows("/reports/goals/goals.csv", **{"from": first, "to": last})
            }
            tried, arrived = plain_texts(first, last, view)
            delivery = goals["text_delivery_percent"]
            assert (delivery["of"], delivery["actual"]) == (str(tried), percent(arrived, tried))
            issued, stuck, median, p95 = plain_waits(first, last, view)
            assert goals["stuck_percent"]["of"] == str(issued)
            assert goals["stuck_percent"]["actual"] == percent(stuck, issued)
            assert goals["p50_seconds"]["actual"] == str(median)
            assert goals["p95_seconds"]["actual"] == str(p95)
            # Of all there were two, of the agency none of its clients', of the client its own.
            assert goals["empty_pools"]["actual"] == ("2", "0", "1", "0")[number]
            assert ("successful_guesses" in goals) == (number == 0)
            assert ("friendly_words_percent" in goals) == (number == 0)
            if number == 0:
                guessed = plain_guesses(first, last)
                assert guessed > 0
                assert goals["successful_guesses"]["actual"] == str(guessed)
                assert goals["successful_guesses"]["met"] == "no"
                refused, unforeseen = plain_refusals(first, last)
                words = goals["friendly_words_percent"]
                assert words["of"] == str(refused)
                assert words["actual"] == percent(refused - unforeseen, refused)


def percent(part: int, whole: int) -> str:
    return str((Decimal(part) * 100 / whole).quantize(Decimal("0.01"), ROUND_HALF_UP))


def plain_texts(first: date, last: date, view: View) -> tuple[int, int]:
    ((tried, arrived),) = ask_plainly(
        "SELECT count(*) FILTER (WHERE m.channel = 'sms' AND (m.accepted_at IS NOT NULL"
        " OR m.state IN ('undelivered', 'failed', 'unknown'))),"
        " count(*) FILTER (WHERE m.state = 'delivered')"
        " FROM sms_message m JOIN redemption_redemption r ON r.id = m.reference_id"
        " JOIN credit_client c ON c.id = r.client_id"
        " WHERE NOT r.is_test AND (m.created_at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s"
        " AND (%s::uuid IS NULL OR r.client_id = %s) AND (%s::uuid IS NULL OR c.agency_id = %s)"
        " AND (%s::uuid IS NULL OR r.campaign_id = %s)",
        first,
        last,
        *view.ids,
    )
    return tried, arrived


def plain_waits(first: date, last: date, view: View) -> tuple[Any, ...]:
    """Return the rewards, those that were late, and the median and p95, rounded up as told."""
    late = timedelta(seconds=settings.STUCK_AFTER)
    ((issued, stuck, median, p95),) = ask_plainly(
        "SELECT count(*), count(*) FILTER (WHERE coalesce(r.delivered_at, now()) - r.issued_at"
        f" > %s), percentile_disc(0.5) WITHIN GROUP (ORDER BY {_ROUNDED}),"
        f" percentile_disc(0.95) WITHIN GROUP (ORDER BY {_ROUNDED}) {_REWARDS}",
        late,
        first,
        last,
        *view.ids,
    )
    return issued, stuck, median, p95


# Whole seconds upwards, from 100 on two digits: said with none of our functions.
_SECONDS = "ceil(extract(epoch FROM r.delivered_at - r.issued_at))"
_ROUNDED = (
    f"CASE WHEN r.delivered_at IS NULL THEN NULL WHEN {_SECONDS} <= 99 THEN {_SECONDS}::int"
    f" ELSE (ceil({_SECONDS} / 10 ^ (length({_SECONDS}::text) - 2))"
    f" * 10 ^ (length({_SECONDS}::text) - 2))::int END"
)


def plain_refusals(first: date, last: date) -> tuple[int, int]:
    ((traced, unforeseen),) = ask_plainly(
        "SELECT count(*), count(*) FILTER (WHERE error_code = 'GC-015')"
        " FROM redemption_provisioningtrace WHERE step = 'redeem'"
        " AND (at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s",
        first,
        last,
    )
    ((limited,),) = ask_plainly(
        "SELECT count(*) FROM redemption_attemptlog WHERE result IN ('rate_limited', 'blocked')"
        " AND (at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s",
        first,
        last,
    )
    return traced + limited, unforeseen


def plain_guesses(first: date, last: date) -> int:
    """Ask of each reward of the form what its address had tried in the 24 hours before."""
    ((guessed,),) = ask_plainly(
        "SELECT count(*) FROM redemption_redemption r WHERE r.door = 'web' AND NOT r.is_test"
        " AND EXISTS (SELECT FROM redemption_attemptlog a JOIN redemption_recipient p"
        " ON p.code_digest = a.code_digest WHERE p.id = r.recipient_id"
        " AND a.request_id = r.request_id AND a.result = 'tried'"
        " AND (a.at AT TIME ZONE 'UTC')::date BETWEEN %s AND %s"
        " AND 5 <= (SELECT count(DISTINCT w.code_digest) FROM redemption_attemptlog w"
        " WHERE w.network = a.network AND w.result = 'unknown_code' AND w.at < a.at"
        " AND a.at - w.at <= interval '24 hours'))",
        first,
        last,
    )
    return int(guessed)


def _find_no_card(client_id: Any, people: Any) -> None:
    raise_alert(
        kind="out_of_stock",
        severity=Alert.Severity.CRITICAL,
        subject="Out of cards",
        dedupe_key=f"out_of_stock:{client_id}",
        client_id=client_id,
        now=people.until,
    )


def _guess_a_code(people: Any) -> None:
    """Have the address of one reward try five codes that nobody has, right before."""
    with housekeeping() as owner:
        owner.execute(
            "INSERT INTO redemption_attemptlog (at, action, network, counts_address, caller,"
            ' code_digest, form, attempt, result, "limit", request_id)'
            " SELECT a.at - interval '1 minute' * n, 'form', a.network, true, '',"
            " decode(md5(n || 'guess') || md5('guess' || n), 'hex'), '', gen_random_uuid(),"
            " 'unknown_code', '', '' FROM generate_series(1, 5) n, (SELECT t.* FROM"
            " redemption_attemptlog t JOIN redemption_redemption r USING (request_id)"
            " WHERE t.result = 'tried' AND r.door = 'web' AND NOT r.is_test AND t.at < %s"
            " ORDER BY t.at DESC LIMIT 1) a",
            [people.until],
        )


class TestSpeed:
    @pytest.mark.skipif(REDEMPTIONS < MEASURED_FROM, reason="make report-proof measures")
    def test_of_each_page_is_under_half_a_second(self) -> None:
        # What is loaded with the first page is nobody's wait, and goes wrong at once if it does.
        sign_in(make_platform_admin()).get("/reports/goals/")
        crowd(counted=True)
        assert find_slow(sign_in(make_platform_admin()), PAGES) == {}
