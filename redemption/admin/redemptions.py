"""Redemptions, from the code to the card, with all that hangs on them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    error_code,
    error_column,
    id_column,
    label,
    link_column,
    link_to_named,
    link_to_row,
    moment,
    state_column,
    table,
    time_column,
)
from alerts.admin.runbook import WithRunbook
from alerts.runbook import Chapter
from credit.admin.amounts import money_column
from credit.money import display_amount
from giftcards.models import GiftCard
from redemption.admin.did_not_come import DidNotCome
from redemption.admin.duplicates import Duplicates
from redemption.admin.reaching import Reaching
from redemption.admin.taking_back import TakingBack
from redemption.models import PendingReward, ProvisioningTrace, Redemption
from sms.admin.messages import STATE_COLOURS as MESSAGE_COLOURS
from sms.models import Message

STATE_COLOURS = {
    "pending": BLUE,
    "provisioning": BLUE,
    "issued": BLUE,
    "delivered": GREEN,
    "confirmed": GREEN,
    "waiting_stock": AMBER,
    "waiting_opt_in": AMBER,
    "waiting_approval": AMBER,
    "unconfirmed": RED,
    "failed": RED,
    "cancelled": GREY,
}


@admin.register(Redemption)
class RedemptionAdmin(Duplicates, DidNotCome, Reaching, TakingBack, ReadOnlyAdmin):
    """Every redemption, newest first."""

    actions_detail = ("did_not_come", "resend", "by_hand", "replace", "cancel")

    list_display = (
        "id_column",
        "state_label",
        "reason",
        "charged_money",
        "recipient_name",
        "campaign",
        "card_link",
        "door",
        "created",
    )
    list_filter = ("state", "door", "created_at", "campaign", "client")
    list_select_related = ("recipient", "campaign", "card")
    ordering = ("-created_at",)
    lookups = ("pk", "recipient", "card")
    search_help_text = "The id of a redemption, a recipient or a card"
    fieldsets = (
        (None, {"fields": ("state_label", "reason", "recipient_name", "campaign", "condition")}),
        ("Card and money", {"fields": ("card_link", "source", "face_money", "cost_money",
                                       "charged_money", "agency_margin_money",
                                       "platform_margin_money", "transaction_link", "debits")}),
        ("How it came in", {"fields": ("door", "actor", "contact_method", "contact_to",
                                       "ip_address", "user_agent", "request_id", "is_test")}),
        ("When", {"fields": ("created_at", "issued_at", "delivered_at", "confirmed_at",
                             "failed_at", "cancelled_at", "promise")}),
        ("What followed", {"fields": ("messages", "links", "exchanges", "steps")}),
    )  # fmt: skip
    id_column = id_column
    created = time_column("created_at")
    state_label = state_column("state", STATE_COLOURS, title="state")
    reason = error_column("reason_code", title="reason")
    face_money = money_column("face_value_minor", title="face value")
    cost_money = money_column("cost_minor", title="cost")
    charged_money = money_column("charged_minor", title="charged")
    agency_margin_money = money_column("agency_margin_minor", title="agency's margin")
    platform_margin_money = money_column("platform_margin_minor", title="platform's margin")
    transaction_link = link_column("transaction")

    @admin.display(description="recipient")
    def recipient_name(self, row: Redemption) -> SafeString:
        person = row.recipient
        name = f"{person.first_name} {person.last_name}".strip()
        return link_to_row(type(person), person.pk, name or f"…{person.code_last4}")

    @admin.display(description="card")
    def card_link(self, row: Redemption) -> SafeString | str:
        return link_to_row(GiftCard, row.card.pk, f"…{row.card.last4}") if row.card else NOTHING

    @admin.display(description="promised by")
    def promise(self, row: Redemption) -> SafeString | str:
        pending = PendingReward.objects.filter(redemption=row, served_at=None).first()
        return moment(pending.promised_by if pending else None)

    @admin.display(description="messages")
    def messages(self, row: Redemption) -> SafeString | str:
        found = Message.objects.filter(reference_kind="redemption", reference_id=row.pk)
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

    @admin.display(description="links")
    def links(self, row: Redemption) -> SafeString | str:
        return table(
            ("Version", "Opened", "Valid until", "Revoked"),
            [
                (
                    link.version,
                    moment(link.bound_at) if link.bound_at else "not yet",
                    f"{link.expires_at:%Y-%m-%d}",
                    moment(link.revoked_at),
                )
                for link in row.reveal_links.order_by("version")
            ],
        )

    @admin.display(description="cards replaced")
    def exchanges(self, row: Redemption) -> SafeString | str:
        return table(
            ("When", "Void since", "Given instead", "Cost", "By", "Why"),
            [
                (
                    moment(one.at),
                    link_to_row(GiftCard, one.old_card_id, f"…{one.old_card.last4}"),
                    link_to_row(GiftCard, one.new_card_id, f"…{one.new_card.last4}"),
                    NOTHING
                    if one.cost_minor is None
                    else display_amount(one.cost_minor, row.currency),
                    link_to_named(one.actor) or one.actor,
                    one.reason,
                )
                for one in row.replacements.select_related("old_card", "new_card").order_by("pk")
            ],
        )

    @admin.display(description="steps")
    def steps(self, row: Redemption) -> SafeString | str:
        return table(
            ("When", "Step", "Status", "Code", "Milliseconds", "Message"),
            [
                (
                    moment(trace.at),
                    trace.step,
                    trace.status,
                    error_code(trace.error_code),
                    f"{trace.milliseconds:.1f}",
                    trace.message,
                )
                for trace in ProvisioningTrace.objects.filter(redemption_id=row.pk).order_by("pk")
            ],
        )


class ServedFilter(admin.SimpleListFilter):
    """Still waiting (the usual question) or served; all only when asked for."""

    title = "state"
    parameter_name = "served"

    def lookups(self, request: Any, _model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Waiting"), ("yes", "Served")]

    def queryset(self, request: Any, queryset: QuerySet[PendingReward]) -> Any:
        if self.value() is None:
            return queryset
        return queryset.filter(served_at__isnull=self.value() == "no")


@admin.register(PendingReward)
class PendingRewardAdmin(WithRunbook, ReadOnlyAdmin):
    """The queue for cards, in the order in which it will be served."""

    chapters = (Chapter.EMPTY_POOL,)
    list_display = (
        "place",
        "redemption_link",
        "waiting_label",
        "reason",
        "campaign",
        "call_back",
        "promise",
        "served",
    )
    list_filter = (ServedFilter, "redemption__campaign")
    list_select_related = ("redemption__campaign",)
    ordering = ("pk",)
    lookups = ("pk", "redemption")
    search_help_text = "A redemption's id"
    fields = (
        "redemption_link",
        "waiting_label",
        "reason",
        "call_back_by",
        "promised_by",
        "served_at",
        "created_at",
    )
    call_back = time_column("call_back_by", title="call back by")
    promise = time_column("promised_by", title="promised by")
    served = time_column("served_at")
    redemption_link = link_column("redemption")
    reason = error_column("reason_code", title="reason")

    @admin.display(description="place")
    def place(self, row: PendingReward) -> int:
        return row.pk

    @admin.display(description="state")
    def waiting_label(self, row: PendingReward) -> SafeString:
        return label("Waiting", AMBER) if row.served_at is None else label("Served", GREEN)

    @admin.display(description="campaign")
    def campaign(self, row: PendingReward) -> str:
        return row.redemption.campaign.name
