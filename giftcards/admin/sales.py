"""Sales of the platform's cards to clients, and the way back while nothing of one is used."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    GREEN,
    GREY,
    actor_column,
    label,
    link_column,
    link_to_row,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError
from credit.admin.amounts import money_column
from credit.selectors.viewers import viewer_of_user
from giftcards.models import CardSale, Pool
from giftcards.services.sales import reverse_sale


@admin.register(CardSale)
class CardSaleAdmin(ReadOnlyAdmin):
    """What clients bought from the platform's pools."""

    actions_detail = ("take_back",)
    list_display = (
        "sold_at",
        "client",
        "sold_from",
        "quantity",
        "price_money",
        "total_money",
        "state",
    )
    list_filter = ("client",)
    list_select_related = ("client", "master_pool", "pool")
    ordering = ("-created_at",)
    search_help_text = "A sale's id"
    fields = (
        "client",
        "sold_from",
        "sold_into",
        "quantity",
        "price_money",
        "total_money",
        "state",
        "transaction_link",
        "refund_link",
        "who",
        "created_at",
        "reversed_at",
    )
    sold_at = time_column("created_at", title="when")
    who = actor_column()
    price_money = money_column("price_per_card_minor", title="price per card")
    total_money = money_column("total_minor", title="total")
    transaction_link = link_column("transaction")
    refund_link = link_column("refund")

    @admin.display(description="sold from")
    def sold_from(self, sale: CardSale) -> SafeString:
        return link_to_row(Pool, sale.master_pool_id, sale.master_pool.name)

    @admin.display(description="sold into")
    def sold_into(self, sale: CardSale) -> SafeString:
        return link_to_row(Pool, sale.pool_id, sale.pool.name)

    @admin.display(description="state")
    def state(self, sale: CardSale) -> SafeString:
        return label("Reversed", GREY) if sale.reversed_at else label("Sold", GREEN)

    @action(  # type: ignore[untyped-decorator]
        description="Take it back",
        icon="undo",
        dialog={
            "title": "Take the sale back",
            "description": "The cards go back to the pool they came from and the client gets its "
            "money back. Only while none of them is used.",
            "form_submit_text": "Take it back",
        },
    )
    def take_back(self, request: HttpRequest, _form: object, object_id: str) -> HttpResponse:
        sale = get_object_or_404(CardSale, pk=object_id)
        assert request.user.pk is not None  # noqa: S101  the site lets nobody else in
        try:
            reverse_sale(
                viewer=viewer_of_user(request.user.pk), sale_id=sale.pk, now=timezone.now()
            )
        except ServiceError as error:
            messages.error(request, str(error) or error.code.operator)
        else:
            messages.success(request, "The cards are back, and so is the client's money.")
        return leave_for(request, reverse("admin:giftcards_cardsale_change", args=[sale.pk]))
