"""Tillo's API: who may ask, what is asked, and how it goes."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import Any, Final
from uuid import uuid4

from alerts.emulator.exchange import Answer, Request
from giftcards.emulator import lookups
from giftcards.emulator.actions import Course
from giftcards.emulator.clock import Clock
from giftcards.emulator.faults import FaultScript
from giftcards.emulator.limits import RateLimiter
from giftcards.emulator.orders import accept_order, check_common
from giftcards.emulator.refusals import REFUSALS, RefusalError
from giftcards.emulator.sales import Sale
from giftcards.emulator.signature import Account
from giftcards.emulator.store import Store
from giftcards.emulator.undoing import check_cancellation, check_reversal

API_PATH: Final = "/api/v2/"
KINDS: Final = {
    ("POST", "digital/issue"): "issue",
    ("DELETE", "digital/issue"): "cancel",
    ("POST", "digital/order-card"): "order",
    ("GET", "digital/order-status"): "status",
    ("POST", "digital/reverse"): "reverse",
    ("POST", "digital/check-balance"): "balance",
    ("GET", "brands"): "brands",
    ("GET", "check-floats"): "floats",
    ("GET", "check-stock"): "stock",
}
# What moves money: the first answer to an id is its answer for good.
REPLAYED: Final = ("issue", "order", "reverse", "cancel")
LIMITED: Final = ("issue", "order", "status", "reverse", "cancel", "balance")


class GiftCardApi:
    """Answers requests to ``/api/v2/``."""

    def __init__(
        self,
        *,
        account: Account,
        store: Store,
        faults: FaultScript,
        limiter: RateLimiter,
        clock: Clock,
        hold: Callable[[float], None],
    ) -> None:
        self._account = account
        self._store = store
        self._faults = faults
        self._limiter = limiter
        self._clock = clock
        self._hold = hold
        self._lock = Lock()
        self.requests: Counter[str] = Counter()

    def respond(self, request: Request) -> Answer:
        """Return the answer, with the faults that the script has for this request."""
        endpoint = request.path.removeprefix(API_PATH)
        kind = KINDS.get((request.method, endpoint))
        if kind is None or not request.path.startswith(API_PATH):
            return Answer(status=404, html="<html><body><h1>Not found</h1></body></html>")
        if not self._account.recognises(request, endpoint=endpoint):
            return _refuse(RefusalError("434"))
        with self._lock:
            self.requests[kind] += 1
        headers: dict[str, str] = {}
        if kind in LIMITED:
            is_within, headers = self._limiter.take(kind)
            if not is_within:
                return dataclasses.replace(_refuse(RefusalError("211")), headers=headers)
        course = self._faults.course(
            request=kind,
            brand=str(request.fields.get("brand") or request.query.get("brand", "")),
            request_id=_request_id(request),
        )
        answer = Answer()
        if course.is_done:
            answer = self._carry_out(kind, request, course)
        return _disturb(dataclasses.replace(answer, headers=headers), course)

    def _carry_out(self, kind: str, request: Request, course: Course) -> Answer:
        try:
            if kind in REPLAYED:
                return Answer(payload=self._act_once(kind, request, course))
            self._hold(course.work_seconds)
            return Answer(payload=self._look_up(kind, request))
        except RefusalError as refusal:
            return _refuse(refusal)

    def _act_once(self, kind: str, request: Request, course: Course) -> dict[str, Any]:
        # Before anything else: an id that may not be remembered must not be worked on.
        check_common(request.fields, account=self._account, brands=self._store.brands)
        request_id = _request_id(request)
        fingerprint = f"{kind}:{json.dumps(request.fields, sort_keys=True)}"
        answered = self._store.begin(request_id, fingerprint)
        if answered is not None:
            return answered
        answer = None
        try:
            self._hold(course.work_seconds)
            if kind in ("issue", "order"):
                answer = self._sell(kind, request, course)
            else:
                answer = self._undo(kind, request)
            return answer
        finally:
            self._store.end(request_id, answer)

    def _sell(self, kind: str, request: Request, course: Course) -> dict[str, Any]:
        sale = accept_order(
            request.fields,
            account=self._account,
            brands=self._store.brands,
            is_asynchronous=kind == "order",
            end=course.order_end,
            now=self._clock.now(),
        )
        known = self._original(sale.request_id)
        if known is not None:
            # Killed before it could remember its answer, it must not sell the same twice.
            return lookups.show_sale(known, float_balance=self._store.floats[known.currency])
        return lookups.show_sale(sale, float_balance=self._store.sell(sale))

    def _undo(self, kind: str, request: Request) -> dict[str, Any]:
        now, fields = self._clock.now(), request.fields
        brand = check_common(fields, account=self._account, brands=self._store.brands)
        sale = self._original(fields.get("original_client_request_id"))
        if kind == "reverse":
            sale = check_reversal(fields, sale=sale, brand=brand, now=now)
        else:
            sale = check_cancellation(fields, sale=sale, brand=brand)
        balance = self._store.undo(
            sale,
            event="reversed" if kind == "reverse" else "cancelled",
            undone_by=_request_id(request),
            now=now,
        )
        return lookups.show_undoing(sale, reference=str(uuid4()), float_balance=balance)

    def _look_up(self, kind: str, request: Request) -> dict[str, Any]:
        now, query, fields = self._clock.now(), request.query, request.fields
        if kind == "brands":
            return lookups.show_brands(self._store.brands, now=now)
        if kind == "floats":
            currency = query.get("currency", "")
            return lookups.show_floats(self._store.floats, currency=currency, now=now)
        if kind == "stock":
            brands, slug = self._store.brands, query.get("brand", "")
            return lookups.show_stock(self._store.stock, brands=brands, slug=slug)
        if kind == "status":
            return lookups.show_order(self._asked_for(query))
        brand = check_common(fields, account=self._account, brands=self._store.brands)
        return lookups.show_balance(self._asked_for(fields), brand=brand)

    def _asked_for(self, named: Any) -> Sale | None:
        """Return the sale that a question names in one of two ways.

        :raises RefusalError: 433, it names none, or both.
        """
        request_id, reference = named.get("original_client_request_id"), named.get("reference")
        if bool(request_id) == bool(reference):
            words = "One of reference or original_client_request_id must be provided."
            raise RefusalError("433", data={"reference": [words]})
        if reference:
            return self._store.find(self._clock.now(), reference=str(reference))
        return self._original(request_id)

    def _original(self, request_id: object) -> Sale | None:
        if not request_id:
            return None
        return self._store.find(self._clock.now(), request_id=str(request_id))


def _request_id(request: Request) -> str:
    named = request.fields.get("client_request_id")
    return str(named or request.query.get("original_client_request_id", ""))


def _disturb(answer: Answer, course: Course) -> Answer:
    if course.error_code:
        refusal = RefusalError(course.error_code, http_status=course.error_status)
        told = _refuse(refusal, course.error_message)
        answer = dataclasses.replace(answer, status=told.status, payload=told.payload)
        if course.retry_after_seconds is not None:
            limit = answer.headers.get("X-RateLimit-Limit", "0")
            left = {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": "0"}
            wait = {"Retry-After": str(course.retry_after_seconds)}
            answer = dataclasses.replace(answer, headers={**left, **wait})
    elif course.error_status is not None:
        answer = Answer(status=course.error_status, html=course.error_html)
    elif course.is_cut and answer.payload is None:
        answer = dataclasses.replace(answer, payload={"code": "600", "status": "error"})
    return dataclasses.replace(
        answer,
        hold_seconds=course.hold_seconds,
        is_dropped=course.is_dropped,
        is_cut=course.is_cut,
    )


def _refuse(refusal: RefusalError, message: str = "") -> Answer:
    status = refusal.status if refusal.code in REFUSALS or refusal.http_status else 400
    return Answer(status=status, payload=refusal.body(message))
