"""Refunds: money back, the points of it both ways, and points that could not be taken back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    NOTHING,
    RED,
    actor_column,
    id_column,
    label,
    link_to_row,
    state_column,
    table,
    time_column,
)
from credit.admin.amounts import money_column
from loyalty.admin.looks import REFUND_COLOURS, customer_link, points_column
from loyalty.models import Checkout, Refund


class ShortfallFilter(admin.SimpleListFilter):
    """Those whose earned points were spent meanwhile."""

    title = "points missing"
    parameter_name = "shortfall"

    def lookups(self, request: Any, _model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Some are missing")]

    def queryset(self, request: Any, queryset: QuerySet[Refund]) -> Any:
        return queryset.filter(shortfall_points__gt=0) if self.value() == "yes" else queryset


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """Refunds, newest first."""

    list_display = (
        "id_column",
        "order",
        "state_label",
        "amount_money",
        "taken_money",
        "returned_money",
        "shortfall",
        "reason",
        "created",
    )
    list_filter = ("state", ShortfallFilter, "created_at", "client")
    list_select_related = ("checkout__customer",)
    ordering = ("-created_at",)
    lookups = ("pk", "checkout")
    search_help_text = "The id of a refund or a checkout"
    fieldsets = (
        (None, {"fields": ("order", "customer_name", "state_label", "amount_money", "articles",
                           "reason")}),
        ("Points", {"fields": ("taken_money", "returned_money", "shortfall")}),
        ("At the gateway", {"fields": ("gateway_reference", "error", "tries", "next_attempt_at")}),
        ("Who and when", {"fields": ("who", "request_id", "created_at", "client")}),
    )  # fmt: skip
    id_column = id_column
    created = time_column("created_at")
    state_label = state_column("state", REFUND_COLOURS, title="state")
    amount_money = money_column("amount_minor", title="amount")
    taken_money = points_column("points_taken_back", title="points taken back")
    returned_money = points_column("points_returned", title="points given back")
    who = actor_column("actor")

    @admin.display(description="order")
    def order(self, row: Refund) -> SafeString:
        return link_to_row(Checkout, row.checkout_id, row.checkout.order_number)

    @admin.display(description="customer")
    def customer_name(self, row: Refund) -> SafeString | str:
        return customer_link(row.checkout.customer)

    @admin.display(description="points missing")
    def shortfall(self, row: Refund) -> SafeString | str:
        """Show earned points that were spent before they could be taken back."""
        return label(f"{row.shortfall_points:,} missing", RED) if row.shortfall_points else NOTHING

    @admin.display(description="articles")
    def articles(self, row: Refund) -> SafeString | str:
        if not row.lines:
            return "An amount was named, not articles"
        return table(
            ("Article", "Quantity"),
            [(line.get("sku", ""), line.get("quantity", "")) for line in row.lines],
        )
