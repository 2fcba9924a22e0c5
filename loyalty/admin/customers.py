"""Customers: who collects points, how many they have, and everything that became of them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin, read_key
from alerts.admin.cells import AMBER, GREEN, GREY, NOTHING, label, link, time_column
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError
from credit.models import Client
from loyalty.admin.adjusting import Adjusting, find_customer_or_404
from loyalty.admin.customer_tables import (
    table_of_checkouts,
    table_of_points,
    table_of_rewards,
    table_of_shortfalls,
)
from loyalty.admin.forgetting import Forgetting
from loyalty.admin.looks import actor_of, name_of, points_column, tell_refusal
from loyalty.models import Customer, LoyaltyTransaction
from loyalty.selectors.customers import find_customers_by_email, find_customers_named
from loyalty.services.customers import deactivate_customer, reactivate_customer
from sms.phones import PhoneError, parse_phone

_SHORTEST_NAME: Final = 2
# Who finds as many has to say more of the name.
_MOST_FOUND: Final = 1000


@admin.register(Customer)
class CustomerAdmin(Adjusting, Forgetting, ReadOnlyAdmin):
    """Customers, newest first; their points are changed by services alone."""

    actions_detail = ("adjust_points", "deactivate", "reactivate", "hand_out", "forget")
    list_display = (
        "name",
        "phone",
        "balance_money",
        "held_money",
        "tier_words",
        "state",
        "client",
        "created",
    )
    list_filter = ("is_active", "created_at", "client")
    list_select_related = ("client",)
    ordering = ("-created_at",)
    lookups = ("pk",)
    search_help_text = "A phone number as people write it, a name, an e-mail address or an id"
    fieldsets = (
        (None, {"fields": ("name", "state", "client", "created_at")}),
        ("Points", {"fields": ("balance_money", "held_money", "available", "lifetime_money",
                               "tier_words")}),
        ("How they are reached", {"fields": ("phone", "email")}),
        ("What happened to their points", {"fields": ("history",)}),
        ("What they bought", {"fields": ("checkouts",)}),
        ("Gift cards for points", {"fields": ("rewards",)}),
        ("Points that could not be taken back", {"fields": ("shortfalls",)}),
        ("Forgetting them", {"fields": ("forgotten",)}),
    )  # fmt: skip
    created = time_column("created_at", title="since")
    balance_money = points_column("points_balance", title="balance")
    held_money = points_column("points_held", title="held")
    lifetime_money = points_column("lifetime_points", title="earned in all")

    def match(self, term: str) -> Q:
        """Find by an id, an e-mail address, a phone number in any writing, or a name."""
        key = read_key("UUIDField", term)
        if key is not None:
            return Q(pk=key)
        if "\0" in term:
            return Q(pk__in=[])
        if "@" in term:
            return Q(pk__in=find_customers_by_email(term))
        phone = _read_phone(term)
        if phone is not None:
            # By each client's index of its numbers.
            return Q(client__in=Client.objects.values("pk"), phone=phone)
        words = term.replace(",", " ").split()
        if max(map(len, words), default=0) < _SHORTEST_NAME:
            return Q(pk__in=[])
        return Q(pk__in=find_customers_named(words, limit=_MOST_FOUND))

    @admin.display(description="name")
    def name(self, customer: Customer) -> str:
        return name_of(customer)

    @admin.display(description="tier")
    def tier_words(self, customer: Customer) -> str:
        return customer.tier or NOTHING

    @admin.display(description="state")
    def state(self, customer: Customer) -> SafeString:
        if customer.erased_at is not None:
            return label("Forgotten", GREY)
        return label("Open", GREEN) if customer.is_active else label("Closed", GREY)

    @admin.display(description="available")
    def available(self, customer: Customer) -> SafeString:
        number = f"{customer.points_balance - customer.points_held:,}"
        if not customer.points_held:
            return format_html('<span class="money">{}</span>', number)
        return format_html(
            '<span class="money">{}</span> {}', number, label("The rest is held", AMBER)
        )

    @admin.display(description="newest first")
    def history(self, customer: Customer) -> SafeString:
        return format_html(
            "{}{}",
            table_of_points(customer),
            _all_of(LoyaltyTransaction, customer, "All their transactions"),
        )

    @admin.display(description="newest first")
    def checkouts(self, customer: Customer) -> SafeString | str:
        return table_of_checkouts(customer)

    @admin.display(description="newest first")
    def rewards(self, customer: Customer) -> SafeString | str:
        return table_of_rewards(customer)

    @admin.display(description="by refunds")
    def shortfalls(self, customer: Customer) -> SafeString | str:
        return table_of_shortfalls(customer)

    def has_deactivate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether there is an open account to close."""
        return self._is(request, object_id, is_active=True)

    def has_reactivate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether there is a closed account to open."""
        return self._is(request, object_id, is_active=False)

    def _is(self, request: HttpRequest, object_id: Any, *, is_active: bool) -> bool:
        key = read_key("UUIDField", str(object_id))
        return bool(
            self.admin_site.has_permission(request)
            and isinstance(key, UUID)
            and Customer.objects.filter(pk=key, is_active=is_active, erased_at=None).exists()
        )

    @action(  # type: ignore[untyped-decorator]
        description="Deactivate",
        icon="person_off",
        permissions=["deactivate"],
        dialog={
            "title": "Close this account",
            "description": "They earn and redeem no more. Their points stay, and what is under way "
            "is finished. It can be opened again.",
            "form_submit_text": "Close it",
        },
    )
    def deactivate(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        customer = find_customer_or_404(object_id)
        deactivate_customer(
            client_id=customer.client_id, customer_id=customer.pk, actor=actor_of(request)
        )
        messages.success(request, "The account is closed; its points are kept.")
        return leave_for(request, reverse("admin:loyalty_customer_change", args=[customer.pk]))

    @action(  # type: ignore[untyped-decorator]
        description="Open again",
        icon="person_check",
        permissions=["reactivate"],
        dialog={
            "title": "Open this account again",
            "description": "They earn and redeem again, with the points that they had.",
            "form_submit_text": "Open it",
        },
    )
    def reactivate(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        customer = find_customer_or_404(object_id)
        try:
            reactivate_customer(
                client_id=customer.client_id, customer_id=customer.pk, actor=actor_of(request)
            )
        except ServiceError as error:
            tell_refusal(request, error)
        else:
            messages.success(request, "The account is open again.")
        return leave_for(request, reverse("admin:loyalty_customer_change", args=[customer.pk]))


def _read_phone(term: str) -> str | None:
    try:
        return parse_phone(term, region=settings.DEFAULT_PHONE_REGION, allow_possible=True)
    except PhoneError:
        return None


def _all_of(model: Any, customer: Customer, words: str) -> SafeString:
    url = reverse(f"admin:loyalty_{model._meta.model_name}_changelist")  # noqa: SLF001
    return format_html("<p>{}</p>", link(f"{url}?q={customer.pk}", words))
