"""Recipients: imported or added by services, so to be looked at only."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    GREEN,
    GREY,
    NOTHING,
    RED,
    label,
    link_to_row,
    moment,
    state_column,
    table,
    whole,
)
from alerts.keyring import digest
from redemption.admin.approving import Approving
from redemption.admin.redemptions import STATE_COLOURS
from redemption.codes import normalise_code
from redemption.models import Recipient, Redemption
from sms.phones import PhoneError, parse_phone

APPROVAL_COLOURS = {"not_needed": GREY, "pending": AMBER, "approved": GREEN, "rejected": RED}


@admin.register(Recipient)
class RecipientAdmin(Approving, ReadOnlyAdmin):
    """People with a redemption code, of which the last four symbols are shown."""

    actions = ("approve", "reject")

    list_display = (
        "full_name",
        "code_ends_in",
        "phone",
        "email",
        "campaign",
        "client",
        "approval_label",
        "test",
    )
    list_filter = ("approval", "is_test", "campaign")
    list_select_related = ("campaign", "client")
    # Those of one upload have one time, so their own key is as good an order, and an index.
    ordering = ("pk",)
    search_help_text = "A phone number, a redemption code in full, or a recipient's id"
    fieldsets = (
        (None, {"fields": ("full_name", "code_ends_in", "campaign", "client", "test")}),
        ("Contact", {"fields": ("phone", "email", "city", "region", "postal_code", "country")}),
        ("Standing", {"fields": ("approval_label", "external_crm_id", "batch", "created_at")}),
        ("Redemptions", {"fields": ("redemptions",)}),
    )
    approval_label = state_column("approval", APPROVAL_COLOURS, title="approval")

    def match(self, term: str) -> Q:
        code = digest(normalise_code(term), purpose="redemption_code")
        found = super().match(term) | Q(code_digest=code)
        try:
            phone = parse_phone(term, region=settings.DEFAULT_PHONE_REGION, allow_possible=True)
        except PhoneError:
            return found
        return found | Q(phone=phone) & ~Q(phone="")

    @admin.display(description="name")
    def full_name(self, recipient: Recipient) -> str:
        return f"{recipient.first_name} {recipient.last_name}".strip() or "(no name)"

    @admin.display(description="code")
    def code_ends_in(self, recipient: Recipient) -> str:
        return whole(f"…{recipient.code_last4}")

    @admin.display(description="test")
    def test(self, recipient: Recipient) -> SafeString | str:
        return label("Test", AMBER) if recipient.is_test else NOTHING

    @admin.display(description="redemptions")
    def redemptions(self, recipient: Recipient) -> SafeString | str:
        rows = Redemption.objects.filter(recipient=recipient).select_related("condition")
        return table(
            ("When", "Condition", "State", "Redemption"),
            [
                (
                    moment(row.created_at),
                    row.condition.name,
                    label(row.get_state_display(), STATE_COLOURS[row.state]),
                    link_to_row(Redemption, row.pk),
                )
                for row in rows.order_by("created_at")
            ],
        )
