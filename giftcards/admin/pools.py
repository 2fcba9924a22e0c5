"""Pools, with how full they are."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.views import ChangeList

from alerts.admin.base import PlatformAdmin
from alerts.admin.cells import BLUE, GREY, NOTHING, label, state_column
from alerts.admin.runbook import WithRunbook
from alerts.runbook import Chapter
from credit.admin.amounts import AmountsForm, money_column
from credit.money import display_amount
from giftcards.admin.archiving import InUseFilter, PoolArchiving
from giftcards.admin.by_hand import PoolByHand
from giftcards.admin.provider_forms import check_buying, provider_field
from giftcards.admin.selling import PoolSelling
from giftcards.admin.uploads import PoolUploads
from giftcards.models import Denomination, Pool
from giftcards.selectors.buffers import BufferLevel, measure_buffer
from giftcards.selectors.levels import PoolLevel, count_levels

KIND_COLOURS = {"master": BLUE, "client": GREY, "buffer": GREY}
_HELP = {
    "purchase_method": "What happens when no card lies here. Uploaded cards only: the reward waits."
    " Uploaded cards, then the provider: cards bought ahead are taken, else one is bought. Provider"
    " only: nothing is uploaded here.",
    "cost_per_card_minor": "What a card costs us where nobody says otherwise, such as 24.00.",
    "target_level": "How many cards are to lie ready. Empty or 0: nothing is bought ahead.",
    "daily_budget_minor": "The most that may be spent in a day (UTC), what is on order included,"
    " such as 500.00. Empty: no limit.",
}


def level_bar(level: PoolLevel) -> SafeString:
    """Return the availability of a pool as a bar with its numbers."""
    return format_html(
        '<span class="level level-{}"><progress max="100" value="{}" aria-hidden="true">'
        '</progress><span class="money"><b>{}</b> of {}</span></span>',
        level.colour,
        level.percent,
        f"{level.available:,}",
        f"{level.total:,}",
    )


def stock_bar(pool: Pool, level: PoolLevel) -> SafeString:
    """Return how full a pool is; a buffer is measured by what is wanted there."""
    if pool.kind == Pool.Kind.BUFFER and pool.target_level:
        return buffer_bar(measure_buffer(pool, level.available))
    return level_bar(level)


def buffer_bar(level: BufferLevel) -> SafeString:
    """Return the level of a buffer as a bar with its numbers."""
    return format_html(
        '<span class="level level-{}"><progress max="100" value="{}" aria-hidden="true">'
        '</progress><span class="money"><b>{}</b> of {} wanted</span></span>',
        level.colour,
        level.percent,
        f"{level.available:,}",
        f"{level.target:,}",
    )


class DenominationChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice among the values of all brands, by brand and sum."""

    def label_from_instance(self, value: Denomination) -> str:
        return f"{value.brand.name} {display_amount(value.value_minor, value.currency)}"


