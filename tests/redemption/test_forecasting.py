"""Looking ahead: known series, and what holds for every series."""

from __future__ import annotations

import io
import itertools
import random  # noqa: TID251  the weather of the simulated stocks, by a seed

import pytest
from django.conf import settings
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from redemption.management.made_up_stocks import KINDS
from redemption.selectors.forecast_methods import (
    HORIZON_DAYS,
    Average,
    Croston,
    HoltWinters,
    WeeklyAverage,
)
from redemption.selectors.forecast_trials import Trial, try_forecasts
from redemption.selectors.forecasting import (
    FEWEST_DAYS,
    DaysLeft,
    Forecast,
    choose_forecast,
    days_left,
)

WEEK = [50, 40, 40, 40, 30, 10, 0]
HISTORIES = st.lists(st.integers(0, 10_000), max_size=100)


def chosen(history: list[int]) -> Forecast:
    forecast = choose_forecast(history)
    assert forecast is not None
    return forecast


class TestHoltWinters:
    def test_goes_on_with_a_week_that_repeats(self) -> None:
        method = HoltWinters(WEEK * 2, alpha=0.1, beta=0.1, gamma=0.1, phi=0.98)
        for taken in WEEK * 3:
            method.learn(taken)
        assert list(method.ahead(14)) == pytest.approx(WEEK * 2)

    def test_follows_a_new_level(self) -> None:
        method = HoltWinters([10.0] * 14, alpha=0.3, beta=0.05, gamma=0.1, phi=0.9)
        for _ in range(60):
            method.learn(100)
        assert method.ahead(1)[0] == pytest.approx(100, rel=0.02)

    def test_never_expects_less_than_nothing(self) -> None:
        method = HoltWinters([100.0, 0, 0, 0, 0, 0, 0] * 2, alpha=0.3, beta=0.1, gamma=0.1, phi=0.9)
        for _ in range(30):
            method.learn(0)
        assert min(method.ahead(HORIZON_DAYS)) >= 0


class TestCroston:
    def test_is_the_published_example(self) -> None:
        # Every fourth day 8 are taken: 2 a day, less the correction of half of alpha.
        method = Croston([0, 0, 0, 8] * 3, alpha=0.1)
        for taken in [0, 0, 0, 8] * 6:
            method.learn(taken)
        assert list(method.ahead(100)) == [pytest.approx(0.95 * 8 / 4)] * 100

    def test_waits_out_the_days_between(self) -> None:
        method = Croston([0, 0, 0, 8] * 3, alpha=0.1)
        before = method.ahead(1)
        method.learn(0)
        assert method.ahead(1) == before


class TestAverage:
    def test_is_the_mean_of_all_the_days(self) -> None:
        method = Average([1.0, 2.0])
        method.learn(6)
        assert method.ahead(2) == [3, 3]

    def test_counts_each_weekday_the_same(self) -> None:
        # Two Mondays with their 50 don't make the week one of 50s.
        method = Average([*map(float, WEEK), 50.0])
        assert method.ahead(1) == [sum(WEEK) / 7]


class TestWeeklyAverage:
    def test_goes_on_with_a_week_that_repeats(self) -> None:
        method = WeeklyAverage([*map(float, WEEK)] * 2)
        method.learn(50)
        assert list(method.ahead(7)) == [40, 40, 40, 30, 10, 0, 50]

    def test_sees_no_week_in_what_differs_by_chance(self) -> None:
        days = [4.0, 6.0] * 14
        assert list(WeeklyAverage(days).ahead(7)) == [5] * 7

    def test_is_wrong_about_every_day_by_what_it_is_wrong_about_the_pace(self) -> None:
        assert WeeklyAverage([5.0] * 14).widening()[:3] == [1 + 1 / 14, 1 + 2 / 14, 1 + 3 / 14]


