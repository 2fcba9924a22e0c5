"""Accounts, transactions and entries: written by the ledger alone, so to be looked at only."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin, read_key
from alerts.admin.cells import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    NOTHING,
    RED,
    id_column,
    label,
    link_column,
    link_to_row,
    link_to_thing,
    moment,
    state_column,
    table,
    time_column,
)
from alerts.admin.runbook import WithRunbook
from alerts.runbook import Chapter
from credit.admin.account_actions import AccountActions
from credit.admin.amounts import money, money_column
from credit.models import Account, Entry, Transaction
from credit.selectors.balances import balance_on

LEVEL_COLOURS = {"platform": GREY, "agency": BLUE, "client": GREEN, "campaign": AMBER}
STATUS_COLOURS = {"active": GREEN, "paused": AMBER, "closed": GREY}
KIND_COLOURS = {
    "issue": GREEN,
    "allocation": BLUE,
    "redemption": GREY,
    "refund": AMBER,
    "hold": BLUE,
    "release": GREY,
    "capture": GREY,
    "card_sale": BLUE,
    "adjustment": RED,
    "rebalance": GREY,
}
_LATEST = 20


@admin.register(Account)
class AccountAdmin(AccountActions, WithRunbook, ReadOnlyAdmin):
    """What is left of each budget; credit moves by services, never by a form's fields."""

    list_display = (
        "name",
        "level_label",
        "purpose",
        "balance_money",
        "is_low",
        "status_label",
        "agency",
        "client",
    )
    list_filter = ("level", "status", "currency", "agency")
    list_select_related = ("agency", "client")
    sortable_by = ("name", "balance_money")
    search_fields = ("name",)
    search_help_text = "A part of the name, or the id in full"
    fieldsets = (
        (None, {"fields": ("name", "level_label", "purpose", "status_label")}),
        ("Money", {"fields": ("balance_money", "slot_count", "threshold_money", "currency")}),
        ("Belongs to", {"fields": ("parent_link", "agency", "client", "created_at")}),
        (f"Latest {_LATEST} movements", {"fields": ("movements",)}),
    )
    level_label = state_column("level", LEVEL_COLOURS, title="level")
    status_label = state_column("status", STATUS_COLOURS, title="status")
    threshold_money = money_column("low_balance_threshold_minor", title="low balance threshold")

    def match(self, term: str) -> Q:
        key = read_key("UUIDField", term)
        return Q(name__icontains=term) | (Q(pk=key) if key else Q(pk__in=[]))

    def row_chapters(self, row: Account) -> list[Chapter]:
        low = [Chapter.CREDIT_DEPLETED] if self.is_low(row) else []
        return [*low, Chapter.LEDGER_DRIFT]

    @admin.display(description="balance", ordering="balance_minor")
    def balance_money(self, account: Account) -> SafeString | str:
        return money(balance_on(account), account.currency)

    @admin.display(description="parent")
    def parent_link(self, account: Account) -> SafeString | str:
        parent = account.parent
        return link_to_row(Account, parent.pk, parent.name) if parent else NOTHING

    @admin.display(description="")
    def is_low(self, account: Account) -> SafeString | str:
        balance, threshold = balance_on(account), account.low_balance_threshold_minor
        if balance is None:
            return ""
        if balance == 0:
            return label("Empty", RED)
        return label("Low", AMBER) if threshold is not None and balance < threshold else ""

    @admin.display(description="movements")
    def movements(self, account: Account) -> SafeString | str:
        entries = (
            Entry.objects.filter(account=account)
            .select_related("transaction")
            .order_by("-number")[:_LATEST]
        )
        return table(
            ("When", "Kind", "Amount", "Balance after", "Transaction"),
            [
                (
                    moment(entry.transaction.created_at),
                    label(
                        entry.transaction.get_kind_display(), KIND_COLOURS[entry.transaction.kind]
                    ),
                    money(entry.amount_minor, account.currency),
                    money(entry.balance_after_minor, account.currency),
                    link_to_row(Transaction, entry.transaction_id),
                )
                for entry in entries
            ],
        )


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    """Every movement of money, with the entries that sum to zero."""

    list_display = ("id_column", "kind_label", "amount_money", "about", "actor", "note", "created")
    list_filter = ("kind", "created_at")
    ordering = ("-created_at",)
    lookups = ("pk", "idempotency_key")
    search_help_text = "The id of the transaction or of its redemption, or an idempotency key"
    fieldsets = (
        (None, {"fields": ("kind_label", "about", "reference", "settles", "settled_by")}),
        ("Who and why", {"fields": ("actor", "note", "idempotency_key", "created_at")}),
        ("Entries", {"fields": ("entries_table",)}),
    )
    id_column = id_column
    kind_label = state_column("kind", KIND_COLOURS, title="kind")
    created = time_column("created_at")

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("entries__account")

    def match(self, term: str) -> Q:
        # A redemption is charged once, and again only after the card was taken back.
        charges = [f"redemption:redemption:{term.lower()}:{number}" for number in (1, 2, 3)]
        return super().match(term) | Q(idempotency_key__in=charges)

    @admin.display(description="amount")
    def amount_money(self, row: Transaction) -> SafeString | str:
        gained = [entry for entry in row.entries.all() if entry.amount_minor > 0]
        if not gained:
            return ""
        return money(sum(entry.amount_minor for entry in gained), gained[0].account.currency)

    @admin.display(description="about")
    def about(self, row: Transaction) -> SafeString | str:
        kind, _, rest = row.reference.partition(":")
        key = read_key("UUIDField", rest.partition(":")[0])
        return link_to_thing(kind, key) if key else row.reference  # type: ignore[arg-type]

    @admin.display(description="settled by")
    def settled_by(self, row: Transaction) -> SafeString | str:
        keys = row.settled_by.values_list("pk", flat=True)
        return SafeString(", ".join(link_to_row(Transaction, key) for key in keys))

    @admin.display(description="entries")
    def entries_table(self, row: Transaction) -> SafeString | str:
        return table(
            ("Account", "Level", "Amount", "Balance after", "Number"),
            [
                (
                    link_to_row(Account, entry.account_id, entry.account.name),
                    entry.account.get_level_display(),
                    money(entry.amount_minor, entry.account.currency),
                    money(entry.balance_after_minor, entry.account.currency),
                    entry.number,
                )
                for entry in row.entries.select_related("account").order_by("number")
            ],
        )


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    """The ledger, entry by entry, in the order in which it happened."""

    list_display = (
        "number",
        "account_link",
        "amount_money",
        "after_money",
        "transaction_link",
        "transaction_kind",
    )
    list_select_related = ("account", "transaction")
    ordering = ("-number",)
    lookups = ("number", "transaction")
    search_help_text = "An entry's number, or its transaction's id"
    fields = ("number", "account_link", "amount_money", "after_money", "slot", "transaction_link")
    amount_money = money_column("amount_minor", currency="account.currency", title="amount")
    after_money = money_column(
        "balance_after_minor", currency="account.currency", title="balance after"
    )
    transaction_link = link_column("transaction")

    @admin.display(description="account")
    def account_link(self, entry: Entry) -> SafeString:
        return link_to_row(Account, entry.account_id, entry.account.name)

    @admin.display(description="kind")
    def transaction_kind(self, entry: Entry) -> SafeString | str:
        kind = entry.transaction.kind
        return label(entry.transaction.get_kind_display(), KIND_COLOURS[kind])
