"""How the words of an error code are held and filled in."""

from __future__ import annotations

import dataclasses
import enum
import math
import re
from typing import Self

from django.utils.translation import gettext

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explanation:
    """One line of the catalogue, with its words for each reader.

    ``customer`` and ``waiting`` (said when the code is the reason of a 202, not a refusal) may
    contain ``{support_phone}``, ``{minutes}`` and ``{hours}``. ``operator`` says what the code
    means and ``action`` what an operator does about it.

    :param minutes: when to try again, unless the caller knows better.
    :param hours: how long a waiting reward takes at most, unless the caller knows better.
    """

    code: str
    status: int
    title: str
    customer: str
    operator: str
    action: str
    waiting: str = ""
    other_statuses: tuple[int, ...] = ()
    minutes: int = 30
    hours: int = 24


class ExplainedCode(enum.Enum):
    """A code that carries its explanation; its value is the printed code."""

    _value_: str

    def __new__(cls, explanation: Explanation) -> Self:
        member = object.__new__(cls)
        member._value_ = explanation.code
        return member

    def __init__(self, explanation: Explanation) -> None:
        self.explanation = explanation
        self.code = explanation.code
        self.status = explanation.status
        self.title = explanation.title
        self.customer = explanation.customer
        self.waiting = explanation.waiting
        self.operator = explanation.operator
        self.action = explanation.action
        self.sqlstate = explanation.code.replace("-", "")

    def __str__(self) -> str:
        return self.code

    @classmethod
    def from_code(cls, code: str) -> Self:
        """Find the member printed as ``code`` (``"GC-010"``).

        :raises ValueError: there is none.
        """
        return cls(code)  # type: ignore[arg-type]  # calling an enum means looking up its value

    @classmethod
    def from_sqlstate(cls, sqlstate: str | None) -> Self | None:
        """Find the member that our database functions raise as ``sqlstate`` (``"GC010"``)."""
        return next((member for member in cls if member.sqlstate == sqlstate), None)

    def customer_words(
        self,
        *,
        support_phone: str = "",
        minutes: float | None = None,
        hours: float | None = None,
        is_waiting: bool = False,
        instead: str = "",
    ) -> str:
        """Print the customer's words in the active language.

        :param minutes: when to try again, where it is known better than the catalogue does.
        :param hours: when a waiting reward comes at the latest, where it is known better.
        :param is_waiting: the code is the reason of a 202, not a refusal.
        :param instead: other words than the catalogue's, for whom those would puzzle.
        """
        return fill_words(
            instead or (is_waiting and self.waiting) or self.customer,
            support_phone=support_phone,
            minutes=self.explanation.minutes if minutes is None else minutes,
            hours=self.explanation.hours if hours is None else hours,
        )


def fill_words(words: str, *, support_phone: str, minutes: float, hours: float) -> str:
    """Translate ``words`` and put the values into their placeholders.

    A sentence that asks to call an unknown support phone is left out, so every text of the
    catalogue makes sense without such sentences.

    :param minutes: rounded up, and never printed as less than 2, so that the plural is right.
    :param hours: as ``minutes``.
    """
    values = {
        "support_phone": support_phone,
        "minutes": str(max(2, math.ceil(minutes))),
        "hours": str(max(2, math.ceil(hours))),
    }
    # Values are put in after the sentences are parted, and in one pass: a support phone may hold
    # a dot or a brace without cutting a sentence or asking for another value.
    return " ".join(
        _PLACEHOLDER.sub(lambda match: values[match[1]], sentence)
        for sentence in _SENTENCE_END.split(gettext(words))
        if all(values[name] for name in _PLACEHOLDER.findall(sentence))
    )
