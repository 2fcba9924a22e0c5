"""What the emulator remembers: intents, refunds, and what was answered under each key.

With a journal it is remembered longer than the process lives.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from threading import RLock
from typing import Any, Final

from alerts.emulator.journal import Journal

# Stripe's own test cards, and what becomes of them; any other pm_card_… pays.
DECLINED: Final = {
    "pm_card_visa_chargeDeclined": "generic_decline",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_visa_chargeDeclinedLostCard": "lost_card",
    "pm_card_authenticationRequired": "authentication_required",
}
CARD: Final = "pm_card_"
_DIGITS: Final = 8


class RefusalError(Exception):
    """The request is answered with one of Stripe's errors."""

    def __init__(self, status: int, kind: str, code: str = "", **more: Any) -> None:
        super().__init__(kind, code)
        self.status = status
        told = {"code": code} if code else {}
        self.body = {"error": {"type": kind, "message": code or kind, **told, **more}}


@dataclasses.dataclass(kw_only=True)
class Intent:
    """A PaymentIntent."""

    id: str
    amount: int
    currency: str
    metadata: dict[str, str]
    description: str = ""
    status: str = "requires_payment_method"
    decline_code: str = ""
    refunded: int = 0

    def resource(self) -> dict[str, Any]:
        """Print it as Stripe does, as far as anybody looks."""
        error = None
        if self.decline_code:
            error = {
                "type": "card_error",
                "code": "card_declined",
                "decline_code": self.decline_code,
            }
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_received": self.amount if self.status == "succeeded" else 0,
            "currency": self.currency,
            "description": self.description,
            "last_payment_error": error,
            "livemode": False,
            "metadata": self.metadata,
            "status": self.status,
        }


@dataclasses.dataclass(kw_only=True)
class Refund:
    """A refund of an intent."""

    id: str
    intent_id: str
    amount: int
    metadata: dict[str, str]
    status: str = "succeeded"

    def resource(self) -> dict[str, Any]:
        """Print it as Stripe does, as far as anybody looks."""
        return {
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "metadata": self.metadata,
            "payment_intent": self.intent_id,
            "status": self.status,
        }


class Store:
    """Intents and refunds; ``lock`` is held while one is looked at and changed."""

    def __init__(self, journal: Journal | None = None) -> None:
        """Begin with what the journal has.

        :raises JournalError: it is damaged.
        """
        self.lock = RLock()
        self._file: Journal | None = None
        self._forget()
        if journal is not None:
            for entry in journal.entries():
                self._replay(entry)
            journal.rewrite(self._snapshot())
        self._file = journal

    def clear(self) -> None:
        with self.lock:
            self._forget()
            if self._file is not None:
                self._file.rewrite([])

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _forget(self) -> None:
        self.intents: dict[str, Intent] = {}
        self.refunds: dict[str, Refund] = {}
        # By key: what was asked, and the status and body that were answered.
        self.answers: dict[str, tuple[str, tuple[int, dict[str, Any]]]] = {}
        self._numbers = itertools.count(1)

    def keep(self, thing: Intent | Refund) -> None:
        """Remember an intent or a refund as it now is."""
        if isinstance(thing, Intent):
            self.intents[thing.id] = thing
        else:
            self.refunds[thing.id] = thing
        self._write(_entry(thing))

    def keep_answer(self, key: str, *, asked: str, answer: tuple[int, dict[str, Any]]) -> None:
        """Remember what a key was answered with."""
        self.answers[key] = (asked, answer)
        self._write({"answer": [key, asked, *answer]})

    def new_id(self, prefix: str) -> str:
        """Return an id that was never given."""
        return f"{prefix}_emulated{next(self._numbers):0{_DIGITS}d}"

    def intent(self, intent_id: str) -> Intent:
        """Return an intent.

        :raises RefusalError: there is none.
        """
        if intent_id not in self.intents:
            raise RefusalError(404, "invalid_request_error", "resource_missing")
        return self.intents[intent_id]

    def _replay(self, entry: dict[str, Any]) -> None:
        ((kind, value),) = entry.items()
        if kind == "answer":
            self.answers[value[0]] = (value[1], (value[2], value[3]))
            return
        self.keep(Intent(**value) if kind == "intent" else Refund(**value))
        self._numbers = itertools.count(int(value["id"][-_DIGITS:]) + 1)

    def _snapshot(self) -> Iterator[dict[str, Any]]:
        things: list[Intent | Refund] = [*self.intents.values(), *self.refunds.values()]
        # The last one has the highest number, which the next start goes on from.
        yield from map(_entry, sorted(things, key=lambda thing: thing.id[-_DIGITS:]))
        for key, (asked, answer) in self.answers.items():
            yield {"answer": [key, asked, *answer]}

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.append(entry)


def _entry(thing: Intent | Refund) -> dict[str, Any]:
    return {type(thing).__name__.lower(): dataclasses.asdict(thing)}
