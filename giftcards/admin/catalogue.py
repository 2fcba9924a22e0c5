"""Brands and the values in which their cards exist."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin

from alerts.admin.base import EditableInline, PlatformAdmin, ReadOnlyAdmin
from alerts.admin.cells import NOTHING
from alerts.admin.forms import WordedForm
from credit.admin.amounts import AmountsForm, money_column
from credit.money import display_amount
from giftcards.admin.provider_forms import (
    ProviderBrandWidget,
    check_provider_slug,
    describe_sold,
)
from giftcards.models import Brand, Denomination
from giftcards.selectors.providers import find_provider_brand


class BrandForm(WordedForm):
    """A brand as it is shown and as its codes look."""

    constraint_words: ClassVar = {
        "giftcards_brand_slug_unique": ("slug", "Another brand has this slug."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["provider_slug"]
        field.label, field.widget = "Name at the provider", ProviderBrandWidget()
        field.help_text = (
            "Its pools can buy cards by this name. Start typing to choose from what the provider"
            " sells; leave it empty for a brand that is only uploaded."
        )

    def clean_provider_slug(self) -> str:
        return check_provider_slug(self.cleaned_data["provider_slug"])


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
    readonly_fields = ("sold_as",)
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
                "fields": ("code_format", "expiration_policy"),
                "description": "The pattern of a whole code: X a letter or digit, A a letter, 9 "
                "a digit, anything else and what follows a backslash itself. Empty: 8 to 40 "
                "letters, digits and dashes.",
            },
        ),
        ("Buying its cards", {"fields": ("provider_slug", "sold_as")}),
        (
            "For the customer",
            {
                "fields": (
                    "scannable",
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

    @admin.display(description="sold there as")
    def sold_as(self, brand: Brand) -> str:
        sold = find_provider_brand(brand.provider_slug) if brand.provider_slug else None
        return NOTHING if sold is None else describe_sold(sold)

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
