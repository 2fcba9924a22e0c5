"""The queue of points that paid checkouts still owe: replayed, or given up with a reason."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.admin.base import ReadOnlyAdmin, read_key
from alerts.admin.cells import (
    AMBER,
    GREEN,
    actor_column,
    label,
    link_to_row,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError
from credit.admin.amounts import money_column
from loyalty.admin.looks import (
    LOYALTY_COLOURS,
    actor_of,
    customer_column,
    points_column,
    tell_refusal,
)
from loyalty.models import Checkout, ReconciliationItem
from loyalty.selectors.reconciliation import sum_owed
from loyalty.services.reconciliation import replay_item, resolve_item

_LONGEST_NOTE: Final = 500


class ResolveForm(BaseDialogForm):  # type: ignore[misc]
    """Why the points are given up."""

    note = forms.CharField(
        label="Why",
        max_length=_LONGEST_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        error_messages={"required": "Say why, for whoever asks later."},
        help_text="Kept with your name.",
    )


@admin.register(ReconciliationItem)
class ReconciliationItemAdmin(ReadOnlyAdmin):
    """Points owed, unresolved ones first; a job replays them, and so may a person."""

    actions_detail = ("replay", "resolve")
    list_before_template = "admin/loyalty/owed_summary.html"
    list_display = (
        "order",
        "state",
        "customer_name",
        "earned_money",
        "redeemed_money",
        "total_money",
        "attempts",
        "created",
        "error",
    )
    list_filter = ("resolved", "created_at", "client")
    list_select_related = ("checkout", "customer")
    ordering = ("resolved", "-created_at")
    lookups = ("pk", "checkout", "customer")
    search_help_text = "The id of an item, a checkout or a customer"
    fieldsets = (
        (None, {"fields": ("order", "state", "customer_name", "client", "total_money")}),
        ("What is owed", {"fields": ("earned_money", "redeemed_money")}),
        ("What went wrong", {"fields": ("error", "attempts", "last_attempt_at",
                                        "next_attempt_at", "created_at")}),
        ("How it ended", {"fields": ("ended", "resolved_at", "resolver", "resolution_note")}),
    )  # fmt: skip
    customer_name = customer_column
    created = time_column("created_at")
    earned_money = points_column("points_earned", title="to earn")
    redeemed_money = points_column("points_redeemed", title="to redeem")
    total_money = money_column("order_total_minor", title="paid")
    resolver = actor_column("resolved_by", title="resolved by")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "owed": _tiles()}
        return super().changelist_view(request, context)  # type: ignore[no-any-return]

    @admin.display(description="order")
    def order(self, item: ReconciliationItem) -> SafeString:
        return link_to_row(Checkout, item.checkout_id, item.checkout.order_number)

    @admin.display(description="state")
    def state(self, item: ReconciliationItem) -> SafeString:
        return label("Resolved", GREEN) if item.resolved else label("Owed", AMBER)

    @admin.display(description="points of the order")
    def ended(self, item: ReconciliationItem) -> SafeString:
        checkout = item.checkout
        return label(checkout.get_loyalty_display(), LOYALTY_COLOURS[checkout.loyalty])

    def has_settle_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether points are still owed."""
        key = read_key("UUIDField", str(object_id))
        return bool(
            self.admin_site.has_permission(request)
            and isinstance(key, UUID)
            and ReconciliationItem.objects.filter(pk=key, resolved=False).exists()
        )

    @action(  # type: ignore[untyped-decorator]
        description="Replay",
        icon="replay",
        permissions=["settle"],
        dialog={
            "title": "Apply these points now",
            "description": "They are applied once, however often this is pressed.",
            "form_submit_text": "Apply them",
        },
    )
    def replay(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        item = get_object_or_404(ReconciliationItem, pk=object_id)
        try:
            done = replay_item(item_id=item.pk, actor=actor_of(request), now=timezone.now())
        except ServiceError as error:
            tell_refusal(request, error)
        else:
            if done.is_applied:
                messages.success(
                    request, f"Applied. The customer's balance is {done.points_balance:,}."
                )
            else:
                messages.error(request, f"Not applied, the database says: {done.error}")
        return _back(request, item)

    @action(  # type: ignore[untyped-decorator]
        description="Resolve without points",
        icon="task_alt",
        permissions=["settle"],
        dialog={
            "title": "Give these points up",
            "description": "What is held is free again and nothing is earned. The order and its "
            "payment stay. This can't be undone; points can be adjusted afterwards.",
            "form_submit_text": "Give them up",
            "form_class": ResolveForm,
        },
    )
    def resolve(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        item = get_object_or_404(ReconciliationItem, pk=object_id)
        try:
            resolve_item(
                item_id=item.pk,
                note=form.cleaned_data["note"],
                actor=actor_of(request),
                now=timezone.now(),
            )
        except ServiceError as error:
            tell_refusal(request, error)
        else:
            messages.success(request, "Resolved: what was held is free again.")
        return _back(request, item)


def _tiles() -> list[dict[str, str]]:
    """Return what is unresolved, as figures above the list."""
    owed = sum_owed(ReconciliationItem.objects.all())
    figures = (
        (
            "Unresolved",
            owed.unresolved_count,
            "alarm",
            "Paid orders whose points are still to come; a job tries again"
            if owed.unresolved_count
            else "Every paid order has its points",
        ),
        (
            "Lost earnings",
            owed.lost_earnings,
            "worry",
            "Points that customers have not been given yet",
        ),
        (
            "Incorrect redemptions",
            owed.incorrect_redemptions,
            "worry",
            "Points that were redeemed and are still held, not taken",
        ),
    )
    return [
        {
            "title": title,
            "value": f"{value:,}",
            "tone": tone if value else "calm",
            "words": words,
        }
        for title, value, tone, words in figures
    ]


def _back(request: HttpRequest, item: ReconciliationItem) -> HttpResponse:
    return leave_for(request, reverse("admin:loyalty_reconciliationitem_change", args=[item.pk]))
