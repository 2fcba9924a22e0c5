"""How customers, articles, tills and checkouts are printed for partners."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from credit.money import format_amount
from loyalty.models import (
    Customer,
    LoyaltyTransaction,
    ReconciliationItem,
    Refund,
    RegisterSession,
    StockItem,
)
from loyalty.selectors.checkouts import CheckoutFacts
from loyalty.services.quotes import Quote


def print_customer(customer: Customer) -> dict[str, Any]:
    """Print a customer as they stand."""
    return {
        "id": str(customer.pk),
        "client_id": str(customer.client_id),
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "phone": customer.phone,
        "email": customer.email,
        "points_balance": customer.points_balance,
        "points_held": customer.points_held,
        "points_available": customer.points_balance - customer.points_held,
        "lifetime_points": customer.lifetime_points,
        "tier": customer.tier or None,
        "is_active": customer.is_active,
        "created_at": print_time(customer.created_at),
    }


def print_points(entry: LoyaltyTransaction) -> dict[str, Any]:
    """Print one change of a customer's points."""
    return {
        "id": str(entry.pk),
        "points": entry.points,
        "type": entry.type,
        "reference_type": entry.reference_type,
        "reference_id": str(entry.reference_id),
        "balance_before": entry.balance_before,
        "balance_after": entry.balance_after,
        "description": entry.description,
        "created_at": print_time(entry.created_at),
    }


def print_article(article: StockItem) -> dict[str, Any]:
    """Print an article as it stands."""
    return {
        "id": str(article.pk),
        "client_id": str(article.client_id),
        "sku": article.sku,
        "name": article.name,
        "price": format_amount(article.price_minor, article.currency),
        "currency": article.currency,
        "on_hand": article.on_hand,
        "reserved": article.reserved,
        "is_active": article.is_active,
        "created_at": print_time(article.created_at),
    }


def print_session(session: RegisterSession) -> dict[str, Any]:
    """Print a till's session with its totals so far."""
    return {
        "id": str(session.pk),
        "client_id": str(session.client_id),
        "register": session.register,
        "currency": session.currency,
        "opened_at": print_time(session.opened_at),
        "closed_at": print_time(session.closed_at),
        "orders": session.orders,
        "sales": format_amount(session.sales_minor, session.currency),
        "refunds": format_amount(session.refunds_minor, session.currency),
        "points_spent": session.points_spent,
        "points_earned": session.points_earned,
    }


def print_quote(quote: Quote) -> dict[str, Any]:
    """Print what a cart would come to."""
    return {
        "subtotal": format_amount(quote.subtotal_minor, quote.currency),
        "discount": format_amount(quote.discount_minor, quote.currency),
        "total": format_amount(quote.total_minor, quote.currency),
        "currency": quote.currency,
        "points_to_earn": quote.points_to_earn,
        "redeemable": quote.redeemable,
        "available": quote.available,
    }


def print_checkout(facts: CheckoutFacts) -> dict[str, Any]:
    """Print a checkout, as it stands or as it was first answered."""
    checkout, payment = facts.checkout, facts.checkout.payment
    currency = checkout.currency
    return {
        "id": str(checkout.pk),
        "client_id": str(checkout.client_id),
        "customer_id": _id(checkout.customer_id),
        "register_session_id": _id(checkout.register_session_id),
        "order_number": checkout.order_number,
        "state": facts.state,
        "loyalty": facts.loyalty,
        "subtotal": format_amount(checkout.subtotal_minor, currency),
        "discount": format_amount(checkout.discount_minor, currency),
        "total": format_amount(checkout.total_minor, currency),
        "refunded": format_amount(facts.refunded_minor, currency),
        "currency": currency,
        "points_redeemed": facts.points_redeemed,
        "points_earned": facts.points_earned,
        "points_balance": facts.points_balance,
        "lines": [
            {
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "price": format_amount(line.price_minor, currency),
                "refunded": 0 if facts.is_first else line.refunded,
            }
            for line in checkout.lines.all()
        ],
        "payment": {
            "id": str(payment.pk),
            "gateway": payment.gateway,
            "state": facts.payment_state,
            "amount": format_amount(payment.amount_minor, payment.currency),
            "currency": payment.currency,
            "reference": facts.payment_reference,
        },
        "steps": facts.steps,
        "created_at": print_time(checkout.created_at),
    }


def print_refund(refund: Refund, *, state: str, points_balance: int | None) -> dict[str, Any]:
    """Print what was given back, both ways.

    :param state: the one that was told.
    :param points_balance: the customer's, right after it.
    """
    return {
        "refund_id": str(refund.pk),
        "checkout_id": str(refund.checkout_id),
        "state": state,
        "amount": format_amount(refund.amount_minor, refund.currency),
        "currency": refund.currency,
        "points_taken_back": refund.points_taken_back,
        "points_returned": refund.points_returned,
        "shortfall_points": refund.shortfall_points,
        "points_balance": points_balance,
    }


def print_item(item: ReconciliationItem) -> dict[str, Any]:
    """Print what a paid checkout is owed, as it stands."""
    return {
        "id": str(item.pk),
        "checkout_id": str(item.checkout_id),
        "client_id": str(item.client_id),
        "customer_id": str(item.customer_id),
        "points_earned": item.points_earned,
        "points_redeemed": item.points_redeemed,
        "order_total": format_amount(item.order_total_minor, item.currency),
        "currency": item.currency,
        "error": item.error,
        "attempts": item.attempts,
        "created_at": print_time(item.created_at),
        "last_attempt_at": print_time(item.last_attempt_at),
        "resolved": item.resolved,
        "resolved_at": print_time(item.resolved_at),
        "resolved_by": item.resolved_by,
        "resolution_note": item.resolution_note,
    }


def print_time(at: datetime | None) -> str | None:
    """Print a moment in UTC, null for none."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _id(value: UUID | None) -> str | None:
    return None if value is None else str(value)
