"""Every change of anybody's points; facts that nobody changes."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    NOTHING,
    actor_column,
    id_column,
    link_to_row,
    state_column,
    time_column,
)
from loyalty.admin.looks import TYPE_COLOURS, customer_column, points_column
from loyalty.models import Checkout, LoyaltyTransaction, Refund, Reward

_Reference = LoyaltyTransaction.Reference


def cause_of(row: LoyaltyTransaction, *, words: str = "") -> SafeString | str:
    """Return what points were earned, spent or given back for, as a link to its page."""
    words = words or row.get_reference_type_display()
    if row.reference_type == _Reference.ORDER:
        return link_to_row(Checkout, row.reference_id, words)
    if row.reference_type in (_Reference.REFUND_EARNED, _Reference.REFUND_SPENT):
        return link_to_row(Refund, row.reference_id, words)
    if row.reference_type == _Reference.REWARD:
        return link_to_row(Reward, row.reference_id, words)
    if row.reference_type == _Reference.LOT:
        return link_to_row(LoyaltyTransaction, row.reference_id, words)
    return words or NOTHING


@admin.register(LoyaltyTransaction)
class LoyaltyTransactionAdmin(ReadOnlyAdmin):
    """Points' transactions, newest first."""

    list_display = (
        "id_column",
        "customer_name",
        "type_label",
        "points_money",
        "before_money",
        "after_money",
        "cause",
        "created",
    )
    list_filter = ("type", "created_at", "client")
    list_select_related = ("customer",)
    ordering = ("-created_at",)
    lookups = ("pk", "customer", "reference_id")
    search_help_text = "The id of a transaction, a customer, or what it was for"
    fieldsets = (
        (None, {"fields": ("customer_name", "type_label", "points_money", "cause", "description")}),
        ("Balance", {"fields": ("number", "before_money", "after_money")}),
        ("Who and when", {"fields": ("who", "created_at", "client")}),
    )
    id_column = id_column
    customer_name = customer_column
    created = time_column("created_at")
    type_label = state_column("type", TYPE_COLOURS, title="what")
    points_money = points_column("points", is_change=True)
    before_money = points_column("balance_before", title="before")
    after_money = points_column("balance_after", title="after")
    who = actor_column("actor")

    @admin.display(description="for")
    def cause(self, row: LoyaltyTransaction) -> SafeString | str:
        return cause_of(row)