class TestChooseForecast:
    @pytest.mark.parametrize("history", [[], [0] * 84, [0] * 80 + [5] * (FEWEST_DAYS - 1)])
    def test_says_nothing_of_too_little(self, history: list[int]) -> None:
        assert choose_forecast(history) is None

    def test_takes_the_weekdays_of_a_week_that_repeats(self) -> None:
        forecast = chosen(WEEK * 12)
        assert (forecast.method.name, forecast.error) == ("weekly average", 0)
        totals = [total for total, _, _ in forecast.totals()]
        assert totals[6] == pytest.approx(sum(WEEK))
        assert totals[27] == pytest.approx(4 * sum(WEEK))

    def test_takes_holt_winters_for_what_grows(self) -> None:
        forecast = chosen([10 + day for day in range(84)])
        assert forecast.method.name == "Holt-Winters"
        assert next(forecast.totals())[0] == pytest.approx(94, abs=3)

    def test_takes_the_plain_rate_of_less_than_two_weeks(self) -> None:
        forecast = chosen([3, 5, 4, 4, 2, 6, 4])
        assert (forecast.method.name, forecast.error) == ("average", None)
        assert next(forecast.totals())[0] == 4
        assert chosen([3, 5, 4, 4, 2, 6, 4] * 2).method.name == "weekly average"

    def test_takes_croston_where_little_is_taken_on_few_days(self) -> None:
        names = set()
        for seed in range(60):
            chance = random.Random(seed)
            later = [chance.choice([1, 2, 30]) if chance.random() < 0.2 else 0 for _ in range(83)]
            history = [8, *later]
            names.add(chosen(history).method.name)
        assert "Croston" in names

    def test_does_not_hold_days_before_the_first_against_a_stock(self) -> None:
        late = chosen([0] * 63 + WEEK * 3)
        young = chosen(WEEK * 3)
        assert [*late.totals()] == [*young.totals()]

    @given(history=HISTORIES)
    def test_is_made_of_numbers_that_grow(self, history: list[int]) -> None:
        forecast = choose_forecast(history)
        if forecast is None:
            return
        totals = list(forecast.totals())
        assert len(totals) == HORIZON_DAYS
        for total, low, high in totals:
            assert 0 <= low <= total <= high < float("inf")
        for earlier, later in itertools.pairwise(totals):
            assert all(one <= next_one for one, next_one in zip(earlier, later, strict=True))

    @given(history=HISTORIES, factor=st.integers(2, 9))
    def test_scales_with_what_is_taken(self, history: list[int], factor: int) -> None:
        one, many = choose_forecast(history), choose_forecast([taken * factor for taken in history])
        if one is None or many is None:
            assert one == many
            return
        if one.error is not None:
            assert many.error == pytest.approx(one.error * factor)


class TestDaysLeft:
    def test_counts_whole_days_through_the_week(self) -> None:
        forecast = chosen(WEEK * 12)
        # A week takes 210; the 90 of its first two days are gone on the second day.
        for available, days in ((1, 0), (50, 0), (51, 1), (90, 1), (91, 2), (210, 5), (300, 8)):
            assert days_left(forecast, available).expected == days

    def test_is_over_where_nothing_is_left(self) -> None:
        assert days_left(chosen([3] * 30), 0) == DaysLeft(expected=0, soonest=0, latest=0)

    def test_looks_no_further_than_it_can_see(self) -> None:
        assert days_left(chosen([1] * 30), 1_000) == DaysLeft(
            expected=None, soonest=None, latest=None
        )

    def test_is_in_doubt_about_what_comes_one_by_one(self) -> None:
        # However even the past was: of people who decide on their own, now more come, now fewer.
        assert days_left(chosen([4] * 84), 80) == DaysLeft(expected=19, soonest=18, latest=22)

    @given(history=HISTORIES, available=st.integers(0, 100_000), more=st.integers(0, 1000))
    def test_lies_in_its_range_and_grows_with_the_stock(
        self, history: list[int], available: int, more: int
    ) -> None:
        forecast = choose_forecast(history)
        if forecast is None:
            return
        left = bounds(days_left(forecast, available))
        longer = bounds(days_left(forecast, available + more))
        for soonest, expected, latest in (left, longer):
            assert 0 <= soonest <= expected <= latest <= HORIZON_DAYS
        assert all(day <= later for day, later in zip(left, longer, strict=True))


def bounds(left: DaysLeft) -> tuple[int, int, int]:
    """Return soonest, expected and latest, the horizon where there is none."""
    days = (left.soonest, left.expected, left.latest)
    soonest, expected, latest = (HORIZON_DAYS if day is None else day for day in days)
    return soonest, expected, latest


class TestTryForecasts:
    def test_asks_every_week_about_days_that_were_not_known(self) -> None:
        # Twelve weeks to learn from, then three that go on as before and one without anything.
        trial = try_forecasts(WEEK * 15 + [0] * 7, ahead=7)
        assert (trial.forecasts, trial.taken) == (4, 3 * sum(WEEK))
        assert trial.missed == pytest.approx(sum(WEEK))
        assert trial.missed_by_week == trial.missed_by_weeks == pytest.approx(sum(WEEK))
        assert trial.held == 3

    def test_tells_of_run_outs_where_enough_is_known_of_what_came(self) -> None:
        trial = try_forecasts(WEEK * 15, ahead=7)
        assert (trial.forecasts, trial.run_outs, trial.run_outs_held) == (3, 2, 2)

    def test_needs_a_history(self) -> None:
        assert try_forecasts(WEEK * 12, ahead=7) == Trial()


class TestCheckForecasts:
    def test_prints_what_the_page_about_reports_says(self) -> None:
        out = io.StringIO()
        call_command("check_forecasts", "--made-up", stdout=out)
        lines = out.getvalue().splitlines()
        assert len(lines) == 2 + len(KINDS) * 2
        written = (settings.BASE_DIR / "docs" / "reports.md").read_text()
        for line in lines:
            assert line in written

    @pytest.mark.django_db
    def test_says_that_it_is_too_early(self) -> None:
        out = io.StringIO()
        call_command("check_forecasts", stdout=out)
        assert out.getvalue().startswith("No pool has given out enough yet")
