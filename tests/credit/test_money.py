from __future__ import annotations

import dataclasses
from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from credit.money import (
    LARGEST_AMOUNT_MINOR,
    AmountError,
    AmountTooLargeError,
    CurrencyMismatchError,
    MalformedAmountError,
    Money,
    NegativeAmountError,
    TooManyDecimalsError,
    UnknownCurrencyError,
    apply_percent,
    display_amount,
    format_amount,
    minor_digits,
    parse_amount,
)

currencies = st.sampled_from(["USD", "JPY", "KWD", "CLF"])
amounts = st.integers(-LARGEST_AMOUNT_MINOR, LARGEST_AMOUNT_MINOR)


class TestMinorDigits:
    @pytest.mark.parametrize(
        ("currency", "digits"), [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4)]
    )
    def test_follows_iso_4217(self, currency: str, digits: int) -> None:
        assert minor_digits(currency) == digits

    @pytest.mark.parametrize("currency", ["", "usd", "US", "USDT", "US1", "USD\n", "ＵＳＤ", "ÄÖÜ"])
    def test_refuses_what_is_no_code(self, currency: str) -> None:
        with pytest.raises(UnknownCurrencyError, match="three capital letters"):
            minor_digits(currency)


class TestParseAmount:
    @pytest.mark.parametrize(
        ("text", "currency", "amount_minor"),
        [
            ("25.00", "USD", 2500),
            ("25", "USD", 2500),
            ("25.5", "USD", 2550),
            ("0.05", "USD", 5),
            ("0", "USD", 0),
            ("0025.00", "USD", 2500),
            (" 25.00\n", "USD", 2500),
            ("500", "JPY", 500),
            ("25.125", "KWD", 25125),
            ("92233720368547758.07", "USD", LARGEST_AMOUNT_MINOR),
        ],
    )
    def test_gives_minor_units(self, text: str, currency: str, amount_minor: int) -> None:
        assert parse_amount(text, currency) == amount_minor

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "Give an amount, such as 1250.50."),
            ("   ", "Give an amount, such as 1250.50."),
            ("1,250.00", "Write the amount with no separator but a dot, such as 1250.50."),
            ("25,00", "Write the amount with no separator but a dot, such as 1250.50."),
            ("1 250", "Write the amount with no separator but a dot, such as 1250.50."),
            ("1\u202f250", "Write the amount with no separator but a dot, such as 1250.50."),
            ("1'250", "Write the amount with no separator but a dot, such as 1250.50."),
            ("1_250", "Write the amount with no separator but a dot, such as 1250.50."),
            ("\xa025", "Write the amount with no separator but a dot, such as 1250.50."),
            ("1e3", "Write the amount in digits, such as 1250.50."),
            ("NaN", "Write the amount in digits, such as 1250.50."),
            ("inf", "Write the amount in digits, such as 1250.50."),
            ("-Infinity", "Write the amount in digits, such as 1250.50."),
            ("+25", "Write the amount in digits, such as 1250.50."),
            (".5", "Write the amount in digits, such as 1250.50."),
            ("5.", "Write the amount in digits, such as 1250.50."),
            ("1.2.3", "Write the amount in digits, such as 1250.50."),
            ("$25", "Write the amount in digits, such as 1250.50."),
            ("0x10", "Write the amount in digits, such as 1250.50."),
            ("--5", "Write the amount in digits, such as 1250.50."),
            ("−5", "Write the amount in digits, such as 1250.50."),
            ("٢٥", "Write the amount in digits, such as 1250.50."),
            ("２５", "Write the amount in digits, such as 1250.50."),
            ("2²", "Write the amount in digits, such as 1250.50."),
            ("25\x00", "Write the amount in digits, such as 1250.50."),
        ],
    )
    def test_refuses_what_is_no_plain_number(self, text: str, sentence: str) -> None:
        with pytest.raises(MalformedAmountError) as caught:
            parse_amount(text, "USD")
        assert str(caught.value) == sentence

    def test_gives_an_example_that_fits_the_currency(self) -> None:
        with pytest.raises(MalformedAmountError) as caught:
            parse_amount("1,250", "JPY")
        assert str(caught.value) == "Write the amount without separators, such as 1250."
        with pytest.raises(MalformedAmountError, match=r"such as 1250\.500\.$"):
            parse_amount("1e3", "KWD")

    @pytest.mark.parametrize(
        ("text", "currency", "sentence"),
        [
            ("25.001", "USD", "An amount in USD has at most 2 decimals."),
            ("25.000", "USD", "An amount in USD has at most 2 decimals."),
            ("500.0", "JPY", "An amount in JPY has no decimals."),
            ("0.0001", "KWD", "An amount in KWD has at most 3 decimals."),
        ],
    )
    def test_never_rounds_decimals_away(self, text: str, currency: str, sentence: str) -> None:
        with pytest.raises(TooManyDecimalsError) as caught:
            parse_amount(text, currency)
        assert str(caught.value) == sentence

    @pytest.mark.parametrize("text", ["-25.00", "-0"])
    def test_allows_a_sign_only_when_told(self, text: str) -> None:
        with pytest.raises(NegativeAmountError, match="can't be negative"):
            parse_amount(text, "USD")
        assert parse_amount("-25.00", "USD", allow_negative=True) == -2500
        assert parse_amount("-0", "USD", allow_negative=True) == 0

    @pytest.mark.parametrize("text", ["92233720368547758.08", "9" * 30, "9" * 1_000_000, "1" * 65])
    def test_refuses_what_no_column_holds(self, text: str) -> None:
        with pytest.raises(AmountTooLargeError, match=r"^The amount is too large\.$"):
            parse_amount(text, "USD")

    def test_refuses_a_currency_it_does_not_know(self) -> None:
        with pytest.raises(UnknownCurrencyError):
            parse_amount("25.00", "dollars")

    @given(st.text() | st.text("0123456789.,-+ eE٢", max_size=12))
    def test_reads_any_text_right_or_refuses_it(self, text: str) -> None:
        try:
            amount_minor = parse_amount(text, "USD", allow_negative=True)
        except AmountError:
            return
        assert amount_minor == Decimal(text.strip()) * 100


