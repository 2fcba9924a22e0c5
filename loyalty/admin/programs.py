"""Programmes: what is earned by spending, what a point is worth, and the tiers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString

from alerts.admin.base import EditableInline, PlatformAdmin
from alerts.admin.cells import GREEN, GREY, label
from alerts.admin.forms import WordedForm
from credit.money import UnknownCurrencyError, display_amount, minor_digits
from loyalty.models import LoyaltyProgram, Tier

_HUNDRED = 100
_TEN_UNITS = 10


class ProgramForm(WordedForm):
    """A programme; its client and currency are chosen once."""

    constraint_words: ClassVar = {
        "loyalty_program_earning_never_negative": (
            "points_per_currency_unit",
            "Give zero or more.",
        ),
        "loyalty_program_point_worth_something": ("point_value_minor", "Give more than zero."),
        "loyalty_program_minimum_positive": ("minimum_redemption", "Give 1 or more."),
        "loyalty_program_minor_per_unit_known": ("currency", "This currency is not known."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {
            "currency": ("Currency", "Three letters, such as USD. Other carts go without points."),
            "points_per_currency_unit": (
                "Points per unit of the currency",
                "1 means that 10.00 earns 10 points. Earned on what was paid, after points.",
            ),
            "point_value_minor": (
                "A point takes off",
                "In the smallest unit: 1 means one cent, so 100 points take 1.00 off.",
            ),
            "minimum_redemption": ("Fewest points at once", "Fewer cannot be redeemed."),
            "expiry_months": ("Months until points expire", "0: they never do. Oldest go first."),
            "is_enabled": ("Switched on", "Off: checkouts go on, without points."),
        }  # fmt: skip
        for name, (title, help_text) in words.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = title, help_text

    def clean_currency(self) -> str:
        currency: str = self.cleaned_data["currency"]
        try:
            # The database has no table of currencies.
            self.instance.minor_per_unit = 10 ** minor_digits(currency)
        except UnknownCurrencyError as error:
            raise forms.ValidationError(str(error)) from None
        return currency


class TierForm(WordedForm):
    """A tier; customers are in the highest one that their lifetime points reach."""

    constraint_words: ClassVar = {
        "loyalty_tier_name_unique": ("name", "The programme has a tier of this name."),
        "loyalty_tier_step_unique": ("from_lifetime_points", "Another tier begins there."),
        "loyalty_tier_earns_something": ("earn_multiplier", "Give more than zero."),
    }


class TierInline(EditableInline):
    """A programme's tiers, lowest first."""

    model = Tier
    form = TierForm
    fields = ("name", "from_lifetime_points", "earn_multiplier")
    may_delete = True


@admin.register(LoyaltyProgram)
class LoyaltyProgramAdmin(PlatformAdmin):
    """Programmes, one a client; switched off rather than deleted."""

    form = ProgramForm
    inlines = (TierInline,)
    list_display = ("client", "earning", "worth", "tier_names", "expiry", "state")
    list_filter = ("is_enabled",)
    list_select_related = ("client",)
    search_fields = ("client__name",)
    ordering = ("client__name",)
    fieldsets = (
        (None, {"fields": ("client", "currency", "is_enabled")}),
        ("Earning", {"fields": ("points_per_currency_unit", "earning")}),
        ("Redeeming", {"fields": ("point_value_minor", "worth", "minimum_redemption")}),
        ("Expiry", {"fields": ("expiry_months",)}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("tiers")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Points that were earned are of this client and worth money of this currency.
        return ("earning", "worth", *(("client", "currency") if obj else ()))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        # A tier repeats its programme's client.
        for one in formset.forms:
            one.instance.client_id = form.instance.client_id
        super().save_formset(request, form, formset, change)
        if change and formset.has_changed():
            messages.info(
                request,
                "Points that come now follow these tiers; everybody else moves with the next run "
                "of the tiers' job.",
            )

    @admin.display(description="10.00 spent earns")
    def earning(self, program: LoyaltyProgram) -> str:
        """Print what ten units of the currency earn, in each tier."""
        if not program.currency:
            return "Shown once it is saved"
        amount = display_amount(_TEN_UNITS * program.minor_per_unit, program.currency)
        base = _earned(program, Decimal(1))
        tiers = ", ".join(
            f"{tier.name} {_earned(program, tier.earn_multiplier):,}"
            for tier in program.tiers.all()
        )
        return f"{amount} earns {base:,} points" + (f" ({tiers})" if tiers else "")

    @admin.display(description="100 points are worth")
    def worth(self, program: LoyaltyProgram) -> str:
        """Print what a hundred points take off a price."""
        if not program.currency:
            return "Shown once it is saved"
        amount_minor = int(_HUNDRED * program.point_value_minor)
        return f"100 points take {display_amount(amount_minor, program.currency)} off"

    @admin.display(description="tiers")
    def tier_names(self, program: LoyaltyProgram) -> str:
        return ", ".join(tier.name for tier in program.tiers.all()) or "None"

    @admin.display(description="expiry")
    def expiry(self, program: LoyaltyProgram) -> str:
        return f"After {program.expiry_months} months" if program.expiry_months else "Never"

    @admin.display(description="state")
    def state(self, program: LoyaltyProgram) -> SafeString:
        return label("On", GREEN) if program.is_enabled else label("Off", GREY)


def _earned(program: LoyaltyProgram, multiplier: Decimal) -> int:
    """Return what ten units earn: as ``loyalty_price_cart`` counts."""
    return int(_TEN_UNITS * program.points_per_currency_unit * multiplier)
