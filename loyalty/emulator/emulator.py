"""The emulator as a whole: what it is told, and what can be seen of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from alerts.emulator.control import ControlPanel
from alerts.emulator.exchange import Answer, Request
from alerts.emulator.journal import Journal, JournalError
from alerts.emulator.server import EmulatorServer
from loyalty.emulator.api import PaymentsApi
from loyalty.emulator.faults import FaultScript
from loyalty.emulator.store import Store


@dataclasses.dataclass(eq=False, kw_only=True)
class Emulator:
    """Stripe on this machine, from ``start`` to ``stop`` or within a ``with`` block.

    ``port`` 0 chooses a free one; ``state_path`` is where payments survive a restart; ``seed``
    decides the faults that have a probability.
    """

    api_key: str = dataclasses.field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    state_path: Path | None = None
    seed: int = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Read the state and listen.

        :raises OSError: the port is taken.
        :raises JournalError: the state file is damaged.
        """
        # The port first: of two emulators told to use the same one, the second must not have
        # touched the state file.
        self._server = EmulatorServer((self.host, self.port), self._respond)
        try:
            self._store = Store(Journal(self.state_path) if self.state_path else None)
        except (OSError, JournalError):
            self._server.server_close()
            raise
        self._faults = FaultScript(seed=self.seed)
        self._api = PaymentsApi(api_key=self.api_key, store=self._store, faults=self._faults)
        self._control = ControlPanel(
            faults=self._faults,
            reset=self.reset,
            routes={
                ("GET", "health"): lambda _: Answer(
                    payload={"status": "ok", "requests": self.requests}
                ),
                ("GET", "payments"): lambda _: Answer(payload=self.payments()),
                ("GET", "refunds"): lambda _: Answer(payload=self.refunds()),
                ("POST", "settle"): self._settle,
            },
        )
        self._server.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.stop()
        self._store.close()

    @property
    def base_url(self) -> str:
        """The URL to set as STRIPE_API_BASE_URL."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def requests(self) -> dict[str, int]:
        """How many authenticated requests there were: create, retrieve, cancel, search, refund."""
        return dict(self._api.requests)

    def payments(self) -> list[dict[str, Any]]:
        """Return the intents as Stripe prints them, oldest first."""
        with self._store.lock:
            return [intent.resource() for intent in self._store.intents.values()]

    def refunds(self) -> list[dict[str, Any]]:
        """Return the refunds as Stripe prints them, oldest first."""
        with self._store.lock:
            return [refund.resource() for refund in self._store.refunds.values()]

    def taken(self) -> int:
        """Return how much was taken, less what was given back."""
        with self._store.lock:
            return sum(
                intent.amount - intent.refunded
                for intent in self._store.intents.values()
                if intent.status == "succeeded"
            )

    def settle(self, *, status: str = "succeeded") -> None:
        """Give every payment and refund an end that is still processed."""
        with self._store.lock:
            for intent in self._store.intents.values():
                if intent.status == "processing":
                    intent.status = status
                    self._store.keep(intent)
            for refund in self._store.refunds.values():
                if refund.status == "pending":
                    refund.status = status
                    self._store.keep(refund)

    def forget_keys(self) -> None:
        """Forget what was answered under each idempotency key, as Stripe does after a day."""
        with self._store.lock:
            self._store.answers.clear()

    def set_faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in the place of the old ones; none clears them.

        :raises FaultRuleError: a rule cannot be understood.
        """
        self._faults.replace(rules)

    def release(self) -> None:
        """Let every answer go that is being held back."""
        self._server.release_held()

    def reset(self) -> None:
        """Forget everything: payments, refunds, keys, faults, counts and what is held back."""
        self._faults.replace([])
        self._server.release_held()
        self._store.clear()
        self._api.requests.clear()

    def _settle(self, request: Request) -> Answer:
        self.settle(status=str(request.fields.get("status", "succeeded")))
        return Answer(payload={"status": "ok"})

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith("/_control/"):
            return self._control.respond(request)
        return self._api.respond(request)
