"""Orders at providers: every one with all that was asked and answered."""

from __future__ import annotations

import json
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin, ReadOnlyInline
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    label,
    link_column,
    link_to_row,
    link_to_thing,
    moment,
    time_column,
    whole,
)
from alerts.admin.runbook import WithRunbook
from alerts.runbook import Chapter
from credit.admin.amounts import money_column
from giftcards.admin.order_review import OrderReview
from giftcards.models import Brand, GiftCard, ProviderOrder, ProviderOrderEvent
from giftcards.selectors.orders import match_last4

STATE_COLOURS: Final = {
    "requested": BLUE,
    "succeeded": GREEN,
    "failed": GREY,
    "unknown": RED,
    "reversed": GREY,
}
OUTCOME_COLOURS: Final = {
    "sold": GREEN,
    "pending": BLUE,
    "undone": GREEN,
    "unknown": RED,
    "try_again": AMBER,
}
_LAST4: Final = 4
# The model's own words say what to do, which the page does better.
_SHORT: Final = {"unknown": "Unknown"}

State = ProviderOrder.State


class PurposeFilter(admin.SimpleListFilter):
    """Bought on the spot for somebody, or ahead for a buffer."""

    title = "bought for"
    parameter_name = "for"

    def lookups(self, request: Any, _model_admin: Any) -> list[tuple[str, str]]:
        return [("somebody", "Somebody who waits"), ("buffer", "A buffer")]

    def queryset(self, request: Any, queryset: QuerySet[ProviderOrder]) -> QuerySet[ProviderOrder]:
        if self.value() not in ("somebody", "buffer"):
            return queryset
        return queryset.filter(holder_id__isnull=self.value() == "buffer")


class OrderEventInline(ReadOnlyInline):
    """What was asked of the provider, and what it said."""

    model = ProviderOrderEvent
    verbose_name_plural = "What was asked and answered"
    fields = ("when", "attempt", "asked_words", "outcome_label", "code", "took", "who")
    ordering = ("pk",)
    when = time_column("at", title="when")

    @admin.display(description="asked")
    def asked_words(self, event: ProviderOrderEvent) -> str:
        return event.get_asked_display()

    @admin.display(description="answer")
    def outcome_label(self, event: ProviderOrderEvent) -> SafeString:
        return show_outcome(event)

    @admin.display(description="took")
    def took(self, event: ProviderOrderEvent) -> SafeString | str:
        return NOTHING if event.milliseconds is None else whole(f"{event.milliseconds:,} ms")

    @admin.display(description="by")
    def who(self, event: ProviderOrderEvent) -> SafeString | str:
        return show_actor(event.actor)


def show_outcome(event: ProviderOrderEvent) -> SafeString:
    """Return an answer's class as a label."""
    words = event.outcome.replace("_", " ").capitalize()
    return label(words, OUTCOME_COLOURS.get(event.outcome, GREY))


def show_actor(actor: str) -> SafeString | str:
    """Return who did it: a link to a person, else their kind."""
    kind, _, key = actor.partition(":")
    return link_to_thing(kind, key) if key else actor or NOTHING  # type: ignore[arg-type]


