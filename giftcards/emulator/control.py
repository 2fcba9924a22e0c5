"""The emulator's own doors, under ``/_control/``: nothing of this exists at Tillo."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from alerts.emulator import control
from alerts.emulator.exchange import Answer, Request
from giftcards.emulator.api import GiftCardApi
from giftcards.emulator.brands import STATES
from giftcards.emulator.clock import Clock
from giftcards.emulator.faults import FaultScript
from giftcards.emulator.sales import JournalEntry, Sale
from giftcards.emulator.store import Store

MOST = Decimal(10) ** 12


class ControlPanel(control.ControlPanel):
    """Answers requests to ``/_control/``."""

    def __init__(
        self,
        *,
        store: Store,
        faults: FaultScript,
        clock: Clock,
        api: GiftCardApi,
        reset: Callable[[], None],
    ) -> None:
        super().__init__(
            faults=faults,
            reset=reset,
            routes={
                ("GET", "health"): self._show_health,
                ("GET", "sales"): self._list_sales,
                ("GET", "journal"): self._list_entries,
                ("POST", "brands"): self._set_brand_state,
                ("POST", "floats"): self._set_floats,
                ("POST", "stock"): self._set_stock,
                ("POST", "clock"): self._put_clock_forward,
            },
        )
        self._store = store
        self._clock = clock
        self._api = api

    def set_brand_state(self, slug: str, state: str) -> None:
        """Pause, disable or enable a brand.

        :raises ValueError: there is no such brand or state.
        """
        if slug not in self._store.brands or state not in STATES:
            raise ValueError(f"a known brand, and one of {', '.join(STATES)}")
        self._store.set_brand_state(slug, state)

    def set_float(self, currency: str, balance: Decimal) -> None:
        """Put the float of a currency to this balance.

        :raises ValueError: it is no amount.
        """
        self._store.set_float(currency, _check_amount(balance))

    def set_stock(self, slug: str, amount: Decimal, count: int) -> None:
        """Let there be so many cards of a value.

        :raises ValueError: there is no such brand or value, or its stock is not counted.
        """
        if (slug, amount) not in self._store.stock or type(count) is not int or count < 0:
            raise ValueError("a brand with stock, one of its values, and how many there are")
        self._store.set_stock(slug, amount, count)

    def _show_health(self, _request: Request) -> Answer:
        now = self._clock.now()
        return Answer(
            payload={
                "status": "ok",
                "now": now.isoformat(),
                "sales": len(self._store.sales(now)),
                "floats": {name: str(value) for name, value in self._store.floats.items()},
                "requests": dict(self._api.requests),
            }
        )

    def _list_sales(self, request: Request) -> Answer:
        wanted = request.query
        sales = [
            sale
            for sale in self._store.sales(self._clock.now())
            if wanted.get("request_id", sale.request_id) == sale.request_id
            and wanted.get("brand", sale.brand) == sale.brand
        ]
        return Answer(payload=[_describe_sale(sale) for sale in sales])

    def _list_entries(self, _request: Request) -> Answer:
        entries = self._store.entries(self._clock.now())
        return Answer(payload=[_describe_entry(entry) for entry in entries])

    def _set_brand_state(self, request: Request) -> Answer:
        asked = _object(request.json())
        self.set_brand_state(asked["slug"], asked["status"])
        return Answer(payload={"status": "ok"})

    def _set_floats(self, request: Request) -> Answer:
        for currency, balance in _object(request.json()).items():
            self.set_float(currency, Decimal(str(balance)))
        return Answer(payload={name: str(value) for name, value in self._store.floats.items()})

    def _set_stock(self, request: Request) -> Answer:
        asked = _object(request.json())
        self.set_stock(asked["brand"], Decimal(str(asked["amount"])), asked["count"])
        return Answer(payload={"status": "ok"})

    def _put_clock_forward(self, request: Request) -> Answer:
        self._clock.forward(float(_object(request.json())["forward_seconds"]))
        return Answer(payload={"now": self._clock.now().isoformat()})


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object is expected")  # noqa: TRY004  the answer is 400 either way
    return value


def _check_amount(amount: Decimal) -> Decimal:
    if not amount.is_finite() or not 0 <= amount < MOST:
        raise ValueError(f"an amount from 0 to {MOST}")
    return amount


def _describe_sale(sale: Sale) -> dict[str, Any]:
    # Of the card only its end: whoever wants all of it buys it.
    names = ("request_id", "reference", "brand", "currency", "status", "is_asynchronous")
    return {
        **{name: getattr(sale, name) for name in names},
        "amount": f"{sale.amount:.2f}",
        "cost": f"{sale.cost:.2f}",
        "last4": sale.code[-4:],
        "sold_at": sale.sold_at.isoformat(),
    }


def _describe_entry(entry: JournalEntry) -> dict[str, Any]:
    amounts = {"amount": f"{entry.amount:.2f}", "cost": f"{entry.cost:.2f}"}
    return {**vars(entry), **amounts, "at": entry.at.isoformat()}
