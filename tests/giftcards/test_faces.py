"""How gift cards look on the pages of those who are given them."""

from __future__ import annotations

import pytest

from giftcards.faces import group_code, list_steps, tone_of


class TestToneOf:
    def test_is_a_brands_own_and_one_of_six(self) -> None:
        assert tone_of("Acorn Coffee") == tone_of("Acorn Coffee")
        assert {tone_of(f"Brand {number}") for number in range(50)} <= set(range(1, 7))
        assert tone_of("") == 1


class TestGroupCode:
    @pytest.mark.parametrize(
        ("code", "groups"),
        [
            ("AB12-CD34 EF", ("AB12-", "CD34 ", "EF")),
            ("AB12CD34EF", ("AB12", "CD34", "EF")),
            ("AB-", ("AB-",)),
            ("", ()),
        ],
    )
    def test_loses_no_character(self, code: str, groups: tuple[str, ...]) -> None:
        assert group_code(code) == groups
        assert "".join(groups) == code


class TestListSteps:
    def test_leaves_empty_lines_out(self) -> None:
        assert list_steps(" Show it at the till.\r\n\n  Or online. ") == (
            "Show it at the till.",
            "Or online.",
        )
