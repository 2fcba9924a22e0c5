"""Tillo, by its API's second version."""

import functools
import os
from collections.abc import Mapping
from typing import Any, Final

import structlog
from django.conf import settings

from credit.money import Money
from giftcards.providers import (
    CardOrder,
    NoAnswerError,
    RateQuota,
    RefusedError,
    UnreachableError,
    check_request_id,
)
from giftcards.providers.catalogue import ProviderCatalogue, ProviderFloat, StockLevels
from giftcards.providers.outcomes import (
    CannotUndo,
    Failure,
    IssueOutcome,
    NoMoney,
    NotFound,
    NotSold,
    Pending,
    RouteClosed,
    StatusOutcome,
    TryAgain,
    Undone,
    UndoOutcome,
    Unknown,
)
from giftcards.providers.tillo_answers import (
    read_catalogue,
    read_floats,
    read_money,
    read_sale,
    read_stock,
    read_text,
    write_amount,
)
from giftcards.providers.tillo_codes import (
    AMOUNT_TOO_FINE,
    NOT_UNDOABLE,
    SALE_NOT_FOUND,
    SUCCESS,
    UNREACHABLE,
    VALIDATION,
    classify_code,
)
from giftcards.providers.tillo_transport import TilloAnswer, TilloTransport

log = structlog.get_logger()

_AT_WORK: Final = frozenset({"REQUESTED", "PENDING", "PROCESSING"})
_SUCCEEDED: Final = "SUCCESS"
_ENDED: Final = frozenset({"ERROR", "CANCELLED"})


