import time

import pytest

from giftcards.patterns import CodePattern, PatternError


class TestMatches:
    @pytest.mark.parametrize(
        ("pattern", "code"),
        [
            ("9999-9999-9999", "0012-3456-7890"),
            ("AAAA-99", "abCD-07"),
            ("XXXX XXXX", "A1b2 C3d4"),
            (r"\AMZN-XXXX-XXXX-XXXX", "AMZN-7Q2M-K4XW-9TPA"),
            ("4999999999999999", "4000123412341234"),
            ("GIFT(99)+.*", "GIFT(42)+.*"),
            (r"\\99\\999", r"\12\345"),
            ("Ж999-9", "Ж123-4"),
            ("", "ABCD1234"),
            ("", "a-2-c-4-"),
            ("", "A" * 40),
        ],
    )
    def test_takes_what_the_pattern_describes(self, pattern: str, code: str) -> None:
        assert CodePattern(pattern).matches(code)

    @pytest.mark.parametrize(
        ("pattern", "code"),
        [
            ("9999-9999-9999", "0012-3456-789A"),
            ("9999-9999-9999", "0012-3456-7890\n"),
            ("9999-9999-9999", "001234567890"),
            ("9999-9999-9999", "٠٠١٢-3456-7890"),
            ("AAAA-99", "ÄBCD-07"),
            (r"\AMZN-XXXX-XXXX-XXXX", "BMZN-7Q2M-K4XW-9TPA"),
            ("4999999999999999", "5000123412341234"),
            ("GIFT.99", "GIFTX42"),
            ("[A-Z]+99", "QQQQQQQQ"),
            ("", "ABCD123"),
            ("", "A" * 41),
            ("", "ABCD 1234"),
            ("", "ABCD_1234"),
            ("", "1.23E+15"),
            ("", "ABC------"),
            ("", ""),
        ],
    )
    def test_refuses_everything_else(self, pattern: str, code: str) -> None:
        assert not CodePattern(pattern).matches(code)

    @pytest.mark.parametrize(
        ("pattern", "code"),
        [
            ("(X+)+(X+)+(X+)+(X+)+(X+)+(X+)+$", "X" * 100_000 + "!"),
            ("X" * 80, "X" * 100_000),
            ("", "A-" * 50_000),
            ("", "-" * 100_000),
        ],
    )
    def test_answers_at_once_whatever_is_held_against_it(self, pattern: str, code: str) -> None:
        compiled = CodePattern(pattern)
        started = time.perf_counter()
        assert not compiled.matches(code)
        assert time.perf_counter() - started < 0.05


class TestCodePattern:
    @pytest.mark.parametrize(
        ("pattern", "words"),
        [
            ("", "8 to 40 letters, digits and dashes"),
            ("9999-9999-9999", "9999-9999-9999 (9 a digit)"),
            (r"\AMZN-XXXX", "AMZN-XXXX (X a letter or digit)"),
            ("AX-99", "AX-99 (A a letter, X a letter or digit, 9 a digit)"),
            (r"\ACME", "ACME"),
        ],
    )
    def test_says_itself_in_words(self, pattern: str, words: str) -> None:
        assert str(CodePattern(pattern)) == words

    @pytest.mark.parametrize(
        ("pattern", "message"),
        [
            ("X" * 81, "A pattern has at most 80 symbols."),
            ("9999\\", "The backslash at the end stands before nothing."),
            ("XXX-----", "A pattern has at least 4 letters or digits."),
        ],
    )
    def test_refuses_a_pattern_that_can_not_serve(self, pattern: str, message: str) -> None:
        with pytest.raises(PatternError) as caught:
            CodePattern(pattern)
        assert str(caught.value) == message
