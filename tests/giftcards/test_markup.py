"""A markup as people write it, and what it makes of a face value."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.money import (
    LARGEST_AMOUNT_MINOR,
    AmountError,
    AmountTooLargeError,
    MalformedAmountError,
    NegativeAmountError,
    TooManyDecimalsError,
    apply_percent,
)
from giftcards.money import LARGEST_MARKUP_BASIS_POINTS, format_markup, parse_markup

pytestmark = pytest.mark.django_db


def mark_up(face_value_minor: int, basis_points: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT giftcards_mark_up(%s, %s)", [face_value_minor, basis_points])
        return int(cursor.fetchone()[0])


class TestParseMarkup:
    @pytest.mark.parametrize(
        ("text", "basis_points"),
        [("0", 0), ("12.5", 1250), ("12.50", 1250), (" 7 % ", 700), ("0.01", 1), ("1000", 100_000)],
    )
    def test_reads_percent_exactly(self, text: str, basis_points: int) -> None:
        assert parse_markup(text) == basis_points
        assert parse_markup(format_markup(basis_points)) == basis_points

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("12.505", TooManyDecimalsError),
            ("0.000", TooManyDecimalsError),
            ("-1", NegativeAmountError),
            ("-0", NegativeAmountError),
            ("1000.01", AmountTooLargeError),
            ("9" * 60, AmountTooLargeError),
            ("9" * 5_000_000, MalformedAmountError),
            ("", MalformedAmountError),
            ("%", MalformedAmountError),
            ("1e3", MalformedAmountError),
            ("12,5", MalformedAmountError),
            (".5", MalformedAmountError),
            ("5.", MalformedAmountError),
            ("NaN", MalformedAmountError),
            ("٣", MalformedAmountError),
            ("5\0", MalformedAmountError),
        ],
    )
    def test_refuses_what_is_no_markup(self, text: str, error: type[AmountError]) -> None:
        with pytest.raises(error):
            parse_markup(text)

    @pytest.mark.parametrize(("basis_points", "text"), [(0, "0"), (1250, "12.5"), (5, "0.05")])
    def test_is_printed_without_idle_zeros(self, basis_points: int, text: str) -> None:
        assert format_markup(basis_points) == text


class TestMarkUp:
    @pytest.mark.parametrize(
        ("face_value_minor", "basis_points", "price_minor"),
        [
            (2500, 0, 2500),
            (2500, 1250, 2813),  # 28.125 dollars
            (2500, 1249, 2812),  # 28.1225
            (1000, 5, 1001),  # 10.005: the half goes up
            (1000, 4, 1000),
            (500, 750, 538),  # 537.5 yen
            (500, 740, 537),
            (25000, 333, 25833),  # 25.8325 dinars
            (1, 4999, 1),
            (1, 5000, 2),
            (1, 100_000, 11),
        ],
    )
    def test_rounds_half_up_once(
        self, face_value_minor: int, basis_points: int, price_minor: int
    ) -> None:
        assert mark_up(face_value_minor, basis_points) == price_minor

    @settings(max_examples=300, deadline=None)
    @given(
        face_value_minor=st.integers(1, LARGEST_AMOUNT_MINOR // 11) | st.integers(1, 100_000),
        basis_points=st.integers(0, LARGEST_MARKUP_BASIS_POINTS),
    )
    def test_is_the_rule_that_money_knows(self, face_value_minor: int, basis_points: int) -> None:
        percent = 100 + Decimal(basis_points).scaleb(-2)
        assert mark_up(face_value_minor, basis_points) == apply_percent(face_value_minor, percent)

    def test_stops_at_the_width_of_the_column(self) -> None:
        assert mark_up(LARGEST_AMOUNT_MINOR, 1) == LARGEST_AMOUNT_MINOR
