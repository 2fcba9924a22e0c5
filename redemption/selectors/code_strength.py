"""How strong the codes of a campaign are, in words, and who still holds an unused one."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal

from django.db.models import Exists, OuterRef, QuerySet

from redemption.models import Campaign, Recipient, Redemption
from redemption.strength import ENOUGH_ENTROPY_BITS

# What a code has that is made here: 12 symbols of 32.
GENERATED_BITS: Final = 60
# One per second is what an attacker gets past the guard with a lot of addresses, for ever.
_GUESSES_A_YEAR: Final = 31_557_600

Level = Literal["strong", "enough", "weak"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CodeStrength:
    """The strength of a campaign's weakest codes.

    :param bits: bits of chance in each, an upper bound for codes that were not made here.
    :param percent: how much of a bar is filled, whose half is what is enough.
    """

    bits: int
    level: Level
    percent: int
    words: str


def strength_of(campaign: Campaign) -> CodeStrength:
    """Return how hard the weakest codes of a campaign are to guess."""
    bits = GENERATED_BITS if campaign.imported_code_bits is None else campaign.imported_code_bits
    level: Level = (
        "weak" if bits < ENOUGH_ENTROPY_BITS else "strong" if bits >= GENERATED_BITS else "enough"
    )
    return CodeStrength(
        bits=bits,
        level=level,
        percent=min(100, round(bits * 100 / (2 * ENOUGH_ENTROPY_BITS))),
        words=_words(campaign, bits, level),
    )


def _words(campaign: Campaign, bits: int, level: Level) -> str:
    origin = (
        "made here"
        if campaign.imported_code_bits is None
        else "the weakest of those that were imported"
    )
    count = f"{bits} bits of chance ({origin})"
    if level == "weak":
        asked = campaign.get_second_factor_display().lower()
        return (
            f"Can be guessed: {count}, and {ENOUGH_ENTROPY_BITS} are needed. With so many codes "
            f"in use, trying for a while finds one, so the campaign also asks for the {asked}, "
            "and can't do without."
        )
    years = 2**bits / max(1, _GUESSES_A_YEAR) / 1_000_000
    return (
        f"{'Strong' if level == 'strong' else 'Strong enough'}: {count}. One guess a second would "
        f"find one of a million codes after {_round(years)} years on average."
    )


def _round(years: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if years >= size:
            return f"{years / size:,.0f} {word}"
    return f"{years:,.0f}"


def unused_recipients(campaign: Campaign) -> QuerySet[Recipient]:
    """Return who holds a code that is worth something: not a test, not used, not turned down."""
    used = Redemption.objects.filter(recipient=OuterRef("pk")).exclude(
        state=Redemption.State.FAILED
    )
    return (
        Recipient.objects.filter(~Exists(used), campaign=campaign, is_test=False)
        .exclude(approval=Recipient.Approval.REJECTED)
        .order_by("pk")
    )
