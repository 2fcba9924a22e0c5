"""Stripe's API, as far as a till needs it: payment intents and refunds."""

from __future__ import annotations

import base64
import hmac
import re
from collections import Counter
from typing import Any, Final

from alerts.emulator.exchange import Answer, Request
from loyalty.emulator.faults import Course, FaultScript
from loyalty.emulator.store import CARD, DECLINED, Intent, Refund, RefusalError, Store

_INTENTS: Final = "/v1/payment_intents"
_REFUNDS: Final = "/v1/refunds"
_QUERY: Final = re.compile(r"metadata\['(?P<name>\w+)'\]:'(?P<value>[^']*)'")
_ROUTES: Final = (
    ("create", "POST", re.compile(_INTENTS)),
    ("search", "GET", re.compile(f"{_INTENTS}/search")),
    ("retrieve", "GET", re.compile(rf"{_INTENTS}/(?P<id>\w+)")),
    ("cancel", "POST", re.compile(rf"{_INTENTS}/(?P<id>\w+)/cancel")),
    ("refund", "POST", re.compile(_REFUNDS)),
    ("refunds", "GET", re.compile(_REFUNDS)),
    ("refunds", "GET", re.compile(rf"{_REFUNDS}/(?P<id>\w+)")),
)
_INVALID: Final = "invalid_request_error"
# What is asked here of an intent or a refund; Stripe refuses what it does not know, so do we.
_KNOWN: Final = re.compile(
    r"amount|currency|description|confirm|error_on_requires_action|payment_method|payment_intent"
    r"|allowed_payment_method_types\[\d+\]|metadata\[\w+\]"
)