class PoolForm(AmountsForm):
    """A pool; its brand, value and owner are those of its cards and never change."""

    amounts = ("cost_per_card_minor", "daily_budget_minor")
    constraint_words: ClassVar = {
        "giftcards_pool_client_fits_kind": (
            "client",
            "A client's own pool needs its client; any other kind of pool has none.",
        ),
        "giftcards_pool_cost_never_negative": ("cost_per_card_minor", "Give zero or more."),
        "giftcards_pool_budget_never_negative": ("daily_budget_minor", "Give zero or more."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["api_provider"] = provider_field()
        for name, words in _HELP.items():
            self.fields[name].help_text = words

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        check_buying(self, cleaned)
        return cleaned

    def find_currency(self) -> str:
        denomination = getattr(self, "cleaned_data", {}).get("denomination")
        if denomination is None and self.instance.denomination_id:
            denomination = self.instance.denomination
        return denomination.currency if denomination else "USD"

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002  Django's signature
        self.instance.brand_id = self.instance.denomination.brand_id
        return super().save(commit)


class PoolChangeList(ChangeList):  # type: ignore[misc]
    """The list of pools, counted in one query for the page that is shown."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        pools: list[Any] = list(self.result_list)
        levels = count_levels(pool_ids=[pool.pk for pool in pools], now=timezone.now())
        for pool in pools:
            pool.level = levels[pool.pk]
        self.result_list = pools


@admin.register(Pool)
class PoolAdmin(PoolUploads, PoolByHand, PoolSelling, PoolArchiving, WithRunbook, PlatformAdmin):
    """Pools; archived rather than deleted. Cards come in by uploads, not by this form."""

    form = PoolForm
    actions_detail = ("upload_cards", "add_by_hand", "sell", "archive", "restore")
    list_display = (
        "name",
        "availability",
        "brand",
        "value_money",
        "kind_label",
        "client",
        "flags",
    )
    list_filter = (InUseFilter, "kind", "brand", "client", "purchase_method")
    list_select_related = ("brand", "client", "denomination")
    search_fields = ("name", "brand__name", "client__name")
    autocomplete_fields = ("client",)
    fieldsets = (
        (None, {"fields": ("name", "denomination", "kind", "client", "reserved")}),
        (
            "Stock",
            {"fields": ("stock", "low_stock_threshold", "warning_percent", "critical_percent")},
        ),
        (
            "Where cards come from",
            {"fields": ("purchase_method", "api_provider", "cost_per_card_minor")},
        ),
        (
            "Buying ahead",
            {
                "fields": ("target_level", "daily_budget_minor"),
                "description": "A job buys cards until a buffer holds so many, a few at once, and"
                " stops when the day's budget is used up. Only for pools of the kind buffer.",
            },
        ),
    )
    kind_label = state_column("kind", KIND_COLOURS, title="kind")
    value_money = money_column(
        "denomination.value_minor", currency="denomination.currency", title="value"
    )

    def row_chapters(self, row: Pool) -> list[Chapter]:
        if row.archived_at is not None:
            return []
        level = count_levels(pool_ids=[row.pk], now=timezone.now())[row.pk]
        return [Chapter.EMPTY_POOL] if level.colour == "red" else []

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        return PoolChangeList

    def get_readonly_fields(self, request: HttpRequest, obj: Pool | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("stock",)
        return ("stock", "denomination_words", "kind", "client", "archived_at")

    def get_fieldsets(self, request: HttpRequest, obj: Pool | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None:
            return fieldsets
        words: tuple[str, ...] = ("name", "denomination_words", "kind", "client", "reserved")
        if obj.archived_at is not None:
            words = (*words, "archived_at")
        return ((None, {"fields": words}), *fieldsets[1:])

    def formfield_for_foreignkey(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "denomination":
            kwargs["form_class"] = DenominationChoiceField
            kwargs["queryset"] = Denomination.objects.select_related("brand").order_by(
                "brand__name", "currency", "value_minor"
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    @admin.display(description="brand and value")
    def denomination_words(self, pool: Pool) -> str:
        value = pool.denomination
        return f"{pool.brand.name} {display_amount(value.value_minor, value.currency)}"

    @admin.display(description="available")
    def availability(self, pool: Any) -> SafeString:
        return stock_bar(pool, pool.level)

    @admin.display(description="available")
    def stock(self, pool: Pool) -> SafeString | str:
        if pool._state.adding:  # noqa: SLF001  Django's public door
            return "Cards come in by an upload, once the pool is there."
        level = count_levels(pool_ids=[pool.pk], now=timezone.now())[pool.pk]
        return format_html(
            '{} <a href="{}">How it is used up, and how long it lasts</a>',
            stock_bar(pool, level),
            reverse("report-pool", args=[pool.pk]),
        )

    @admin.display(description="use")
    def flags(self, pool: Pool) -> SafeString | str:
        if pool.archived_at is not None:
            return label("Archived")
        return label("Reserved", BLUE) if pool.reserved else NOTHING
