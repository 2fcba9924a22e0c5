"""The rewards of a span of days: always what a plain SELECT over them says."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from credit.models import Client
from redemption.models import Redemption, ReportChange, ReportDay, ReportMonth, RewardCount
from redemption.selectors.reward_days import (
    Clients,
    Group,
    RewardSums,
    count_per_day,
    count_per_pool_and_day,
    count_taken_back,
    sum_rewards,
)
from redemption.services.report_days import CountedSpans, count_report_days
from tests.guards.raw import as_owner
from tests.redemption.rewarding import (
    FIRST,
    NOW,
    TODAY,
    build_pools,
    give,
    hand_over,
    live_by_chance,
    take_back,
)

pytestmark = pytest.mark.django_db(transaction=True)

KEYS: dict[Group, str] = {"pool": "c.pool_id", "brand": "c.brand_id", "client": "r.client_id"}
SPANS = [
    (FIRST, TODAY),
    (date(2026, 1, 1), date(2026, 2, 28)),
    (date(2026, 1, 20), date(2026, 3, 18)),
    (TODAY, TODAY),
    (date(2026, 2, 3), date(2026, 2, 3)),
]


def everybody() -> Clients:
    return Clients(ids=list(Client.objects.values_list("pk", flat=True)), are_all=True)


def as_some(clients: Clients) -> Clients:
    """The same clients, as if there were others."""
    return Clients(ids=clients.ids, are_all=False)


def plainly(
    clients: Clients, group: Group, first: date, last: date, brand_id: UUID | None = None
) -> list[RewardSums]:
    """What somebody would ask the database who knows nothing of counted days."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {KEYS[group]}, r.currency, count(*), count(r.delivered_at),
                avg(extract(epoch FROM r.delivered_at - r.issued_at)),
                percentile_disc(0.95) WITHIN GROUP (
                    ORDER BY extract(epoch FROM r.delivered_at - r.issued_at))
                    FILTER (WHERE r.delivered_at IS NOT NULL),
                sum(r.face_value_minor), sum(r.charged_minor),
                sum(r.charged_minor - r.face_value_minor), count(r.cost_minor),
                coalesce(sum(r.cost_minor), 0),
                coalesce(sum(r.face_value_minor - r.cost_minor), 0),
                coalesce(sum(r.charged_minor - r.cost_minor), 0)
            FROM redemption_redemption r JOIN giftcards_giftcard c ON c.id = r.card_id
            WHERE r.state IN ('issued', 'delivered', 'confirmed') AND NOT r.is_test
                AND r.client_id = ANY (%s) AND r.issued_at >= %s AND r.issued_at < %s
                AND (%s::uuid IS NULL OR c.brand_id = %s)
            GROUP BY 1, 2
            """,
            [
                list(clients.ids),
                midnight(first),
                midnight(last + timedelta(days=1)),
                brand_id,
                brand_id,
            ],
        )
        return [plain_sums(row) for row in cursor.fetchall()]


def plain_sums(row: tuple[Any, ...]) -> RewardSums:
    key, currency, issued, delivered, average, p95, *sums = row
    names = ("face_value", "charged", "agency_margin", "cost", "platform_margin", "profit")
    cost_known = sums.pop(3)
    amounts = {f"{name}_minor": int(amount) for name, amount in zip(names, sums, strict=True)}
    return RewardSums(
        key=key,
        currency=currency,
        issued=issued,
        delivered=delivered,
        average_wait=None if average is None else float(average),
        p95_wait=None if p95 is None else rounded_up(float(p95)),
        cost_known=cost_known,
        **amounts,
    )


def rounded_up(seconds: float) -> int:
    """Round up to whole seconds, from 100 on to two digits."""
    whole = math.ceil(seconds)
    step = int(10 ** max(len(str(whole)) - 2, 0))
    return int(math.ceil(whole / step) * step)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def by_key(sums: list[RewardSums]) -> list[RewardSums]:
    """Return them in one order, the averages without what floating point adds."""
    exact = [
        replace(row, average_wait=row.average_wait and round(row.average_wait, 5)) for row in sums
    ]
    return sorted(exact, key=lambda row: (str(row.key), row.currency))


def assert_true(clients: Clients) -> None:
    """Compare every way to ask with the plain one."""
    seen = 0
    for first, last in SPANS:
        for group in KEYS:
            shown = sum_rewards(clients=clients, group=group, first=first, last=last)
            assert by_key(shown) == by_key(plainly(clients, group, first, last))
            seen += len(shown)
        issued = sum(row.issued for row in plainly(clients, "client", first, last))
        for by_month in (False, True):
            days = count_per_day(clients=clients, first=first, last=last, by_month=by_month)
            assert sum(days.values()) == issued
            assert all(day.day == 1 or not by_month for day in days)
        by_pool = {row.key: row.issued for row in plainly(clients, "pool", first, last)}
        found = count_per_pool_and_day(
            clients=clients, pool_ids=[key for key in by_pool if key], first=first, last=last
        )
        assert {key: sum(days.values()) for key, days in found.items()} == by_pool
    assert seen > 10


class TestSumRewards:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_says_what_the_rewards_say_before_between_and_after_counting(self, seed: int) -> None:
        world, other, pools = live_by_chance(seed)
        mine = Clients(ids=[world.client.pk], are_all=False)
        for counted in (0, 20, 500):
            count_report_days(now=NOW, limit=counted)
            for clients in (everybody(), as_some(everybody()), mine):
                assert_true(clients)
        assert ReportMonth.objects.count() == 2
        # What happens from now on to old rewards is seen at once, and after the next count.
        changed = Redemption.objects.filter(state__in=("issued", "delivered")).order_by("pk")[:8]
        for number, reward in enumerate(changed):
            if number % 2:
                hand_over(reward, 5)
            else:
                take_back(reward, "cancelled")
        give(other, pools[2], midnight(FIRST) + timedelta(days=40))
        assert ReportChange.objects.exists()
        assert_true(everybody())
        count_report_days(now=NOW, limit=500)
        assert not ReportChange.objects.filter(day__lt=TODAY - timedelta(days=1)).exists()
        assert ReportMonth.objects.count() == 2
        assert_true(everybody())

    def test_narrows_to_a_brand(self) -> None:
        world, other, _ = live_by_chance(3)
        for counted in (0, 500):
            count_report_days(now=NOW, limit=counted)
            for clients in (everybody(), as_some(everybody())):
                for group in KEYS:
                    shown = sum_rewards(
                        clients=clients,
                        group=group,
                        first=FIRST,
                        last=TODAY,
                        brand_id=world.brand.pk,
                    )
                    assert by_key(shown) == by_key(
                        plainly(clients, group, FIRST, TODAY, world.brand.pk)
                    )
                    assert other.brand.pk not in {row.key for row in shown}

    def test_is_nothing_where_nothing_was(self) -> None:
        build_pools()
        count_report_days(now=NOW, limit=10)
        assert sum_rewards(clients=everybody(), group="pool", first=FIRST, last=TODAY) == []

    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [(0, 0), (0.001, 1), (98.2, 99), (99, 99), (99.01, 100), (100.5, 110), (990.1, 1000)],
    )
    def test_rounds_waits_up(self, seconds: float, shown: int) -> None:
        world, _, (pool, *_) = build_pools()
        hand_over(give(world, pool, NOW), seconds)
        (row,) = sum_rewards(clients=everybody(), group="pool", first=TODAY, last=TODAY)
        assert row.p95_wait == shown == rounded_up(seconds)
        assert row.average_wait == pytest.approx(seconds)


class TestCountTakenBack:
    def test_counts_by_the_day_of_issue(self) -> None:
        world, _, (pool, *_) = build_pools()
        kept, failed, cancelled, early = (
            give(world, pool, midnight(TODAY) - timedelta(days=days)) for days in (1, 1, 2, 9)
        )
        for reward, state in ((failed, "failed"), (cancelled, "cancelled"), (early, "failed")):
            take_back(reward, state)
        first = TODAY - timedelta(days=3)
        assert count_taken_back(clients=everybody(), first=first, last=TODAY) == 2
        assert kept.state == "issued"


class TestCountReportDays:
    def test_waits_until_a_day_is_over_for_three_hours(self) -> None:
        world, _, (pool, *_) = build_pools()
        give(world, pool, NOW)
        tomorrow = midnight(TODAY + timedelta(days=1))
        early = tomorrow + timedelta(hours=2, minutes=59)
        count_report_days(now=early, limit=99)
        assert not ReportDay.objects.filter(day=TODAY).exists()
        assert count_report_days(now=tomorrow + timedelta(hours=3), limit=99) == CountedSpans(1, 0)
        assert ReportDay.objects.filter(day=TODAY).exists()

    def test_counts_so_many_a_run_and_goes_on(self) -> None:
        live_by_chance(4, rewards=5)
        days = (TODAY - date(2026, 1, 1)).days
        assert count_report_days(now=NOW, limit=10).days == 10
        total = 10 + count_report_days(now=NOW, limit=500).days
        assert total in (days, days - 31, days - 59)
        assert count_report_days(now=NOW, limit=500) == CountedSpans(0, 0)

    def test_counts_a_month_once_all_its_days_are(self) -> None:
        world, _, (pool, *_) = build_pools()
        give(world, pool, datetime(2026, 2, 10, tzinfo=UTC))
        assert count_report_days(now=NOW, limit=27) == CountedSpans(27, 0)
        assert count_report_days(now=NOW, limit=1) == CountedSpans(1, 1)
        assert [m.month for m in ReportMonth.objects.all()] == [date(2026, 2, 1)]

    def test_run_twice_at_once_is_run_once(self) -> None:
        live_by_chance(5, rewards=8)
        count_report_days(now=NOW, limit=500)
        before = RewardCount.objects.count()
        with connection.cursor() as cursor:
            for _ in range(2):
                cursor.execute("SELECT redemption_count_day(%s, %s)", [FIRST, NOW])
                cursor.execute("SELECT redemption_count_month('2026-01-01', %s)", [NOW])
        assert RewardCount.objects.count() == before


class TestMark:
    def test_is_not_made_on_the_way_of_a_fresh_reward(self) -> None:
        world, _, (pool, *_) = build_pools()
        now = datetime.now(UTC)
        reward = give(world, pool, now)
        hand_over(reward, 3)
        assert not ReportChange.objects.exists()

    def test_is_made_only_where_a_number_changes(self) -> None:
        world, _, (pool, *_) = build_pools()
        reward = give(world, pool, NOW - timedelta(days=3))
        count_report_days(now=NOW, limit=99)
        assert not ReportChange.objects.exists()
        hand_over(reward, 3)
        assert [change.day for change in ReportChange.objects.all()] == [TODAY - timedelta(days=3)]
        count_report_days(now=NOW, limit=99)
        Redemption.objects.filter(pk=reward.pk).update(state="confirmed", confirmed_at=NOW)
        assert not ReportChange.objects.exists()

    def test_is_what_keeps_the_numbers_true(self) -> None:
        # The control: without the trigger a day that was counted stays as it was.
        world, _, (pool, *_) = build_pools()
        reward = give(world, pool, NOW - timedelta(days=3))
        count_report_days(now=NOW, limit=99)
        switch = "ALTER TABLE redemption_redemption {} TRIGGER redemption_marks_day"
        with as_owner() as owner:
            owner.execute(switch.format("DISABLE"))
            owner.commit()
            try:
                hand_over(reward, 3)
            finally:
                owner.execute(switch.format("ENABLE"))
                owner.commit()
        (shown,) = sum_rewards(clients=everybody(), group="pool", first=FIRST, last=TODAY)
        (true,) = plainly(everybody(), "pool", FIRST, TODAY)
        assert (shown.delivered, true.delivered) == (0, 1)
