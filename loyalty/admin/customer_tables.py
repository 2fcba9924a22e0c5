"""The tables on a customer's page: the newest points, checkouts, gift cards and shortfalls."""

from __future__ import annotations

from typing import Final

from django.utils.safestring import SafeString

from alerts.admin.cells import AMBER, label, link_to_row, moment, table, whole
from credit.money import display_amount
from loyalty.admin.looks import (
    CHECKOUT_COLOURS,
    REWARD_COLOURS,
    TYPE_COLOURS,
    change,
    points,
)
from loyalty.admin.transactions import cause_of
from loyalty.models import Checkout, Customer, Refund, Reward

_SHOWN: Final = 25


def table_of_points(customer: Customer) -> SafeString | str:
    """Return a customer's transactions with the balance before and after each."""
    rows = customer.points.order_by("-number")[:_SHOWN]
    return table(
        ("When", "What", "Points", "Before", "After", "For"),
        [
            (
                moment(row.created_at),
                label(row.get_type_display(), TYPE_COLOURS[row.type]),
                change(row.points),
                points(row.balance_before),
                points(row.balance_after),
                cause_of(row, words=row.description),
            )
            for row in rows
        ],
    )


def table_of_checkouts(customer: Customer) -> SafeString | str:
    """Return what a customer bought, and the points of it."""
    rows = customer.checkouts.order_by("-created_at")[:_SHOWN]
    return table(
        ("When", "Order", "State", "Total", "Redeemed", "Earned"),
        [
            (
                moment(row.created_at),
                link_to_row(Checkout, row.pk, row.order_number),
                label("Points owed", AMBER)
                if row.loyalty == Checkout.Loyalty.PENDING
                else label(row.get_state_display(), CHECKOUT_COLOURS[row.state]),
                whole(display_amount(row.total_minor, row.currency)),
                points(row.points_redeemed),
                points(row.points_earned),
            )
            for row in rows
        ],
    )


def table_of_rewards(customer: Customer) -> SafeString | str:
    """Return the gift cards that a customer took for points."""
    rows = customer.rewards.order_by("-created_at").select_related("denomination__brand", "card")
    return table(
        ("When", "Card", "State", "Points", "Reward"),
        [
            (
                moment(row.created_at),
                f"{row.denomination.brand.name} "
                f"{display_amount(row.face_value_minor, row.currency)}"
                + (f" …{row.card.last4}" if row.card else ""),
                label(row.get_state_display(), REWARD_COLOURS[row.state]),
                points(row.points),
                link_to_row(Reward, row.pk),
            )
            for row in rows[:_SHOWN]
        ],
    )


def table_of_shortfalls(customer: Customer) -> SafeString | str:
    """Return refunds whose earned points were spent meanwhile."""
    rows = Refund.objects.filter(checkout__customer=customer, shortfall_points__gt=0)
    return table(
        ("When", "Missing", "Taken back", "Reason", "Refund"),
        [
            (
                moment(row.created_at),
                points(row.shortfall_points),
                points(row.points_taken_back),
                row.reason,
                link_to_row(Refund, row.pk),
            )
            for row in rows.order_by("-created_at")[:_SHOWN]
        ],
    )
