"""Checkouts: what was bought, how it was paid, the points both ways, and each step."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin, read_key
from alerts.admin.cells import (
    AMBER,
    GREEN,
    NOTHING,
    RED,
    actor_column,
    label,
    link_to_row,
    moment,
    state_column,
    table,
    time_column,
    whole,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError
from credit.admin.amounts import money_column
from credit.money import display_amount
from loyalty.admin.looks import (
    CHECKOUT_COLOURS,
    LOYALTY_COLOURS,
    PAYMENT_COLOURS,
    REFUND_COLOURS,
    customer_column,
    loyalty_label,
    points,
    points_column,
    tell_refusal,
)
from loyalty.models import Checkout, Payment, ReconciliationItem, Refund, RegisterSession, StockItem
from loyalty.providers import NotConfiguredError
from loyalty.services.payments import settle_payment

_STEP_COLOURS = {"ok": GREEN, "approved": GREEN, "failed": RED, "declined": RED}


@admin.register(Checkout)
class CheckoutAdmin(ReadOnlyAdmin):
    """Checkouts, newest first; written by the database's functions."""

    actions_detail = ("ask_gateway",)
    list_display = (
        "order_number",
        "state_label",
        "points_state",
        "total_money",
        "redeemed_money",
        "earned_money",
        "customer_name",
        "client",
        "created",
    )
    list_filter = ("state", "loyalty", "created_at", "client")
    list_select_related = ("customer", "client")
    ordering = ("-created_at",)
    lookups = ("pk", "order_number", "customer", "request_id")
    search_help_text = "An order number, a request id, or the id of a checkout or customer"
    fieldsets = (
        (None, {"fields": ("order_number", "state_label", "loyalty_long", "customer_name",
                           "client", "till")}),
        ("What was bought", {"fields": ("lines", "subtotal_money", "discount_money",
                                        "total_money")}),
        ("Points", {"fields": ("redeemed_money", "earned_money", "owed")}),
        ("Payment and refunds", {"fields": ("payment_words", "refunds", "refunded_money")}),
        ("Step by step", {"fields": ("steps_table", "request_id", "who", "created_at",
                                     "settled_at")}),
    )  # fmt: skip
    customer_name = customer_column
    created = time_column("created_at")
    state_label = state_column("state", CHECKOUT_COLOURS, title="state")
    loyalty_long = state_column("loyalty", LOYALTY_COLOURS, title="points")
    subtotal_money = money_column("subtotal_minor")
    discount_money = money_column("discount_minor", title="taken off by points")
    total_money = money_column("total_minor")
    refunded_money = money_column("refunded_minor", title="given back so far")
    redeemed_money = points_column("points_redeemed", title="redeemed")
    earned_money = points_column("points_earned", title="earned")
    who = actor_column("actor")

    @admin.display(description="points")
    def points_state(self, row: Checkout) -> SafeString:
        return loyalty_label(row)

    @admin.display(description="till")
    def till(self, row: Checkout) -> SafeString | str:
        session = row.register_session
        return (
            NOTHING
            if session is None
            else link_to_row(RegisterSession, session.pk, session.register)
        )

    @admin.display(description="lines")
    def lines(self, row: Checkout) -> SafeString | str:
        return table(
            ("Article", "Name", "Quantity", "Price", "Sum", "Given back"),
            [
                (
                    link_to_row(StockItem, line.stock_item_id, line.sku),
                    line.name,
                    line.quantity,
                    whole(display_amount(line.price_minor, row.currency)),
                    whole(display_amount(line.price_minor * line.quantity, row.currency)),
                    line.refunded or NOTHING,
                )
                for line in row.lines.order_by("position")
            ],
        )

    @admin.display(description="still to come")
    def owed(self, row: Checkout) -> SafeString | str:
        item = ReconciliationItem.objects.filter(checkout=row).order_by("pk").first()
        if item is None:
            return "Nothing"
        words = "Settled" if item.resolved else "Owed: see the queue"
        return link_to_row(ReconciliationItem, item.pk, words)

    @admin.display(description="payment")
    def payment_words(self, row: Checkout) -> SafeString | str:
        return table(
            ("Gateway", "Amount", "State", "Reference", "Problem", "Settled"),
            [
                (
                    payment.gateway,
                    whole(display_amount(payment.amount_minor, payment.currency)),
                    label(payment.get_state_display(), PAYMENT_COLOURS[payment.state]),
                    payment.gateway_reference or NOTHING,
                    payment.error or NOTHING,
                    moment(payment.settled_at),
                )
                for payment in Payment.objects.filter(checkout=row)
            ],
        )

    @admin.display(description="refunds")
    def refunds(self, row: Checkout) -> SafeString | str:
        return table(
            ("When", "Amount", "State", "Taken back", "Given back", "Missing", "Refund"),
            [
                (
                    moment(refund.created_at),
                    whole(display_amount(refund.amount_minor, refund.currency)),
                    label(refund.get_state_display(), REFUND_COLOURS[refund.state]),
                    points(refund.points_taken_back),
                    points(refund.points_returned),
                    label(f"{refund.shortfall_points:,}", RED)
                    if refund.shortfall_points
                    else NOTHING,
                    link_to_row(Refund, refund.pk),
                )
                for refund in row.refunds.order_by("-created_at")
            ],
        )

    @admin.display(description="steps")
    def steps_table(self, row: Checkout) -> SafeString | str:
        """Show each step with its end and how long it took."""
        return table(
            ("Step", "How it ended", "Milliseconds"),
            [
                (
                    str(step.get("name", "")).replace("_", " "),
                    label(
                        str(step.get("status", "")),
                        _STEP_COLOURS.get(str(step.get("status")), AMBER),
                    ),
                    f"{float(step.get('milliseconds', 0)):.3f}",
                )
                for step in row.steps
            ],
        )

    def has_ask_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether the end of this checkout's payment is still unknown."""
        key = read_key("UUIDField", str(object_id))
        return bool(
            self.admin_site.has_permission(request)
            and isinstance(key, UUID)
            and _unknown_payments().filter(checkout=key).exists()
        )

    @action(  # type: ignore[untyped-decorator]
        description="Ask the gateway now",
        icon="contact_support",
        permissions=["ask"],
        dialog={
            "title": "Ask what became of this payment",
            "description": "A job asks too, at least once an hour. Nothing is charged by asking, "
            "however often.",
            "form_submit_text": "Ask now",
        },
    )
    def ask_gateway(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        payment = get_object_or_404(Payment, checkout=object_id)
        try:
            settle_payment(payment_id=payment.pk, now=timezone.now())
        except NotConfiguredError:
            messages.error(request, "This gateway is not set up here, so nobody could be asked.")
        except ServiceError as error:
            tell_refusal(request, error)
        else:
            _tell_outcome(request, Payment.objects.get(pk=payment.pk))
        return leave_for(request, reverse("admin:loyalty_checkout_change", args=[object_id]))


def _unknown_payments() -> QuerySet[Payment]:
    return Payment.objects.filter(state=Payment.State.UNKNOWN)


def _tell_outcome(request: HttpRequest, payment: Payment) -> None:
    """Say what the gateway told of a payment."""
    if payment.state == Payment.State.UNKNOWN:
        messages.warning(request, "The gateway can't tell yet. A job goes on asking.")
    elif payment.state == Payment.State.APPROVED:
        messages.success(request, "It was paid. The checkout is settled.")
    else:
        messages.success(request, "It was not paid. What was held is free again.")
