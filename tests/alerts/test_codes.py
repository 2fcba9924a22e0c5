from __future__ import annotations

import re

import pytest
from django.utils import translation

from alerts.codes import ErrorCode
from alerts.explanations import fill_words

# From the tables of the specification: every code with its status as an error (GC-103 is only
# ever the reason of a 202; GC-117 answers with 405, 406 or 415).
STATUSES = {
    "GC-001": 400, "GC-002": 400, "GC-003": 409, "GC-004": 503, "GC-005": 502, "GC-006": 402,
    "GC-007": 500, "GC-008": 400, "GC-009": 403, "GC-010": 409, "GC-011": 404, "GC-012": 400,
    "GC-013": 500, "GC-014": 502, "GC-015": 500, "GC-101": 429, "GC-102": 403, "GC-103": 202,
    "GC-104": 409, "GC-105": 409, "GC-106": 410, "GC-107": 422, "GC-108": 409, "GC-109": 401,
    "GC-110": 403, "GC-111": 404, "GC-112": 422, "GC-113": 402, "GC-114": 409, "GC-115": 409,
    "GC-116": 413, "GC-117": 405,
}  # fmt: skip

# What only insiders say; a customer must never read it.
INNER_WORDS = re.compile(
    r"\b(GC-?\d|error|exception|null|pool|ledger|provider|database|campaign|provision\w*|"
    r"recipient|api|sql\w*|server|timeout|idempoten\w*|invalid|failed|failure|denied|forbidden|"
    r"credit|balance|budget|stock|scope|webhook|trace|sku)\b",
    re.IGNORECASE,
)

every_code = pytest.mark.parametrize("code", ErrorCode, ids=str)


class TestErrorCode:
    def test_is_exactly_the_specified_table(self) -> None:
        assert {code.code: code.status for code in ErrorCode} == STATUSES

    @every_code
    def test_is_found_by_its_printed_code(self, code: ErrorCode) -> None:
        assert ErrorCode.from_code(code.code) is code
        assert str(code) == code.code

    def test_refuses_a_code_it_does_not_have(self) -> None:
        with pytest.raises(ValueError, match="GC-999"):
            ErrorCode.from_code("GC-999")

    def test_knows_the_other_statuses_of_a_code(self) -> None:
        others = {
            code.code: code.explanation.other_statuses
            for code in ErrorCode
            if code.explanation.other_statuses
        }
        assert others == {
            "GC-003": (202,),
            "GC-005": (202,),
            "GC-009": (202,),
            "GC-117": (406, 415),
        }

    @every_code
    def test_has_words_for_every_reader(self, code: ErrorCode) -> None:
        assert 5 <= len(code.title) <= 40
        for words in (code.customer, code.operator, code.action):
            assert words.endswith(".")
            assert "  " not in words
        assert len(code.customer) <= 260

    @every_code
    def test_tells_customers_nothing_of_the_inside(self, code: ErrorCode) -> None:
        for words in (code.title, code.customer, code.waiting):
            assert INNER_WORDS.search(words) is None, words

    @every_code
    def test_asks_only_for_values_it_is_given(self, code: ErrorCode) -> None:
        placeholders = set(re.findall(r"\{(.*?)\}", code.customer + code.waiting + code.title))
        assert placeholders <= {"support_phone", "minutes", "hours"}


class TestFromSqlstate:
    @every_code
    def test_finds_the_code_that_the_database_raises(self, code: ErrorCode) -> None:
        assert code.sqlstate == code.code.replace("-", "")
        assert len(code.sqlstate) == 5
        assert ErrorCode.from_sqlstate(code.sqlstate) is code

    @pytest.mark.parametrize("sqlstate", ["23505", "GC999", "GC-010", "", None])
    def test_gives_none_for_any_other_state(self, sqlstate: str | None) -> None:
        assert ErrorCode.from_sqlstate(sqlstate) is None


class TestCustomerWords:
    def test_puts_the_values_in(self) -> None:
        words = ErrorCode.OUT_OF_STOCK.customer_words(support_phone="1-800-0100", minutes=45)
        assert words == (
            "We have run out of these gift cards for the moment, and our team has been told. "
            "Your code is safe: please try again in 45 minutes. "
            "If you would rather talk to us, call 1-800-0100."
        )

    def test_says_something_else_while_the_reward_waits(self) -> None:
        words = ErrorCode.OUT_OF_STOCK.customer_words(is_waiting=True)
        assert words == (
            "We have run out of these gift cards for the moment, and our team has been told. "
            "Your reward is kept for you and will reach you within 24 hours, "
            "without anything more to do."
        )

    def test_has_one_text_for_what_only_ever_waits(self) -> None:
        approval = ErrorCode.AWAITING_APPROVAL
        assert approval.customer_words(is_waiting=True) == approval.customer_words()

    def test_gives_a_short_wait_after_too_many_attempts(self) -> None:
        assert ErrorCode.RATE_LIMITED.customer_words() == (
            "That was a lot of attempts in a short time. Please wait 5 minutes and try again."
        )

    @every_code
    def test_never_asks_to_call_nobody(self, code: ErrorCode) -> None:
        for is_waiting in (False, True):
            words = code.customer_words(is_waiting=is_waiting)
            assert words
            assert "call" not in words
            assert "?" not in words
            assert "{" not in words

    @every_code
    def test_is_whole_in_any_language(self, code: ErrorCode) -> None:
        with translation.override("es"):
            assert "{" not in code.customer_words(support_phone="1-800-0100")


class TestFillWords:
    @pytest.mark.parametrize(
        ("minutes", "printed"), [(0.0, "2"), (1.0, "2"), (4.2, "5"), (30.0, "30")]
    )
    def test_rounds_up_to_a_plural(self, minutes: float, printed: str) -> None:
        filled = fill_words("Wait {minutes} minutes.", support_phone="", minutes=minutes, hours=1)
        assert filled == f"Wait {printed} minutes."

    def test_puts_a_value_in_once_as_it_is(self) -> None:
        filled = fill_words(
            "Call {support_phone}. Thanks.", support_phone="{hours}. x? {y}", minutes=1, hours=1
        )
        assert filled == "Call {hours}. x? {y}. Thanks."
