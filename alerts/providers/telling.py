"""What a notice says, and what can go wrong when it is handed over."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from uuid import UUID


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What is told: the same words in every try."""

    # The same in every try, so that a receiver knows a repeat for one.
    delivery_id: UUID
    event: str
    # The event in words: "Raised", "Reminder 2".
    headline: str
    severity: str
    kind: str
    subject: str
    text: str
    # Where to look, and what to do about it.
    url: str
    runbook_url: str
    alert_id: UUID | None
    client_id: UUID | None
    happened_at: datetime


@dataclasses.dataclass(eq=False)
class NotTakenError(Exception):
    """A notice was not taken, as far as we know.

    :param reason: for people; it quotes neither the address nor the answer.
    :param is_permanent: another try would be answered alike.
    :param retry_after_seconds: what the receiver asked us to wait.
    """

    reason: str
    is_permanent: bool = False
    retry_after_seconds: float = 0.0

    def __str__(self) -> str:
        return self.reason


@dataclasses.dataclass(eq=False)
class UnforeseenError(NotTakenError):
    """A mistake of ours kept a notice from being sent, whatever it was.

    :param reason: its type and where it came about; never its own words, which may quote secrets.
    """
