"""Choosing what a provider sells: for a brand by its name there, for a pool by how it buys."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from credit.money import display_amount
from giftcards.models import Denomination, Pool, ProviderBrand
from giftcards.providers import PROVIDERS
from giftcards.selectors.providers import (
    describe_values,
    find_provider_brand,
    list_provider_brands,
    sells_value,
)

_LIST_ID: Final = "provider-brands"
Method = Pool.PurchaseMethod


class ProviderBrandWidget(UnfoldAdminTextInputWidget):  # type: ignore[misc]
    """A text field that proposes the brands on the providers' lists."""

    def __init__(self) -> None:
        super().__init__(attrs={"list": _LIST_ID, "autocomplete": "off", "spellcheck": "false"})

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = format_html_join(
            "",
            '<option value="{}">{}</option>',
            (
                (brand.slug, f"{brand.name}, {describe_values(brand)}")
                for brand in list_provider_brands()
            ),
        )
        field = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="{}">{}</datalist>', field, _LIST_ID, options)


def check_provider_slug(slug: str) -> str:
    """Return a brand's name at the provider, as it is written there.

    :raises ValidationError: it is on no list, though there is one.
    """
    slug = slug.strip().lower()
    if not slug or find_provider_brand(slug) is not None or not list_provider_brands():
        return slug
    near = [brand.slug for brand in list_provider_brands(words=slug.split("-")[0], limit=5)]
    hint = f" There is {', '.join(near)}." if near else ""
    raise forms.ValidationError(
        f"No provider lists {slug}.{hint} If it is new there, bring the list up to date on the"
        " providers' page first."
    )


def provider_field() -> forms.ChoiceField:
    """Return the choice of who sells a pool's cards."""
    return forms.ChoiceField(
        label="Provider",
        required=False,
        choices=[("", "–"), *PROVIDERS.items()],
        widget=UnfoldAdminSelectWidget(),
        help_text="Who sells the cards, where the method is one that buys.",
    )


def check_buying(form: forms.ModelForm[Pool], cleaned: dict[str, Any]) -> None:
    """Say on the pool's form what keeps it from buying as it is to."""
    pool: Pool = form.instance
    method = cleaned.get("purchase_method", pool.purchase_method)
    _check_buffer(form, cleaned, method)
    if method in (None, "", Method.CSV_ONLY):
        return
    denomination = cleaned.get("denomination")
    if denomination is None and not pool._state.adding:  # noqa: SLF001  Django's public door
        denomination = pool.denomination
    if not cleaned.get("api_provider"):
        form.add_error("api_provider", "Choose who sells the cards.")
    elif denomination is not None:
        problem = _find_problem(denomination, cleaned["api_provider"])
        if problem:
            form.add_error("purchase_method", problem)


def _check_buffer(form: forms.ModelForm[Pool], cleaned: dict[str, Any], method: Any) -> None:
    if cleaned.get("kind", form.instance.kind) != Pool.Kind.BUFFER:
        for name in ("target_level", "daily_budget_minor"):
            if cleaned.get(name) is not None:
                form.add_error(name, "Only a buffer is kept at a level; leave it empty.")
    elif method == Method.CSV_ONLY and cleaned.get("target_level"):
        form.add_error(
            "purchase_method", "A buffer is filled by its provider: choose a method that buys."
        )


def _find_problem(denomination: Denomination, provider: str) -> str:
    brand = denomination.brand
    if not brand.provider_slug:
        return (
            f"{brand.name} has no name at the provider, so nothing can be bought. Choose one on"
            " the brand's page first."
        )
    sold = find_provider_brand(brand.provider_slug, provider=provider)
    if sold is None or sells_value(sold, denomination.value_minor, denomination.currency):
        return ""
    value = display_amount(denomination.value_minor, denomination.currency)
    return (
        f"{PROVIDERS[provider]} does not sell {sold.name} at {value}, but {describe_values(sold)}."
    )


def describe_sold(sold: ProviderBrand) -> str:
    """Print how a provider sells a brand: ``Amazon: sold, $5.00 to $500.00, 4 % discount``."""
    parts = [f"{sold.name}: {sold.get_state_display().lower()}", describe_values(sold)]
    if sold.discount_percent is not None:
        parts.append(f"{sold.discount_percent.normalize():f} % discount")
    if sold.is_asynchronous:
        parts.append("ordered now and handed over later")
    return ", ".join(parts) + (f" ({sold.reason})" if sold.reason else "")
