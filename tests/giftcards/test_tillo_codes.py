"""The table of Tillo's codes, and what becomes of an order by each of them."""

import pytest

from giftcards.emulator import Emulator
from giftcards.providers.outcomes import (
    Failure,
    NoMoney,
    RouteClosed,
    SetUpWrong,
    Sold,
    TryAgain,
    Unknown,
)
from giftcards.providers.tillo import Tillo
from giftcards.providers.tillo_codes import CODES, classify_code
from tests.giftcards.tillo_fixture import new_order

# By hand, from the published reference: not by the table that is tested.
SENT_AGAIN = ("600", "602", "603", "604", "715", "729")
CLOSED = ("072", "706", "709", "713", "719", "720", "723", "725", "726")
SET_UP = ("070", "210", "433", "434", "704", "708", "712", "714", "721", "722")
EXPECTED: dict[str, Failure] = {
    **{code: TryAgain(code) for code in SENT_AGAIN},
    **{code: RouteClosed(code) for code in CLOSED},
    **{code: SetUpWrong(code) for code in SET_UP},
    "211": TryAgain("211", may_be_done=False),
    "610": NoMoney("610"),
    "615": NoMoney("615"),
}


class TestClassifyCode:
    @pytest.mark.parametrize("http_status", [200, 400, 401, 422, 500, 503])
    @pytest.mark.parametrize("code", EXPECTED)
    def test_looks_at_the_code_alone(self, code: str, http_status: int) -> None:
        assert classify_code(code, http_status=http_status) == EXPECTED[code]

    def test_knows_999_by_its_status(self) -> None:
        assert classify_code("999", http_status=500) == TryAgain("999")
        assert classify_code("999", http_status=422) == Unknown("code 999")

    @pytest.mark.parametrize("code", ["100", "717", "724", "730", "abc"])
    def test_takes_a_code_nobody_told_us_of_for_no_answer(self, code: str) -> None:
        assert classify_code(code, http_status=422) == Unknown(f"code {code}")

    def test_says_how_long_to_stay_away(self) -> None:
        outcome = classify_code("729", http_status=400, retry_after_seconds=3.0)
        assert outcome == TryAgain("729", 3.0)

    def test_covers_the_reference_and_our_own_three(self) -> None:
        assert set(CODES) == {*EXPECTED, "999", "unreachable", "429", "amount"}


class TestIssue:
    @pytest.mark.parametrize("code", EXPECTED)
    def test_ends_by_the_code_over_the_wire(
        self, tillo: Tillo, tillo_emulator: Emulator, code: str
    ) -> None:
        tillo_emulator.set_faults([{"action": "error", "code": code}])
        assert tillo.issue(new_order()) == EXPECTED[code]
        assert tillo_emulator.sales() == []

    @pytest.mark.parametrize("code", [*SENT_AGAIN, "999"])
    def test_finds_the_card_by_the_same_id_after_a_refusal_that_hid_it(
        self, tillo: Tillo, tillo_emulator: Emulator, code: str
    ) -> None:
        rule = {"match": {"nth": 1}, "action": "error", "code": code, "sold": True}
        tillo_emulator.set_faults([rule])
        order = new_order()
        assert tillo.issue(order) == TryAgain(code)
        outcome = tillo.issue(order)
        assert isinstance(outcome, Sold)
        assert [outcome.card.code] == [sale.code for sale in tillo_emulator.sales()]
