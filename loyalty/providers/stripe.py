"""Stripe, by its official library: one PaymentIntent, created and confirmed at once.

Its idempotency key is the payment's id, which also stands in the intent's metadata: see
Note [Charged once]. Strong authentication needs the customer's own device, which a till is not,
so an intent that asks for it is declined.
"""

from __future__ import annotations

import functools
from typing import Any, Final

import stripe
import structlog
from django.conf import settings
from stripe.params import PaymentIntentCreateParams
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from loyalty.providers import Charge, GatewayAnswer, MoneyBack

log = structlog.get_logger()

PAYMENT: Final = "giftline_payment_id"
REFUND: Final = "giftline_refund_id"
# Stripe counts these in hundredths, though they have none.
_IN_HUNDREDTHS: Final = frozenset({"ISK", "UGX"})
# In these nothing has been taken, and nothing will be once the intent is cancelled.
_OPEN: Final = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}
)
# Refused before anything was begun.
_NOT_BEGUN: Final = (
    stripe.InvalidRequestError,
    stripe.AuthenticationError,
    stripe.PermissionError,
    stripe.RateLimitError,
)
_REFUNDED_AT_MOST: Final = 100


class Stripe:
    """Takes payments by Stripe and asks what became of them; safe from several threads."""

    def __init__(self, *, api_key: str, base_url: str, timeout_seconds: float) -> None:
        self._client = stripe.StripeClient(
            api_key,
            base_addresses={"api": base_url.rstrip("/")},
            # A repeat is our own to decide.
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=timeout_seconds),
        )

    def charge(self, charge: Charge, *, payment_method: str) -> GatewayAnswer:
        """Create an intent and confirm it."""
        try:
            terms = _terms(charge)
            terms["confirm"] = True
            terms["error_on_requires_action"] = True
            terms["payment_method"] = payment_method
            intent = self._client.v1.payment_intents.create(
                terms, {"idempotency_key": str(charge.payment_id)}
            )
        except stripe.CardError as error:
            return GatewayAnswer(
                outcome="declined", reference=_intent_of(error), error=_word_of(error)
            )
        except _NOT_BEGUN as error:
            log.warning("[STRIPE] Not charged", error=_word_of(error))
            return GatewayAnswer(outcome="declined", error=_word_of(error))
        except stripe.APIConnectionError as error:
            return GatewayAnswer(
                outcome="declined" if _never_left(error) else "unknown", error=_word_of(error)
            )
        except stripe.StripeError as error:
            return GatewayAnswer(outcome="unknown", error=_word_of(error))
        return _read(intent)

    def find(self, charge: Charge, *, reference: str) -> GatewayAnswer | None:
        """Look an intent up by its id, or search for ours."""
        try:
            if not reference:
                found = self._client.v1.payment_intents.search(
                    {"query": f"metadata['{PAYMENT}']:'{charge.payment_id}'"}
                ).data
                if not found:
                    return None
                reference = found[0].id
            # What a search tells of an intent may be a minute old.
            return self._end(self._client.v1.payment_intents.retrieve(reference))
        except stripe.StripeError as error:
            return GatewayAnswer(outcome="unknown", reference=reference, error=_word_of(error))

    def forestall(self, charge: Charge) -> GatewayAnswer:
        """Create an intent that nobody confirms under the payment's key, and cancel it.

        Stripe refuses a key that comes again with other terms: either the charge, should it only
        be late, or this, if the charge is there after all.
        """
        try:
            intent = self._client.v1.payment_intents.create(
                _terms(charge), {"idempotency_key": str(charge.payment_id)}
            )
            return self._end(intent)
        except stripe.StripeError as error:
            return GatewayAnswer(outcome="unknown", error=_word_of(error))

    def refund(self, refund: MoneyBack) -> GatewayAnswer:
        """Give money back, after a look whether it was given already."""
        try:
            if refund.refund_reference:
                return _read_refund(self._client.v1.refunds.retrieve(refund.refund_reference))
            if refund.is_repeat:
                # Stripe forgets a key after a day; its list of refunds it keeps.
                given = self._client.v1.refunds.list(
                    {"payment_intent": refund.reference, "limit": _REFUNDED_AT_MOST}
                )
                for one in given.data:
                    if (one.to_dict().get("metadata") or {}).get(REFUND) == str(refund.refund_id):
                        return _read_refund(one)
            return _read_refund(
                self._client.v1.refunds.create(
                    {
                        "payment_intent": refund.reference,
                        "amount": _amount(refund.amount_minor, refund.currency),
                        "metadata": {REFUND: str(refund.refund_id)},
                    },
                    {"idempotency_key": str(refund.refund_id)},
                )
            )
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            return GatewayAnswer(outcome="declined", error=_word_of(error))
        except stripe.StripeError as error:
            return GatewayAnswer(
                outcome="unknown", reference=refund.refund_reference, error=_word_of(error)
            )

    def _end(self, intent: stripe.PaymentIntent) -> GatewayAnswer:
        """Return how an intent ended; one that waits for somebody is cancelled first."""
        if intent.status in _OPEN:
            why = _read(intent)
            try:
                intent = self._client.v1.payment_intents.cancel(intent.id)
            except stripe.InvalidRequestError:
                # It has moved on meanwhile.
                intent = self._client.v1.payment_intents.retrieve(intent.id)
            if intent.status == "canceled":
                return why
        return _read(intent)


