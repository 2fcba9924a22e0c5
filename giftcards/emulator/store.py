"""What the emulator remembers: sales, floats, stock, and the answers it has to repeat."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Lock
from typing import Any, Final

from alerts.emulator.journal import Journal
from giftcards.emulator.brands import STARTER_STOCK, Brand
from giftcards.emulator.refusals import RefusalError
from giftcards.emulator.sales import AT_WORK, JournalEntry, Sale, from_record, to_record

SALE_CAP: Final = 20_000
LINES_PER_SALE: Final = 10


class Store:
    """Everything that changes, behind one lock, and mirrored to a file when there is one.

    Past ``cap`` the oldest sale is forgotten, and the answer to its request with it.
    """

    def __init__(
        self,
        *,
        brands: Mapping[str, Brand],
        floats: Mapping[str, Decimal],
        step_delay: timedelta,
        journal: Journal | None = None,
        cap: int = SALE_CAP,
    ) -> None:
        self._lock = Lock()
        self._first_brands, self._first_floats = dict(brands), dict(floats)
        self._step_delay = step_delay
        self._cap = cap
        self._file = journal
        self._start_afresh()
        if journal is not None:
            for entry in journal.entries():
                self._replay(entry)
            journal.rewrite(self._snapshot())

    def begin(self, request_id: str, fingerprint: str) -> dict[str, Any] | None:
        """Start to work on a request; return its first answer when it had one.

        :raises RefusalError: 708, the id had another content; 729, it is being worked on.
        """
        with self._lock:
            answered = self._answers.get(request_id)
            known = answered[0] if answered else self._in_work.get(request_id, fingerprint)
            if known != fingerprint:
                raise RefusalError("708")
            if answered is not None:
                return answered[1]
            if request_id in self._in_work:
                raise RefusalError("729")
            self._in_work[request_id] = fingerprint
            return None

    def end(self, request_id: str, answer: dict[str, Any] | None) -> None:
        """Remember the answer to repeat; None lets the same request be tried anew."""
        with self._lock:
            fingerprint = self._in_work.pop(request_id, None)
            if answer is None or fingerprint is None:
                return
            self._answers[request_id] = (fingerprint, answer)
            if len(self._answers) > self._cap:
                del self._answers[next(iter(self._answers))]
            self._write({"answer": [request_id, fingerprint, answer]})

    def sell(self, sale: Sale) -> Decimal:
        """Take the money and the stock of a sale, and return what is left of the float.

        :raises RefusalError: 610, the float is too low; 725, there is no stock.
        """
        with self._lock:
            balance = self._floats.get(sale.currency, Decimal(0)) - sale.cost
            key = sale.brand, sale.amount
            has_stock = self._brands[sale.brand].has_stock
            if has_stock and not self._stock[key]:
                raise RefusalError("725", sale.brand)
            if balance < 0:
                raise RefusalError("610")
            # The sale first: killed in between, it is better known than paid for.
            self._put(sale)
            if has_stock:
                self._set_stock(key, self._stock[key] - 1)
            self._set_float(sale.currency, balance)
            self._note("ordered" if sale.is_asynchronous else "sold", sale, sale.sold_at)
            return balance

    def undo(self, sale: Sale, *, event: str, undone_by: str, now: datetime) -> Decimal:
        """Give the money of a sale back, and return what the float is then.

        :raises RefusalError: 100, it was taken back meanwhile.
        """
        with self._lock:
            if self._sales[sale.request_id].status != "SUCCESS":
                raise RefusalError("100", "The gift code has already been cancelled")
            balance = self._floats[sale.currency] + sale.cost
            self._set_float(sale.currency, balance)
            self._put(dataclasses.replace(sale, status="CANCELLED"))
            self._note(event, sale, now, undone_by=undone_by)
            return balance

    def find(self, now: datetime, *, request_id: str = "", reference: str = "") -> Sale | None:
        """Return a sale as it stands now."""
        with self._lock:
            self._settle(now)
            if request_id:
                return self._sales.get(request_id)
            return next((one for one in self._sales.values() if one.reference == reference), None)

    def sales(self, now: datetime) -> list[Sale]:
        """Return all sales, oldest first."""
        with self._lock:
            self._settle(now)
            return list(self._sales.values())

    def entries(self, now: datetime) -> list[JournalEntry]:
        """Return what moved money since the start, oldest first."""
        with self._lock:
            self._settle(now)
            return list(self._entries)

    @property
    def brands(self) -> dict[str, Brand]:
        with self._lock:
            return dict(self._brands)

    @property
    def floats(self) -> dict[str, Decimal]:
        with self._lock:
            return dict(self._floats)

    @property
    def stock(self) -> dict[tuple[str, Decimal], int]:
        with self._lock:
            return dict(self._stock)

    def set_brand_state(self, slug: str, state: str) -> None:
        with self._lock:
            self._brands[slug] = dataclasses.replace(self._brands[slug], state=state)
            self._write({"brand": [slug, state]})

    def set_float(self, currency: str, balance: Decimal) -> None:
        with self._lock:
            self._set_float(currency, balance)

    def set_stock(self, slug: str, amount: Decimal, count: int) -> None:
        with self._lock:
            self._set_stock((slug, amount), count)

    def clear(self) -> None:
        """Forget everything, on disk too."""
        with self._lock:
            self._start_afresh()
            if self._file is not None:
                self._file.rewrite([])

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _start_afresh(self) -> None:
        self._brands = dict(self._first_brands)
        self._floats = dict(self._first_floats)
        self._stock = {
            (brand.slug, value): STARTER_STOCK
            for brand in self._brands.values()
            if brand.has_stock
            for value in brand.denominations
        }
        self._sales: dict[str, Sale] = {}
        self._open: set[str] = set()
        self._answers: dict[str, tuple[str, dict[str, Any]]] = {}
        self._in_work: dict[str, str] = {}
        self._entries: list[JournalEntry] = []

    def _settle(self, now: datetime) -> None:
        """Take the orders on to where they are by now; nobody looks in between."""
        for request_id in list(self._open):
            sale = self._sales[request_id]
            steps = _steps(sale.end)
            passed = (now - sale.sold_at) // self._step_delay if self._step_delay else len(steps)
            state = steps[min(max(passed, 0), len(steps) - 1)]
            if state == sale.status:
                continue
            self._put(dataclasses.replace(sale, status=state))
            if state == "SUCCESS":
                self._note("sold", sale, now)
            elif state not in AT_WORK:
                self._set_float(sale.currency, self._floats[sale.currency] + sale.cost)
                self._note("failed", sale, now)

    def _put(self, sale: Sale) -> None:
        self._sales[sale.request_id] = sale
        if sale.status in AT_WORK:
            self._open.add(sale.request_id)
        else:
            self._open.discard(sale.request_id)
        if len(self._sales) > self._cap:
            oldest = next(iter(self._sales))
            del self._sales[oldest]
            self._open.discard(oldest)
        self._write({"sale": to_record(sale)})

    def _set_float(self, currency: str, balance: Decimal) -> None:
        self._floats[currency] = balance
        self._write({"float": [currency, str(balance)]})

    def _set_stock(self, key: tuple[str, Decimal], count: int) -> None:
        self._stock[key] = count
        self._write({"stock": [key[0], str(key[1]), count]})

    def _note(self, event: str, sale: Sale, at: datetime, *, undone_by: str = "") -> None:
        facts = {name: getattr(sale, name) for name in ("brand", "amount", "cost", "currency")}
        self._entries.append(
            JournalEntry(
                event=event, request_id=sale.request_id, at=at, undone_by=undone_by, **facts
            )
        )
        del self._entries[: -4 * self._cap]

    def _replay(self, entry: dict[str, Any]) -> None:
        # Without the file, which is being read.
        file, self._file = self._file, None
        ((kind, value),) = entry.items()
        if kind == "sale":
            self._put(from_record(value))
        elif kind == "answer":
            self._answers[value[0]] = (value[1], value[2])
        elif kind == "float":
            self._set_float(value[0], Decimal(value[1]))
        elif kind == "stock":
            self._set_stock((value[0], Decimal(value[1])), value[2])
        elif kind == "brand" and value[0] in self._brands:
            self._brands[value[0]] = dataclasses.replace(self._brands[value[0]], state=value[1])
        self._file = file

    def _write(self, entry: dict[str, Any]) -> None:
        if self._file is None:
            return
        self._file.append(entry)
        if self._file.lines > self._cap * LINES_PER_SALE:
            self._file.rewrite(self._snapshot())

    def _snapshot(self) -> Iterator[dict[str, Any]]:
        for slug, brand in self._brands.items():
            if brand.state != self._first_brands[slug].state:
                yield {"brand": [slug, brand.state]}
        for currency, balance in self._floats.items():
            yield {"float": [currency, str(balance)]}
        for (slug, amount), count in self._stock.items():
            yield {"stock": [slug, str(amount), count]}
        for sale in self._sales.values():
            yield {"sale": to_record(sale)}
        for request_id, (fingerprint, answer) in self._answers.items():
            yield {"answer": [request_id, fingerprint, answer]}


def _steps(end: str) -> tuple[str, ...]:
    return (*itertools.takewhile(lambda state: state != end, AT_WORK), end)
