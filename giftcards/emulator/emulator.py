"""The emulator put together: one object that tests and the command line start."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from threading import Condition
from types import TracebackType
from typing import Any, Self

from alerts.emulator.exchange import Answer, Request
from alerts.emulator.journal import Journal, JournalError
from alerts.emulator.server import EmulatorServer
from giftcards.emulator.api import API_PATH, GiftCardApi
from giftcards.emulator.brands import STARTER_BRANDS, STARTER_FLOATS, Brand
from giftcards.emulator.clock import Clock
from giftcards.emulator.control import ControlPanel
from giftcards.emulator.faults import FaultScript
from giftcards.emulator.limits import RateLimiter
from giftcards.emulator.sales import JournalEntry, Sale
from giftcards.emulator.signature import Account
from giftcards.emulator.store import SALE_CAP, Store


@dataclasses.dataclass(eq=False, kw_only=True)
class Emulator:
    """Tillo on this machine, from ``start`` to ``stop`` or within a ``with`` block.

    ``port`` 0 chooses a free one. ``sectors`` are those agreed for the account; none means any.
    ``state_path`` is where sales survive a restart, ``sale_cap`` how many are remembered.
    ``rate_limit`` is how often each door may be used in a minute, ``step_delay_seconds`` how long
    an asynchronous order stays in each state. ``seed`` decides the faults with a probability.
    """

    api_key: str
    secret_key: str = dataclasses.field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    sectors: tuple[str, ...] = ()
    brands: tuple[Brand, ...] = STARTER_BRANDS
    floats: Mapping[str, Decimal] = dataclasses.field(default_factory=lambda: STARTER_FLOATS)
    state_path: Path | None = None
    sale_cap: int = SALE_CAP
    step_delay_seconds: float = 1.0
    rate_limit: int = 3000
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
            self._store = Store(
                brands={brand.slug: brand for brand in self.brands},
                floats=self.floats,
                step_delay=timedelta(seconds=self.step_delay_seconds),
                journal=Journal(self.state_path) if self.state_path else None,
                cap=self.sale_cap,
            )
        except (OSError, JournalError):
            self._server.server_close()
            raise
        self._changed = Condition()
        self._busy = 0
        self._clock = Clock()
        self._faults = FaultScript(seed=self.seed)
        self._limiter = RateLimiter(limit=self.rate_limit)
        self._api = GiftCardApi(
            account=Account(api_key=self.api_key, secret_key=self.secret_key, sectors=self.sectors),
            store=self._store,
            faults=self._faults,
            limiter=self._limiter,
            clock=self._clock,
            hold=self._server.hold,
        )
        self._control = ControlPanel(
            store=self._store,
            faults=self._faults,
            clock=self._clock,
            api=self._api,
            reset=self.reset,
        )
        self._server.start()

    def stop(self) -> None:
        """Stop listening; orders under way go on at the next start."""
        self._server.stop()
        self._store.close()

    @property
    def address(self) -> str:
        """The URL in front of ``/_control/``."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def base_url(self) -> str:
        """The URL to set as ``TILLO_BASE_URL``."""
        return self.address + API_PATH.rstrip("/")

    @property
    def request_ids(self) -> list[str]:
        """The ids of the callers' requests that the last calls belonged to, oldest first."""
        return list(self._server.request_ids)

    @property
    def requests(self) -> dict[str, int]:
        """How many authenticated requests there were, by kind."""
        return dict(self._api.requests)

    @property
    def floats_now(self) -> dict[str, Decimal]:
        """The balance of each float."""
        return self._store.floats

    def now(self) -> datetime:
        """Return the emulator's time."""
        return self._clock.now()

    def sales(self, *, request_id: str | None = None) -> list[Sale]:
        """Return the sales as they stand, oldest first, with their cards."""
        sales = self._store.sales(self._clock.now())
        return [sale for sale in sales if request_id in (None, sale.request_id)]

    def journal(self, *events: str) -> list[JournalEntry]:
        """Return what moved money, oldest first; of these events only, when some are named."""
        entries = self._store.entries(self._clock.now())
        return [entry for entry in entries if not events or entry.event in events]

    def set_faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Put these rules in the place of the old ones; none clears them.

        :raises FaultRuleError: a rule cannot be understood.
        """
        self._faults.replace(rules)

    def fault_counts(self) -> list[int]:
        """Return how often each rule struck, in their order."""
        return [rule.struck for rule in self._faults.rules]

    def set_brand_state(self, slug: str, state: str) -> None:
        """Pause, disable or enable a brand."""
        self._control.set_brand_state(slug, state)

    def set_float(self, currency: str, balance: str) -> None:
        """Put the float of a currency to this balance."""
        self._control.set_float(currency, Decimal(balance))

    def set_stock(self, slug: str, amount: str, count: int) -> None:
        """Let there be so many cards of a value."""
        self._control.set_stock(slug, Decimal(amount), count)

    def forward(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._clock.forward(seconds)

    def wait_until_quiet(self, *, timeout_seconds: float = 5.0) -> bool:
        """Wait until no request is being worked on; return whether it was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._busy, timeout_seconds)

    def reset(self) -> None:
        """Forget everything: sales, floats, stock, faults, counts and the time put forward."""
        self._faults.replace([])
        self._server.release_held()
        # What is still being sold belongs to the past: it ends before the new begins.
        self.wait_until_quiet(timeout_seconds=2.0)
        self._clock.reset()
        self._limiter.reset()
        self._store.clear()
        self._api.requests.clear()

    def _respond(self, request: Request) -> Answer:
        if request.path.startswith("/_control/"):
            return self._control.respond(request)
        with self._changed:
            self._busy += 1
        try:
            return self._api.respond(request)
        finally:
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()