@admin.register(ProviderOrder)
class ProviderOrderAdmin(OrderReview, WithRunbook, ReadOnlyAdmin):
    """Orders, newest first. Those that are unknown wait for a person: see the buttons there."""

    actions_detail = ("ask", "replay", "reverse")
    inlines = (OrderEventInline,)
    list_display = (
        "placed",
        "reference",
        "state_label",
        "sold_as",
        "value_money",
        "bought_for",
        "attempts",
        "code",
        "card_link",
    )
    list_filter = ("state", PurposeFilter, "provider", "created_at", "pool", "client")
    list_select_related = ("card",)
    ordering = ("-created_at",)
    lookups = ("pk", "request_id", "provider_reference", "holder_id")
    search_help_text = "A request id, a reference, an id, or the end of a code"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "state_label", "advice", "sold_as", "value_money", "bought_for", "pool_link",
                    "client_link", "card_link",
                )
            },
        ),
        (
            "Money",
            {"fields": ("charge_money", "hold_link", "cost_money", "discount")},
        ),
        (
            "At the provider",
            {
                "fields": (
                    "provider", "request_id", "provider_reference", "sold_how", "code", "said",
                )
            },
        ),
        (
            "Course",
            {
                "fields": (
                    "attempts", "next_attempt", "doubt", "first_sent", "last_attempt", "accepted",
                    "undo_asked", "placed", "who", "settled", "settled_who", "trace_id",
                )
            },
        ),
    )  # fmt: skip
    placed = time_column("created_at", title="placed")
    first_sent = time_column("first_sent_at", title="first sent")
    last_attempt = time_column("last_attempt_at", title="last attempt")
    accepted = time_column("accepted_at", title="taken on by the provider")
    undo_asked = time_column("undo_asked_at", title="to be taken back since")
    next_attempt = time_column("next_attempt_at", title="next attempt")
    settled = time_column("settled_at", title="ended")
    value_money = money_column("value_minor", title="value")
    cost_money = money_column("cost_minor", title="cost")
    charge_money = money_column("charge_minor", title="charged to the client")
    pool_link = link_column("pool", title="pool")
    hold_link = link_column("hold", title="held by")

    def list_chapters(self, request: HttpRequest) -> list[Chapter]:
        return [Chapter.PROVIDER_DOWN] if request.GET.get("state__exact") == State.UNKNOWN else []

    def row_chapters(self, row: ProviderOrder) -> list[Chapter]:
        return [Chapter.PROVIDER_DOWN] if row.state == State.UNKNOWN else []

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("denomination__brand")

    def match(self, term: str) -> Q:
        found = super().match(term)
        return found | match_last4(term) if len(term) == _LAST4 else found

    @admin.display(description="state")
    def state_label(self, order: ProviderOrder) -> SafeString:
        return label(_SHORT.get(order.state, order.get_state_display()), STATE_COLOURS[order.state])

    @admin.display(description="request id")
    def reference(self, order: ProviderOrder) -> SafeString:
        return whole(f"{order.request_id[:10]}…")

    @admin.display(description="brand")
    def sold_as(self, order: ProviderOrder) -> SafeString:
        brand = order.denomination.brand
        return link_to_row(Brand, brand.pk, brand.name)

    @admin.display(description="bought for")
    def bought_for(self, order: ProviderOrder) -> SafeString | str:
        if order.holder_id is None:
            return "the buffer"
        return link_to_thing(order.holder_kind, order.holder_id)

    @admin.display(description="code")
    def code(self, order: ProviderOrder) -> SafeString | str:
        return whole(order.error_code) if order.error_code else NOTHING

    @admin.display(description="card")
    def card_link(self, order: ProviderOrder) -> SafeString | str:
        return (
            link_to_row(GiftCard, order.card.pk, f"…{order.card.last4}") if order.card else NOTHING
        )

    @admin.display(description="client")
    def client_link(self, order: ProviderOrder) -> SafeString | str:
        return link_to_thing("client", order.client_id)

    @admin.display(description="discount")
    def discount(self, order: ProviderOrder) -> str:
        return NOTHING if order.discount_percent is None else f"{order.discount_percent:f} %"

    @admin.display(description="sold as")
    def sold_how(self, order: ProviderOrder) -> str:
        how = "a link" if order.delivery_method == "url" else "a code"
        later = ", ordered now and handed over later" if order.is_asynchronous else ""
        return f"{order.provider_slug}, {how}{later}"

    @admin.display(description="last answer")
    def said(self, order: ProviderOrder) -> SafeString | str:
        if not order.answer:
            return NOTHING
        return format_html("<pre>{}</pre>", json.dumps(order.answer, indent=2, sort_keys=True))

    @admin.display(description="in doubt")
    def doubt(self, order: ProviderOrder) -> SafeString | str:
        if not order.may_be_done:
            return "no: nothing was sold that we do not know of"
        return format_html(
            "yes: an attempt may have sold; it may be on its way until {}",
            moment(order.in_doubt_until),
        )

    @admin.display(description="by")
    def who(self, order: ProviderOrder) -> SafeString | str:
        return show_actor(order.actor)

    @admin.display(description="ended by")
    def settled_who(self, order: ProviderOrder) -> SafeString | str:
        return show_actor(order.settled_by)

    @admin.display(description="what to do")
    def advice(self, order: ProviderOrder) -> str:
        return advise(order)


def advise(order: ProviderOrder) -> str:
    """Return what an operator is to do about an order, in a sentence or two."""
    if order.state == State.REQUESTED:
        return "Nothing: the workers are at it."
    if order.state != State.UNKNOWN:
        return "Nothing: it has come to its end."
    if order.undo_asked_at is not None:
        return (
            "It was to be taken back, and the provider has not said that it was. Take it back once"
            " more, or ask what became of it; it is not sent again."
        )
    if order.error_code == "duplicate_code":
        return (
            "The provider has handed over a code that the brand has already. Clear it up with the"
            " provider by the reference, then take the sale back."
        )
    if order.error_code == "708":
        return (
            "The provider knows this request id with other content, which is a mistake of ours."
            " Look at the sale there by its request id before anything is taken back."
        )
    return (
        "Send it again: the same request id brings the card if it was sold, and buys one if not."
        " Whoever must not wait any longer takes it back instead, and redeems anew."
    )


@admin.register(ProviderOrderEvent)
class ProviderOrderEventAdmin(ReadOnlyAdmin):
    """All questions to providers about orders, newest first."""

    list_display = ("when", "order_link", "attempt", "asked_words", "outcome_label", "code", "took")
    list_display_links = ("when",)
    list_filter = ("outcome", "asked")
    ordering = ("-pk",)
    lookups = ("pk", "order")
    search_help_text = "An order's id"
    fields = (
        "order_link", "attempt", "asked_words", "outcome_label", "code", "took", "who", "at",
    )  # fmt: skip
    when = time_column("at", title="when")
    order_link = link_column("order")
    asked_words = OrderEventInline.asked_words
    outcome_label = OrderEventInline.outcome_label
    took = OrderEventInline.took
    who = OrderEventInline.who