class TestFormatAmount:
    @pytest.mark.parametrize(
        ("amount_minor", "currency", "text"),
        [
            (2500, "USD", "25.00"),
            (5, "USD", "0.05"),
            (0, "USD", "0.00"),
            (-5, "USD", "-0.05"),
            (500, "JPY", "500"),
            (-500, "JPY", "-500"),
            (25125, "KWD", "25.125"),
            (125000000, "USD", "1250000.00"),
        ],
    )
    def test_has_the_decimals_of_the_currency(
        self, amount_minor: int, currency: str, text: str
    ) -> None:
        assert format_amount(amount_minor, currency) == text

    @given(amounts, currencies)
    def test_is_read_back_as_the_same_amount(self, amount_minor: int, currency: str) -> None:
        text = format_amount(amount_minor, currency)
        assert parse_amount(text, currency, allow_negative=True) == amount_minor


class TestDisplayAmount:
    @pytest.mark.parametrize(
        ("amount_minor", "currency", "text"),
        [
            (2500, "USD", "$25.00"),
            (125000, "USD", "$1,250.00"),
            (-500, "USD", "-$5.00"),
            (2500, "EUR", "€25.00"),
            (500, "JPY", "¥500"),
            (25000, "KWD", "25.000 KWD"),
            (-123456789, "CHF", "-1,234,567.89 CHF"),
            (2500, "CAD", "CA$25.00"),
        ],
    )
    def test_reads_well(self, amount_minor: int, currency: str, text: str) -> None:
        assert display_amount(amount_minor, currency) == text


class TestApplyPercent:
    @pytest.mark.parametrize(
        ("amount_minor", "percent", "result"),
        [
            (2500, "110", 2750),
            (2500, "107.5", 2688),  # 2687.5
            (1, "50", 1),
            (1, "49.99", 0),
            (-1, "50", -1),
            (2500, "0", 0),
            (999, "102.5", 1024),  # 1023.975
        ],
    )
    def test_rounds_half_up(self, amount_minor: int, percent: str, result: int) -> None:
        assert apply_percent(amount_minor, Decimal(percent)) == result

    @given(
        st.integers(0, LARGEST_AMOUNT_MINOR),
        st.decimals(0, 1000, allow_nan=False, places=6),
    )
    # Rounded to 28 digits first, as by the default context, this one would be a half.
    @example(1, Decimal("49.9999999999999999999999999999"))
    def test_rounds_once_however_wide(self, amount_minor: int, percent: Decimal) -> None:
        exact = Fraction(amount_minor) * Fraction(percent) / 100
        assert apply_percent(amount_minor, percent) == floor(exact + Fraction(1, 2))

    @pytest.mark.parametrize("percent", ["NaN", "Infinity"])
    def test_refuses_what_is_no_number(self, percent: str) -> None:
        with pytest.raises(ValueError, match="finite"):
            apply_percent(2500, Decimal(percent))


class TestMoney:
    def test_adds_and_subtracts_one_currency(self) -> None:
        assert Money(2500, "USD") + Money(100, "USD") == Money(2600, "USD")
        assert Money(2500, "USD") - Money(2600, "USD") == Money(-100, "USD")
        assert -Money(100, "USD") == Money(-100, "USD")

    def test_refuses_to_mix_currencies(self) -> None:
        with pytest.raises(CurrencyMismatchError, match=r"USD and EUR don't mix\."):
            Money(1, "USD") + Money(1, "EUR")
        with pytest.raises(CurrencyMismatchError):
            Money(1, "USD") - Money(1, "EUR")

    def test_never_changes(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            Money(1, "USD").amount_minor = 2  # type: ignore[misc]

    def test_prints_for_people(self) -> None:
        assert str(Money(2500, "USD")) == "$25.00"