def connect_stripe() -> Stripe:
    """Return Stripe as the settings have it; one for all threads of a process."""
    return _connect(
        settings.STRIPE_API_KEY, settings.STRIPE_API_BASE_URL, float(settings.STRIPE_TIMEOUT)
    )


@functools.lru_cache(maxsize=4)
def _connect(api_key: str, base_url: str, timeout_seconds: float) -> Stripe:
    # What it would tell Stripe of this machine and of our last calls is nobody's affair.
    stripe.enable_telemetry = False
    return Stripe(api_key=api_key, base_url=base_url, timeout_seconds=timeout_seconds)


def _terms(charge: Charge) -> PaymentIntentCreateParams:
    return {
        "allowed_payment_method_types": ["card"],
        "amount": _amount(charge.amount_minor, charge.currency),
        "currency": charge.currency.lower(),
        "description": f"Order {charge.order_number}".strip(),
        "metadata": {PAYMENT: str(charge.payment_id)},
    }


def _amount(amount_minor: int, currency: str) -> int:
    return amount_minor * 100 if currency in _IN_HUNDREDTHS else amount_minor


def _read(intent: stripe.PaymentIntent) -> GatewayAnswer:
    if intent.status == "succeeded":
        return GatewayAnswer(outcome="approved", reference=intent.id)
    if intent.status == "canceled" or intent.status in _OPEN:
        last: dict[str, Any] = intent.to_dict().get("last_payment_error") or {}
        word = last.get("decline_code") or last.get("code") or "not_charged"
        return GatewayAnswer(outcome="declined", reference=intent.id, error=str(word))
    return GatewayAnswer(outcome="unknown", reference=intent.id, error=str(intent.status))


def _read_refund(refund: stripe.Refund) -> GatewayAnswer:
    if refund.status == "succeeded":
        return GatewayAnswer(outcome="approved", reference=refund.id)
    if refund.status in ("failed", "canceled"):
        word = refund.to_dict().get("failure_reason") or refund.status
        return GatewayAnswer(outcome="declined", reference=refund.id, error=str(word))
    return GatewayAnswer(outcome="unknown", reference=refund.id, error=str(refund.status))


def _error_body(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    told = body.get("error") if isinstance(body, dict) else None
    return told if isinstance(told, dict) else {}


def _word_of(error: stripe.StripeError) -> str:
    """Return one word of why; Stripe's sentences may quote what was sent."""
    told = _error_body(error)
    word = told.get("decline_code") or told.get("code") or told.get("type")
    return str(word) if word else type(error).__name__


def _intent_of(error: stripe.StripeError) -> str:
    intent = _error_body(error).get("payment_intent")
    return str(intent.get("id", "")) if isinstance(intent, dict) else ""


def _never_left(error: BaseException) -> bool:
    """Tell whether no connection came about, so that Stripe has heard of nothing."""
    seen: list[object] = [error]
    for one in seen:
        if isinstance(one, ConnectTimeoutError | NewConnectionError):
            return True
        if isinstance(one, BaseException) and len(seen) < 20:
            seen.extend(
                cause
                for cause in (*one.args, one.__cause__, one.__context__, getattr(one, "reason", 0))
                if isinstance(cause, BaseException) and all(cause is not known for known in seen)
            )
    return False
