"""On what terms agencies offer brands, and what their clients chose; changed on their pages."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import GREEN, GREY, label
from credit.admin.amounts import money_column
from credit.money import display_amount
from giftcards.models import AgencyBrand, AgencyPrice, ClientBrand, ClientDenomination, Denomination
from giftcards.money import format_markup


def offer_label(is_offered: bool) -> SafeString:  # noqa: FBT001  its only argument
    """Return whether something is offered, in a word."""
    return label("Offered", GREEN) if is_offered else label("Not offered", GREY)


def words_of(denomination: Denomination) -> str:
    """Return a value with its brand: ``"Acorn Shop $25.00"``."""
    value = display_amount(denomination.value_minor, denomination.currency)
    return f"{denomination.brand.name} {value}"


@admin.register(AgencyBrand)
class AgencyBrandAdmin(ReadOnlyAdmin):
    """Agencies' terms; a brand that is not listed is offered at face value."""

    list_display = ("agency", "brand", "offer", "markup")
    list_filter = ("is_offered", "agency", "brand")
    list_select_related = ("agency", "brand")
    ordering = ("pk",)
    fields = ("agency", "brand", "offer", "markup")

    @admin.display(description="offered")
    def offer(self, row: AgencyBrand) -> SafeString:
        return offer_label(row.is_offered)

    @admin.display(description="markup")
    def markup(self, row: AgencyBrand) -> str:
        return f"{format_markup(row.markup_basis_points)} %"


@admin.register(AgencyPrice)
class AgencyPriceAdmin(ReadOnlyAdmin):
    """Agencies' own prices, which go before their markup."""

    list_display = ("agency", "value", "price_money")
    list_filter = ("agency", "denomination__brand")
    list_select_related = ("agency", "denomination__brand")
    ordering = ("pk",)
    fields = ("agency", "value", "price_money")
    price_money = money_column("price_minor", currency="denomination.currency", title="price")

    @admin.display(description="brand and value")
    def value(self, row: AgencyPrice) -> str:
        return words_of(row.denomination)


@admin.register(ClientBrand)
class ClientBrandAdmin(ReadOnlyAdmin):
    """Brands that clients chose or left out of what their agency offers."""

    list_display = ("client", "brand", "offer")
    list_filter = ("is_offered", "client", "brand")
    list_select_related = ("client", "brand")
    ordering = ("pk",)
    fields = ("client", "brand", "offer")

    @admin.display(description="offered")
    def offer(self, row: ClientBrand) -> SafeString:
        return offer_label(row.is_offered)


@admin.register(ClientDenomination)
class ClientDenominationAdmin(ReadOnlyAdmin):
    """Values that clients chose or left out of what their agency offers."""

    list_display = ("client", "value", "offer")
    list_filter = ("is_offered", "client", "denomination__brand")
    list_select_related = ("client", "denomination__brand")
    ordering = ("pk",)
    fields = ("client", "value", "offer")

    @admin.display(description="brand and value")
    def value(self, row: ClientDenomination) -> str:
        return words_of(row.denomination)

    @admin.display(description="offered")
    def offer(self, row: ClientDenomination) -> SafeString:
        return offer_label(row.is_offered)
