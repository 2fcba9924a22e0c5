"""Gift cards that were taken for points, with their cards' last characters and their messages."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    NOTHING,
    actor_column,
    error_column,
    id_column,
    label,
    link_column,
    link_to_row,
    moment,
    state_column,
    table,
    time_column,
)
from credit.admin.amounts import money_column
from giftcards.admin.offers import words_of
from giftcards.models import GiftCard
from loyalty.admin.looks import REWARD_COLOURS, customer_column, points_column
from loyalty.models import Reward
from sms.admin.messages import STATE_COLOURS as MESSAGE_COLOURS
from sms.models import Message


@admin.register(Reward)
class RewardAdmin(ReadOnlyAdmin):
    """Gift cards for points, newest first."""

    list_display = (
        "id_column",
        "state_label",
        "value",
        "points_money",
        "customer_name",
        "card_link",
        "client",
        "created",
    )
    list_filter = ("state", "created_at", "client")
    list_select_related = ("customer", "card", "denomination__brand", "client")
    ordering = ("-created_at",)
    lookups = ("pk", "customer", "card")
    search_help_text = "The id of a reward, a customer or a card"
    fieldsets = (
        (None, {"fields": ("state_label", "reason", "customer_name", "value", "points_money",
                           "client")}),
        ("Card and money", {"fields": ("card_link", "source", "face_money", "cost_money",
                                       "charged_money", "transaction_link")}),
        ("How it reaches them", {"fields": ("contact_method", "contact_to", "messages",
                                            "reveal_until")}),
        ("Who and when", {"fields": ("who", "request_id", "created_at", "issued_at",
                                     "delivered_at", "failed_at")}),
    )  # fmt: skip
    id_column = id_column
    customer_name = customer_column
    created = time_column("created_at")
    state_label = state_column("state", REWARD_COLOURS, title="state")
    reason = error_column("reason_code", title="reason")
    points_money = points_column("points")
    face_money = money_column("face_value_minor", title="face value")
    cost_money = money_column("cost_minor", title="cost")
    charged_money = money_column("charged_minor", title="charged")
    transaction_link = link_column("transaction")
    who = actor_column("actor")

    @admin.display(description="brand and value")
    def value(self, row: Reward) -> str:
        return words_of(row.denomination)

    @admin.display(description="card")
    def card_link(self, row: Reward) -> SafeString | str:
        return link_to_row(GiftCard, row.card.pk, f"…{row.card.last4}") if row.card else NOTHING

    @admin.display(description="messages")
    def messages(self, row: Reward) -> SafeString | str:
        found = Message.objects.filter(reference_kind="reward", reference_id=row.pk)
        return table(
            ("When", "To", "State", "Error", "Message"),
            [
                (
                    moment(message.created_at),
                    message.to,
                    label(message.get_state_display(), MESSAGE_COLOURS[message.state]),
                    message.error_code or NOTHING,
                    link_to_row(Message, message.pk),
                )
                for message in found.order_by("created_at")
            ],
        )
