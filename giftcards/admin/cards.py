"""Cards and their history: to be looked at, by their last four symbols only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin, ReadOnlyInline
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    actor_column,
    label,
    link_column,
    link_to_thing,
    time_column,
    whole,
)
from alerts.admin.runbook import WithRunbook
from alerts.runbook import Chapter
from credit.admin.amounts import money_column
from giftcards.admin.revealing import CardReveal
from giftcards.models import CardEvent, GiftCard

STATUS_COLOURS = {
    "available": GREEN,
    "claimed": BLUE,
    "delivered": GREEN,
    "redeemed": GREY,
    "expired": AMBER,
    "quarantined": RED,
    "held_back": GREEN,
    "void": GREY,
}


class StuckFilter(admin.SimpleListFilter):
    """Claimed, and longer without a delivery than STUCK_AFTER."""

    title = "stuck"
    parameter_name = "stuck"

    def lookups(self, request: Any, _model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Stuck")]

    def queryset(self, request: Any, queryset: QuerySet[GiftCard]) -> QuerySet[GiftCard]:
        if self.value() != "yes":
            return queryset
        since = timezone.now() - timedelta(seconds=settings.STUCK_AFTER)
        return queryset.filter(status=GiftCard.Status.CLAIMED, claimed_at__lt=since)


class CardEventInline(ReadOnlyInline):
    """What happened to a card."""

    model = CardEvent
    fields = ("when", "from_status", "to_status", "who", "reason")
    ordering = ("pk",)
    when = time_column("at", title="when")
    who = actor_column()


@admin.register(GiftCard)
class GiftCardAdmin(CardReveal, WithRunbook, ReadOnlyAdmin):
    """Cards. No page but one shows a code: a permission and an event of its own."""

    inlines = (CardEventInline,)
    list_display = (
        "ends_in",
        "brand",
        "value_money",
        "status_label",
        "pool",
        "client",
        "held_by",
        "expires",
        "claimed",
    )
    list_filter = ("status", StuckFilter, "source", "brand", "pool")
    list_select_related = ("brand", "pool", "client")
    # Cards of one upload have one time, so their own key is as good an order, and an index.
    ordering = ("pk",)
    lookups = ("pk", "last4")
    search_help_text = "The last four symbols of a code, or a card's id"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "ends_in",
                    "brand",
                    "value_money",
                    "cost_money",
                    "status_label",
                    "held_by",
                )
            },
        ),
        ("Where from", {"fields": ("pool", "client", "batch", "source", "provider_reference")}),
        (
            "When",
            {
                "fields": (
                    "created_at",
                    "expires_on",
                    "claimed_at",
                    "disclosed_at",
                    "delivered_at",
                    "redeemed_at",
                )
            },
        ),
    )
    claimed = time_column("claimed_at")
    value_money = money_column("value_minor", title="value")
    cost_money = money_column("cost_minor", title="cost")

    def list_chapters(self, request: HttpRequest) -> list[Chapter]:
        return [Chapter.STUCK_CARD] if request.GET.get("stuck") == "yes" else []

    def row_chapters(self, row: GiftCard) -> list[Chapter]:
        is_waiting = row.status in (GiftCard.Status.CLAIMED, GiftCard.Status.QUARANTINED)
        return [Chapter.STUCK_CARD] if is_waiting else []

    def get_search_results(self, request: Any, queryset: Any, search_term: str) -> Any:
        # Codes are kept in capitals; whoever types the end of one may not be.
        return super().get_search_results(request, queryset, search_term.upper())

    @admin.display(description="ends in")
    def ends_in(self, card: GiftCard) -> str:
        return whole(f"…{card.last4}")

    @admin.display(description="expires on")
    def expires(self, card: GiftCard) -> str:
        return NOTHING if card.expires_on is None else whole(card.expires_on.isoformat())

    @admin.display(description="status")
    def status_label(self, card: GiftCard) -> SafeString:
        if _is_stuck(card):
            return label("Stuck", RED)
        return label(card.get_status_display(), STATUS_COLOURS[card.status])

    @admin.display(description="held by")
    def held_by(self, card: GiftCard) -> SafeString | str:
        return link_to_thing(card.holder_kind, card.holder_id)


def _is_stuck(card: GiftCard) -> bool:
    since = timezone.now() - timedelta(seconds=settings.STUCK_AFTER)
    return (
        card.status == GiftCard.Status.CLAIMED
        and card.claimed_at is not None
        and card.claimed_at < since
    )


@admin.register(CardEvent)
class CardEventAdmin(ReadOnlyAdmin):
    """Every transition of every card, newest first."""

    list_display = ("when", "card_link", "from_status", "to_status", "who", "reason")
    list_display_links = ("when",)
    list_filter = ("to_status",)
    ordering = ("-pk",)
    lookups = ("pk", "card")
    search_help_text = "A card's id"
    fields = ("card_link", "from_status", "to_status", "who", "reason", "at")
    when = time_column("at", title="when")
    who = actor_column()
    card_link = link_column("card")
