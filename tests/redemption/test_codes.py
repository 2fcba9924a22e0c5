from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redemption.codes import (
    ALPHABET,
    CODE_SYMBOLS,
    CodeFormatError,
    check_symbol,
    find_collisions,
    format_code,
    generate_code,
    has_valid_check_symbol,
    is_well_formed,
    looks_generated,
    normalise_code,
    parse_imported_code,
)

codes = st.text(ALPHABET, min_size=12, max_size=12).map(lambda s: s + check_symbol(s))


class TestGenerateCode:
    def test_has_the_shape_and_the_check_symbol(self) -> None:
        for _ in range(200):
            code = generate_code()
            assert looks_generated(code)
            assert has_valid_check_symbol(code)
            assert normalise_code(code) == code

    def test_uses_every_symbol_at_every_place(self) -> None:
        # Of 2,000 codes one symbol is missing somewhere once in 10**25 runs.
        for symbols in zip(*(generate_code() for _ in range(2000)), strict=True):
            assert set(symbols) == set(ALPHABET)

    def test_never_repeats_itself(self) -> None:
        assert len({generate_code() for _ in range(5000)}) == 5000


class TestNormaliseCode:
    @pytest.mark.parametrize(
        "text",
        [
            "7K4M-9QTX-P2VDG",
            "7k4m9qtxp2vdg",
            " 7K4M 9QTX P2VDG\r\n",
            "7K4M\u20139QTX\u2014P2VDG",
            "7K4M\u22129QTX\u00adP2VDG",
            "\ufeff7K4M\u00a09QTX\u202fP2VDG\u200b",
            "７Ｋ４Ｍ－９ＱＴＸ－Ｐ２ＶＤＧ",
            "--7K4M--9QTX--P2VDG--",
        ],
    )
    def test_finds_one_spelling_for_all(self, text: str) -> None:
        assert normalise_code(text) == "7K4M9QTXP2VDG"

    @pytest.mark.parametrize(("typed", "read"), [("Oo", "00"), ("Il", "11"), ("iL", "11")])
    def test_reads_the_symbols_people_confuse(self, typed: str, read: str) -> None:
        assert normalise_code(typed) == read

    @pytest.mark.parametrize("text", ["A" * 257, "7K4M9QTXP2VDG" + " " * 300 + "X"])
    def test_takes_no_very_long_text_for_a_code(self, text: str) -> None:
        assert normalise_code(text) == ""

    @given(st.text())
    def test_changes_nothing_the_second_time(self, text: str) -> None:
        once = normalise_code(text)
        if is_well_formed(once):
            assert normalise_code(once) == once

    @given(codes)
    def test_finds_what_was_printed(self, code: str) -> None:
        assert normalise_code(format_code(code).lower()) == code


class TestFormatCode:
    def test_groups_our_own(self) -> None:
        assert format_code("7K4M9QTXP2VDG") == "7K4M-9QTX-P2VDG"

    @pytest.mark.parametrize("code", ["SPR1NG2026", "7K4M9QTXP2VDU", "7K4M9QTXP2VDGG", ""])
    def test_leaves_others_as_they_are(self, code: str) -> None:
        assert format_code(code) == code


class TestHasValidCheckSymbol:
    """The check is linear, so what it finds depends on the symbols changed and nothing else."""

    def test_knows_a_right_code_from_a_wrong_one(self) -> None:
        assert has_valid_check_symbol("7K4M9QTXP2VDG")
        assert not has_valid_check_symbol("7K4M9QTXP2VDH")
        assert not has_valid_check_symbol("7K4M-9QTX-P2VDG")
        assert not has_valid_check_symbol("SPR1NG2026")

    @given(codes)
    def test_finds_every_wrong_symbol(self, code: str) -> None:
        for place, symbol in itertools.product(range(CODE_SYMBOLS), ALPHABET):
            changed = code[:place] + symbol + code[place + 1 :]
            assert has_valid_check_symbol(changed) == (symbol == code[place])

    def test_finds_every_exchange_of_two_symbols(self) -> None:
        # On zeros elsewhere, which by linearity stand for any symbols.
        exchanges = 0
        for one, other in itertools.permutations(ALPHABET, 2):
            for i, j in itertools.combinations(range(12), 2):
                symbols = ["0"] * 12
                symbols[i], symbols[j] = one, other
                right = "".join(symbols)
                symbols[i], symbols[j] = other, one
                assert check_symbol(right) != check_symbol("".join(symbols))
                exchanges += 1
        assert exchanges == 32 * 31 * 66

    @given(codes)
    def test_finds_the_check_symbol_exchanged_with_any_other(self, code: str) -> None:
        for i in range(12):
            changed = list(code)
            changed[i], changed[12] = changed[12], changed[i]
            assert has_valid_check_symbol("".join(changed)) == (code[i] == code[12])

    @pytest.mark.parametrize("gap", range(1, 12))
    def test_finds_every_twin_error(self, gap: int) -> None:
        for one, other in itertools.permutations(ALPHABET, 2):
            for i in range(12 - gap):
                symbols = ["0"] * 12
                symbols[i] = symbols[i + gap] = one
                right = "".join(symbols)
                symbols[i] = symbols[i + gap] = other
                assert check_symbol(right) != check_symbol("".join(symbols))

    def test_lets_one_in_32_of_random_codes_pass(self) -> None:
        prefixes = map("".join, itertools.product(ALPHABET, repeat=2))
        assert sum(has_valid_check_symbol(f"7K4M9QTXP2V{end}") for end in prefixes) == 32


class TestParseImportedCode:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("Spring-2026", "SPR1NG2026"),
            ("0007", "0007"),
            ("a" * 64, "A" * 64),
            ("U-U-U-U", "UUUU"),
        ],
    )
    def test_takes_letters_digits_and_dashes(self, text: str, code: str) -> None:
        assert parse_imported_code(text) == code

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "A code has at least 4 letters and digits."),
            ("A-1-2", "A code has at least 4 letters and digits."),
            ("A" * 65, "A code has at most 64 letters and digits."),
            ("A" * 5000, "A code has at most 64 letters and digits."),
            ("AB_CD", "A code has only letters A to Z, digits and dashes."),
            ("ÄBCD", "A code has only letters A to Z, digits and dashes."),
            ("1.23E+15", "A code has only letters A to Z, digits and dashes."),
            ("ABCD\x00", "A code has only letters A to Z, digits and dashes."),
            ("١٢٣٤٥", "A code has only letters A to Z, digits and dashes."),
            ("\ud800ABCD", "A code has only letters A to Z, digits and dashes."),
        ],
    )
    def test_refuses_others_with_a_sentence(self, text: str, sentence: str) -> None:
        with pytest.raises(CodeFormatError) as caught:
            parse_imported_code(text)
        assert str(caught.value) == sentence


class TestFindCollisions:
    def test_lists_the_spellings_that_are_one_code(self) -> None:
        assert find_collisions(["ABO1", "XYZ9", "AB-01", "ab0i", "XYZ9"]) == {
            "AB01": ["ABO1", "AB-01", "ab0i"]
        }
