from __future__ import annotations

import random  # noqa: TID251  a seeded one, for the same codes in each run

import pytest

from redemption.codes import generate_code, normalise_code
from redemption.strength import are_guessable, estimate_entropy_bits


def sample(pattern: str, count: int = 1000) -> list[str]:
    """Codes of a pattern: # is a digit, x a hexadecimal one, ? a letter, * either."""
    alphabets = {
        "#": "0123456789",
        "x": "0123456789ABCDEF",
        "?": "ABCDEFGHJKMNPQRSTUVWXYZ",
        "*": "0123456789ABCDEFGHJKMNPQRSTUVWXYZ",
    }
    chance = random.Random(pattern)
    return [
        normalise_code("".join(chance.choice(alphabets.get(c, c)) for c in pattern))
        for _ in range(count)
    ]


class TestEstimateEntropyBits:
    @pytest.mark.parametrize("count", [1, 3, 20, 1000])
    def test_gives_60_for_our_own(self, count: int) -> None:
        bits = estimate_entropy_bits(generate_code() for _ in range(count))
        # Of a few codes, a place may be the same in all by chance, but hardly ever.
        assert bits == pytest.approx(60.0)

    @pytest.mark.parametrize(
        ("pattern", "bits"),
        [
            ("########", 26.58),
            ("PR0M0########", 26.58),
            ("xxxxxxxxxxxx", 48.0),
            ("????????", 36.19),
            ("***********", 55.49),
            ("AB##**", 16.73),
            ("ABCD", 0.0),
        ],
    )
    def test_counts_what_varies(self, pattern: str, bits: float) -> None:
        assert estimate_entropy_bits(sample(pattern)) == pytest.approx(bits, abs=0.01)

    def test_takes_one_code_as_it_looks(self) -> None:
        assert estimate_entropy_bits(["12345678"]) == pytest.approx(26.58, abs=0.01)
        assert estimate_entropy_bits(["AAAAAAAAAAAAAAA"]) == pytest.approx(60.0)

    def test_lets_the_weakest_of_several_lengths_count(self) -> None:
        mixed = sample("**************") + sample("######")
        assert estimate_entropy_bits(mixed) == pytest.approx(19.93, abs=0.01)

    def test_gives_0_for_none(self) -> None:
        assert estimate_entropy_bits([]) == 0.0


class TestAreGuessable:
    def test_asks_for_a_second_factor_under_50_bits(self) -> None:
        assert are_guessable(sample("xxxxxxxxxxxx"))
        assert are_guessable(["12345678"])
        assert not are_guessable(sample("***********"))
        assert not are_guessable([generate_code()])
