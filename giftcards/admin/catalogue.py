"""Brands and the values in which their cards exist."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from alerts.admin.base import EditableInline, PlatformAdmin, ReadOnlyAdmin
from alerts.admin.forms import WordedForm
from credit.admin.amounts import AmountsForm, money_column
from credit.money import display_amount
from giftcards.models import Brand, Denomination


class BrandForm(WordedForm):
    """A brand as it is shown and as its codes look."""

    constraint_words: ClassVar = {
        "giftcards_brand_slug_unique": ("slug", "Another brand has this slug."),
    }


class DenominationForm(AmountsForm):
    """A value of a brand's cards; once cards may exist only its switch can be changed."""

    amounts = ("value_minor",)
    constraint_words: ClassVar = {
        "giftcards_denomination_unique": ("value_minor", "The brand has this value already."),
        "giftcards_denomination_value_positive": ("value_minor", "Give more than zero."),
        "giftcards_denomination_currency_iso": (
            "currency",
            "A currency is three capital letters, such as USD.",
        ),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:  # noqa: SLF001  Django's public door
            for name in ("value_minor", "currency"):
                self.fields[name].disabled = True
        else:
            self.fields["currency"].initial = "USD"


class DenominationInline(EditableInline):
    """A brand's values."""

    model = Denomination
    form = DenominationForm
    fields = ("value_minor", "currency", "is_enabled")


@admin.register(Brand)
class BrandAdmin(PlatformAdmin):
    """Brands; switched off rather than deleted."""

    form = BrandForm
    inlines = (DenominationInline,)
    list_display = ("name", "values_offered", "card_format", "card_class", "is_enabled")
    list_filter = ("is_enabled", "card_format", "card_class")
    search_fields = ("name", "slug")
    prepopulated_fields: ClassVar = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "is_enabled", "logo", "card_format", "card_class")}),
        (
            "Codes",
            {
                "fields": ("code_format", "expiration_policy", "provider_slug"),
                "description": "The pattern of a whole code: X a letter or digit, A a letter, 9 "
                "a digit, anything else and what follows a backslash itself. Empty: 8 to 40 "
                "letters, digits and dashes.",
            },
        ),
        (
            "For the customer",
            {
                "fields": (
                    "redemption_url",
                    "balance_url",
                    "terms_url",
                    "instructions",
                    "disclosure",
                )
            },
        ),
    )

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("denominations")

    @admin.display(description="values")
    def values_offered(self, brand: Brand) -> str:
        return ", ".join(
            display_amount(value.value_minor, value.currency)
            for value in brand.denominations.all()
            if value.is_enabled
        )


@admin.register(Denomination)
class DenominationAdmin(ReadOnlyAdmin):
    """All values of all brands; edited on their brand's page."""

    list_display = ("brand", "value_money", "is_enabled")
    list_filter = ("is_enabled", "currency")
    list_select_related = ("brand",)
    fields = ("brand", "value_money", "currency", "is_enabled")
    value_money = money_column("value_minor", title="value")
