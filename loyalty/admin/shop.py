"""Articles and tills: what is sold for how much, and what went over each till."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.base import PlatformAdmin, ReadOnlyAdmin, read_key
from alerts.admin.cells import GREEN, GREY, actor_column, label, time_column
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError
from credit.admin.amounts import AmountsForm, money_column
from credit.services.transfers import is_violation_of
from loyalty.admin.looks import actor_of, points_column, tell_refusal
from loyalty.models import RegisterSession, StockItem
from loyalty.services.articles import add_article, change_article, find_article_errors
from loyalty.services.registers import close_register

# What may be changed later; the rest is chosen once.
_TERMS: Final = ("name", "price_minor", "on_hand", "is_active")
_SKU_UNIQUE: Final = "loyalty_stockitem_sku_unique"


class ArticleForm(AmountsForm):
    """An article; its client, number and currency are chosen once."""

    amounts = ("price_minor",)
    constraint_words: ClassVar = {
        _SKU_UNIQUE: ("sku", "The client has an article of this number."),
        "loyalty_stockitem_price_never_negative": ("price_minor", "Give zero or more."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {
            "sku": ("Article number", "What the till names: the client's own."),
            "on_hand": ("On hand", "As counted, those that checkouts have set aside among them."),
            "is_active": ("On sale", "Off: no till sells it; what has begun is finished."),
            "currency": ("Currency", "Three capital letters, such as USD."),
        }
        for name, (title, help_text) in words.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = title, help_text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        is_new = self.instance._state.adding  # noqa: SLF001  Django's public door
        errors = find_article_errors(
            sku=cleaned.get("sku"),
            name=cleaned.get("name"),
            price_minor=cleaned.get("price_minor"),
            currency=cleaned.get("currency"),
            on_hand=cleaned.get("on_hand"),
            reserved=0 if is_new else self.instance.reserved,
        )
        for name, words in errors.items():
            self.add_error("price_minor" if name == "price" else name, words)
        return cleaned


@admin.register(StockItem)
class StockItemAdmin(PlatformAdmin):
    """Articles; taken off sale rather than deleted."""

    form = ArticleForm
    list_display = (
        "sku",
        "name",
        "price_money",
        "on_hand_money",
        "reserved_money",
        "state",
        "client",
    )
    list_filter = ("is_active", "client")
    list_select_related = ("client",)
    search_fields = ("sku", "name")
    ordering = ("sku", "client_id")
    fields = (
        "client",
        "sku",
        "name",
        "currency",
        "price_minor",
        "on_hand",
        "reserved_money",
        "is_active",
    )
    price_money = money_column("price_minor", title="price")
    on_hand_money = points_column("on_hand", title="on hand")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("reserved_money", *(("client", "sku", "currency") if obj else ()))

    @admin.display(description="set aside")
    def reserved_money(self, article: StockItem) -> str:
        # Before it is saved only the database knows that there are none.
        is_new = article._state.adding  # noqa: SLF001  Django's public door
        return "0" if is_new else f"{article.reserved:,}"

    @admin.display(description="state")
    def state(self, article: StockItem) -> SafeString:
        return label("On sale", GREEN) if article.is_active else label("Off sale", GREY)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show the page; who was overtaken since the form was checked is told, and may try again.

        A checkout may have set more aside, another person may have taken the number.
        """
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (ServiceError, IntegrityError) as error:
            if isinstance(error, ServiceError):
                tell_refusal(request, error)
            elif is_violation_of(_SKU_UNIQUE, error):
                messages.error(request, self.form.constraint_words[_SKU_UNIQUE][1])
            else:
                raise
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        terms = {name: form.cleaned_data[name] for name in _TERMS}
        who = {"client_id": obj.client_id, "actor": actor_of(request), "now": timezone.now()}
        if change:
            change_article(stock_item_id=obj.pk, **terms, **who)
        else:
            added = add_article(sku=obj.sku, currency=obj.currency, **terms, **who)
            obj.pk = added.stock_item_id


@admin.register(RegisterSession)
class RegisterSessionAdmin(ReadOnlyAdmin):
    """Tills from opening to closing; opened by the till itself."""

    actions_detail = ("close_till",)
    list_display = (
        "register",
        "state",
        "orders_money",
        "sales_money",
        "refunds_money",
        "spent_money",
        "earned_money",
        "client",
        "opened",
    )
    list_filter = ("opened_at", "client")
    list_select_related = ("client",)
    ordering = ("-opened_at",)
    lookups = ("pk", "register")
    search_help_text = "A till's name, or a session's id"
    fieldsets = (
        (None, {"fields": ("register", "state", "client", "currency")}),
        (
            "What went over it",
            {
                "fields": (
                    "orders_money",
                    "sales_money",
                    "refunds_money",
                    "spent_money",
                    "earned_money",
                )
            },
        ),
        ("Who and when", {"fields": ("opened_at", "opener", "closed_at", "closer")}),
    )
    opened = time_column("opened_at")
    opener = actor_column("opened_by", title="opened by")
    closer = actor_column("closed_by", title="closed by")
    orders_money = points_column("orders")
    sales_money = money_column("sales_minor", title="sales")
    refunds_money = money_column("refunds_minor", title="refunds")
    spent_money = points_column("points_spent", title="points spent")
    earned_money = points_column("points_earned", title="points earned")

    @admin.display(description="state")
    def state(self, session: RegisterSession) -> SafeString:
        return label("Closed", GREY) if session.closed_at else label("Open", GREEN)

    def has_close_till_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether the till is open."""
        key = read_key("UUIDField", str(object_id))
        return bool(
            self.admin_site.has_permission(request)
            and isinstance(key, UUID)
            and RegisterSession.objects.filter(pk=key, closed_at=None).exists()
        )

    @action(  # type: ignore[untyped-decorator]
        description="Close the till",
        icon="lock",
        permissions=["close_till"],
        dialog={
            "title": "Close this till",
            "description": "It takes no more checkouts, and its totals stay as they are; refunds "
            "are still counted. Checkouts whose payment is awaited keep it open.",
            "form_submit_text": "Close it",
        },
    )
    def close_till(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        session = get_object_or_404(RegisterSession, pk=object_id)
        try:
            close_register(
                client_id=session.client_id,
                register_session_id=session.pk,
                actor=actor_of(request),
                now=timezone.now(),
            )
        except ServiceError as error:
            tell_refusal(request, error)
        else:
            messages.success(request, f"{session.register} is closed.")
        return leave_for(
            request, reverse("admin:loyalty_registersession_change", args=[session.pk])
        )