class PaymentsApi:
    """Answers requests to ``/v1/``; ``requests`` counts them by kind."""

    def __init__(self, *, api_key: str, store: Store, faults: FaultScript) -> None:
        self._api_key = api_key
        self._store = store
        self._faults = faults
        self.requests: Counter[str] = Counter()

    def respond(self, request: Request) -> Answer:
        """Return the answer, with the faults that the script has for this request."""
        try:
            self._authenticate(request.headers.get("authorization", ""))
            kind, found_id = _route(request)
            with self._store.lock:
                self.requests[kind] += 1
                course = self._faults.course(request=kind, order=self._order(request, found_id))
            status: int = 200
            body: dict[str, Any] = {}
            if course.is_accepted:
                status, body = self._once(kind, request, found_id, course)
        except RefusalError as refusal:
            return Answer(status=refusal.status, payload=refusal.body)
        if course.error_status is not None:
            status = course.error_status
            body = {"error": {"type": "api_error", "message": "out of order"}}
        return Answer(
            status=status,
            payload=body,
            hold_seconds=course.hold_seconds,
            is_dropped=course.is_dropped,
        )

    def _authenticate(self, header: str) -> None:
        scheme, _, given = header.partition(" ")
        if scheme == "Basic":
            given = base64.b64decode(given).decode(errors="replace").partition(":")[0]
        if not hmac.compare_digest(given.encode(), self._api_key.encode()):
            raise RefusalError(401, _INVALID, "api_key_invalid")

    def _order(self, request: Request, found_id: str) -> str:
        """Return the order number that fault rules are matched with, where it is known."""
        about = request.form.get("payment_intent") or found_id
        intent = self._store.intents.get(about)
        words = intent.description if intent else request.form.get("description", "")
        return words.removeprefix("Order ")

    def _once(
        self, kind: str, request: Request, found_id: str, course: Course
    ) -> tuple[int, dict[str, Any]]:
        """Act, or answer again what was answered under the request's key."""
        key = request.headers.get("idempotency-key", "")
        if not key or request.method != "POST":
            return self._act(kind, request, found_id, course)
        asked = f"{request.path} {sorted(request.form.items())}"
        with self._store.lock:
            if key in self._store.answers:
                before, answer = self._store.answers[key]
                if before != asked:
                    raise RefusalError(400, "idempotency_error")
                return answer
            try:
                answer = self._act(kind, request, found_id, course)
            except RefusalError as refusal:
                if refusal.status != 402:
                    # Refused before anything was begun: the key stays free.
                    raise
                answer = (refusal.status, refusal.body)
            self._store.keep_answer(key, asked=asked, answer=answer)
            return answer

    def _act(
        self, kind: str, request: Request, found_id: str, course: Course
    ) -> tuple[int, dict[str, Any]]:
        if not all(map(_KNOWN.fullmatch, request.form)):
            raise RefusalError(400, _INVALID, "parameter_unknown")
        with self._store.lock:
            if kind == "create":
                return 200, self._create(request.form, course)
            if kind == "search":
                return 200, self._search(request.query.get("query", ""), course)
            if kind == "retrieve":
                return 200, self._store.intent(found_id).resource()
            if kind == "cancel":
                return 200, self._cancel(self._store.intent(found_id))
            if kind == "refund":
                return 200, self._refund(request.form, course)
            return 200, self._refunds(found_id, request.query)

    def _create(self, form: dict[str, str], course: Course) -> dict[str, Any]:
        method = form.get("payment_method", "")
        if not form.get("amount", "").isdecimal() or not form.get("currency"):
            raise RefusalError(400, _INVALID, "parameter_missing")
        if method and not method.startswith(CARD):
            raise RefusalError(400, _INVALID, "resource_missing", param="payment_method")
        intent = Intent(
            id=self._store.new_id("pi"),
            amount=int(form["amount"]),
            currency=form["currency"],
            description=form.get("description", ""),
            metadata=_metadata(form),
        )
        is_confirmed = form.get("confirm") == "true"
        if is_confirmed:
            intent.decline_code = DECLINED.get(method, "")
        if is_confirmed and not intent.decline_code:
            intent.status = "processing" if course.is_processing else "succeeded"
        self._store.keep(intent)
        if intent.decline_code:
            raise RefusalError(
                402,
                "card_error",
                "card_declined",
                decline_code=intent.decline_code,
                payment_intent=intent.resource(),
            )
        return intent.resource()

    def _search(self, query: str, course: Course) -> dict[str, Any]:
        match = _QUERY.fullmatch(query)
        if match is None:
            raise RefusalError(400, _INVALID, "search_query_invalid")
        found = [
            intent.resource()
            for intent in self._store.intents.values()
            if intent.metadata.get(match["name"]) == match["value"] and not course.is_blind
        ]
        return {"object": "search_result", "data": found, "has_more": False, "url": _INTENTS}

    def _cancel(self, intent: Intent) -> dict[str, Any]:
        if intent.status in ("succeeded", "canceled", "processing"):
            raise RefusalError(400, _INVALID, "payment_intent_unexpected_state")
        intent.status = "canceled"
        self._store.keep(intent)
        return intent.resource()

    def _refund(self, form: dict[str, str], course: Course) -> dict[str, Any]:
        intent = self._store.intent(form.get("payment_intent", ""))
        amount = int(form.get("amount", "0"))
        if intent.status != "succeeded" or intent.refunded + amount > intent.amount:
            raise RefusalError(400, _INVALID, "charge_already_refunded")
        refund = Refund(
            id=self._store.new_id("re"),
            intent_id=intent.id,
            amount=amount,
            metadata=_metadata(form),
            status="pending" if course.is_processing else "succeeded",
        )
        intent.refunded += amount
        self._store.keep(intent)
        self._store.keep(refund)
        return refund.resource()

    def _refunds(self, found_id: str, query: dict[str, str]) -> dict[str, Any]:
        if found_id:
            if found_id not in self._store.refunds:
                raise RefusalError(404, _INVALID, "resource_missing")
            return self._store.refunds[found_id].resource()
        wanted = query.get("payment_intent")
        found = [
            refund.resource()
            for refund in self._store.refunds.values()
            if wanted in (None, refund.intent_id)
        ]
        return {"object": "list", "data": found, "has_more": False, "url": _REFUNDS}


def _route(request: Request) -> tuple[str, str]:
    for kind, method, path in _ROUTES:
        match = path.fullmatch(request.path)
        if match and request.method == method:
            return kind, match.groupdict().get("id", "")
    raise RefusalError(404, _INVALID, "url_invalid")


def _metadata(form: dict[str, str]) -> dict[str, str]:
    return {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in form.items()
        if name.startswith("metadata[")
    }
