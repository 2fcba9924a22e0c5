"""How points, customers and states look on all pages of points."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.contrib import messages as notes
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from alerts.admin.cells import AMBER, BLUE, GREEN, GREY, NOTHING, RED, Column, label, link_to_row
from alerts.errors import ServiceError
from loyalty.models import Checkout, Customer

CHECKOUT_COLOURS: Final = {
    "payment_unknown": AMBER,
    "completed": GREEN,
    "declined": GREY,
    "partly_refunded": BLUE,
    "refunded": BLUE,
}
LOYALTY_COLOURS: Final = {"none": GREY, "pending": AMBER, "applied": GREEN}
# So short that a list of checkouts fits a small screen.
LOYALTY_WORDS: Final = {"none": "None", "pending": "Owed", "applied": "Applied"}
PAYMENT_COLOURS: Final = {"unknown": AMBER, "approved": GREEN, "declined": GREY}
REFUND_COLOURS: Final = {"pending": AMBER, "done": GREEN, "failed": RED}
REWARD_COLOURS: Final = {
    "provisioning": BLUE,
    "unconfirmed": RED,
    "issued": BLUE,
    "delivered": GREEN,
    "confirmed": GREEN,
    "failed": RED,
}
TYPE_COLOURS: Final = {
    "earned": GREEN,
    "spent": BLUE,
    "adjusted": AMBER,
    "expired": GREY,
    "reversed": AMBER,
}


def points(number: int) -> SafeString:
    """Return a number of points as a cell of figures."""
    return format_html('<span class="money">{}</span>', f"{number:,}")


def change(number: int) -> SafeString:
    """Return a change of points with its sign."""
    return format_html('<span class="money">{}</span>', f"{number:+,}")


def points_column(field: str, *, title: str = "", is_change: bool = False) -> Column:
    """Return a column of points; name it ``…_money`` and it is aligned to the right."""

    @admin.display(description=title or field.replace("_", " "))
    def column(_admin: Any, row: Any) -> SafeString:
        return (change if is_change else points)(getattr(row, field))

    return column


def name_of(customer: Customer) -> str:
    """Return what a customer is called; the phone or e-mail address of a nameless one."""
    if customer.erased_at is not None:
        return "Forgotten"
    name = f"{customer.first_name} {customer.last_name}".strip()
    return name or customer.phone or customer.email or "Without a name"


def customer_link(customer: Customer | None) -> SafeString | str:
    """Return a link to a customer's page."""
    return NOTHING if customer is None else link_to_row(Customer, customer.pk, name_of(customer))


@admin.display(description="customer")
def customer_column(_admin: Any, row: Any) -> SafeString | str:
    """Show whose it is."""
    return customer_link(row.customer)


def loyalty_label(checkout: Checkout) -> SafeString:
    """Return a word for how the points of a checkout stand; held are those not paid for yet."""
    is_held = (
        checkout.loyalty == Checkout.Loyalty.PENDING
        and checkout.state == Checkout.State.PAYMENT_UNKNOWN
    )
    words = "Held" if is_held else LOYALTY_WORDS[checkout.loyalty]
    return label(words, LOYALTY_COLOURS[checkout.loyalty])


def actor_of(request: HttpRequest) -> str:
    """Return whom what is done here is written down for."""
    return f"user:{request.user.pk}"


def tell_refusal(request: HttpRequest, error: ServiceError) -> None:
    """Say why a service refused: its words about the fields, or what its code means."""
    said = [words for several in error.errors.values() for words in several]
    notes.error(request, " ".join(said) or f"{error.code.operator} {error.code.action}")