class Tillo:
    """Buys cards from Tillo and asks what became of them."""

    def __init__(self, transport: TilloTransport, *, sector: str) -> None:
        self._transport = transport
        self._sector = sector

    def issue(self, order: CardOrder) -> IssueOutcome:
        """Buy a card, or order it where the brand is sold that way."""
        amount = write_amount(order.amount_minor, order.currency)
        if amount is None:
            return RouteClosed(AMOUNT_TOO_FINE)
        answer = self._ask(
            "POST",
            "digital/order-card" if order.is_asynchronous else "digital/issue",
            request_id=order.request_id,
            brand=order.brand,
            body={
                "client_request_id": order.request_id,
                "brand": order.brand,
                "face_value": {"amount": amount, "currency": order.currency},
                "delivery_method": order.delivery_method,
                "fulfilment_by": "partner",
                "sector": self._sector,
                **({"tags": list(order.tags)} if order.tags else {}),
            },
        )
        if not isinstance(answer, TilloAnswer):
            return answer
        if answer.code != SUCCESS:
            return _classify(answer)
        if order.is_asynchronous:
            return Pending(read_text(answer.data, "reference"))
        return read_sale(answer.data, order)

    def order_status(self, order: CardOrder) -> StatusOutcome:
        """Ask what became of an order."""
        answer = self._ask(
            "GET",
            "digital/order-status",
            query={"original_client_request_id": order.request_id},
        )
        if not isinstance(answer, TilloAnswer):
            return answer
        if answer.code == SALE_NOT_FOUND or _says_not_found(answer):
            return NotFound(answer.code)
        if answer.code != SUCCESS:
            return _classify(answer)
        state = read_text(answer.data, "status")
        if state == _SUCCEEDED:
            return read_sale(answer.data, order)
        if state in _AT_WORK:
            return Pending(read_text(answer.data, "reference"), state)
        return NotSold(state) if state in _ENDED else Unknown("a state without a name")

    def reverse(self, order: CardOrder, *, request_id: str) -> UndoOutcome:
        """Take a sale back by the id it was made under, within 48 hours."""
        return self._undo("POST", "digital/reverse", order, request_id, {})

    def cancel(
        self, order: CardOrder, *, request_id: str, code: str = "", pin: str = "", url: str = ""
    ) -> UndoOutcome:
        """Take a sale back by its card."""
        # Tillo refuses both at once.
        card = {"url": url} if url and not code else {"code": code, "pin": pin}
        named = {name: value for name, value in card.items() if value}
        return self._undo("DELETE", "digital/issue", order, request_id, named)

    def check_stock(self, *, brand: str, currency: str) -> StockLevels:
        """Return how many cards of each value Tillo holds of a brand that it keeps in stock."""
        data = self._question("GET", "check-stock", brand=brand, query={"brand": brand})
        return read_stock(data, brand=brand, currency=currency)

    def list_brands(self) -> ProviderCatalogue:
        """Return what Tillo sells to us; they ask to be asked once a day."""
        return read_catalogue(self._question("GET", "brands"))

    def check_floats(self) -> list[ProviderFloat]:
        """Return our money at Tillo."""
        return read_floats(self._question("GET", "check-floats"))

    def check_balance(self, order: CardOrder, *, request_id: str) -> Money:
        """Return what is left on a card, asked for by its sale; 50 a minute."""
        check_request_id(request_id)
        data = self._question(
            "POST",
            "digital/check-balance",
            request_id=request_id,
            brand=order.brand,
            body={
                "client_request_id": request_id,
                "original_client_request_id": order.request_id,
                "brand": order.brand,
                "face_value": {"currency": order.currency},
                "sector": self._sector,
            },
        )
        balance = read_money(data.get("face_value"))
        if balance is None:
            raise NoAnswerError("a balance that can't be read")
        return balance

    def quotas(self) -> Mapping[str, RateQuota]:
        """Return what this process knows of the limits of each door."""
        return self._transport.quotas

    def _undo(
        self,
        method: str,
        endpoint: str,
        order: CardOrder,
        request_id: str,
        card: Mapping[str, str],
    ) -> UndoOutcome:
        check_request_id(request_id)
        answer = self._ask(
            method,
            endpoint,
            request_id=request_id,
            brand=order.brand,
            body={
                "client_request_id": request_id,
                "original_client_request_id": order.request_id,
                "brand": order.brand,
                "face_value": {
                    "amount": write_amount(order.amount_minor, order.currency),
                    "currency": order.currency,
                },
                "sector": self._sector,
                **card,
            },
        )
        if not isinstance(answer, TilloAnswer):
            return answer
        if answer.code == SUCCESS:
            balance = read_money(answer.data.get("float_balance"), exact=False)
            return Undone(read_text(answer.data, "reference"), balance)
        if answer.code == SALE_NOT_FOUND:
            return NotFound(answer.code)
        if answer.code == NOT_UNDOABLE:
            return CannotUndo(answer.code)
        outcome = _classify(answer)
        # What closes the way to a sale, or would be its price, leaves this one standing.
        return CannotUndo(outcome.code) if isinstance(outcome, RouteClosed | NoMoney) else outcome

    def _ask(self, method: str, endpoint: str, **request: Any) -> TilloAnswer | Unknown | TryAgain:
        """Send what money may hang on; it never raises for what Tillo or the network does."""
        try:
            return self._send(method, endpoint, **request)
        except UnreachableError:
            return TryAgain(UNREACHABLE, may_be_done=False)
        except NoAnswerError as error:
            return Unknown(str(error))

    def _send(self, method: str, endpoint: str, **request: Any) -> TilloAnswer:
        """Send a request; what operators look for in the log is said of each that failed."""
        facts = {"method": method, "endpoint": endpoint, "order": request.get("request_id", "")}
        try:
            answer = self._transport.send(method, endpoint, **request)
        except (UnreachableError, NoAnswerError) as error:
            log.warning("Tillo API error", kind=type(error).__name__, detail=str(error), **facts)
            raise
        if answer.code != SUCCESS:
            log.warning("Tillo API error", code=answer.code, http=answer.http_status, **facts)
        return answer

    def _question(self, method: str, endpoint: str, **request: Any) -> Mapping[str, Any]:
        answer = self._send(method, endpoint, **request)
        if answer.code != SUCCESS:
            raise RefusedError(answer.code, answer.retry_after_seconds)
        return answer.data


def connect_tillo() -> Tillo:
    """Return this process's connection, made anew when the settings are others."""
    return _connect(
        os.getpid(),  # a forked worker must not share its parent's sockets
        sector=settings.TILLO_SECTOR,
        base_url=settings.TILLO_BASE_URL,
        api_key=settings.TILLO_API_KEY,
        secret_key=settings.TILLO_SECRET_KEY,
        proxy_url=settings.TILLO_PROXY_URL,
        timeout_seconds=settings.PROVIDER_TIMEOUT,
    )


@functools.lru_cache(maxsize=4)
def _connect(_process_id: int, *, sector: str, **options: Any) -> Tillo:
    return Tillo(TilloTransport(**options), sector=sector)


def _classify(answer: TilloAnswer) -> Failure:
    return classify_code(
        answer.code,
        http_status=answer.http_status,
        retry_after_seconds=answer.retry_after_seconds,
    )


def _says_not_found(answer: TilloAnswer) -> bool:
    # An unknown id is answered with the code of any mistake in the request; only the sentence
    # tells them apart, and a mistake of ours must not pass for a sale that never was.
    return answer.code == VALIDATION and any(
        "could not be found" in str(sentence) for sentence in answer.data.values()
    )
