"""Sums of money in the admin: shown with their currency, entered as people write them."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminTextInputWidget

from alerts.admin.cells import NOTHING, Column
from alerts.admin.forms import WordedForm
from credit.money import AmountError, display_amount, format_amount, parse_amount


def money(amount_minor: int | None, currency: str) -> SafeString | str:
    """Return an amount for a cell of a list or page; a dash where there is none."""
    if amount_minor is None:
        return NOTHING
    return format_html('<span class="money">{}</span>', display_amount(amount_minor, currency))


def money_column(field: str, *, currency: str = "currency", title: str = "") -> Column:
    """Return a column of sums; name it ``…_money`` and it is aligned to the right.

    Both paths may lead through other rows: ``"account.currency"``.
    """

    @admin.display(description=title or field.removesuffix("_minor").replace("_", " "))
    def column(_admin: Any, row: Any) -> SafeString | str:
        return money(_follow(row, field), _follow(row, currency))

    return column


def _follow(row: Any, path: str) -> Any:
    return reduce(getattr, path.split("."), row)


class AmountsForm(WordedForm):
    """A form whose ``amounts`` (columns of minor units) are entered as ``25.00``."""

    amounts: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self._amounts_here():
            old = self.fields[name]
            self.fields[name] = forms.CharField(
                label=str(old.label).removesuffix(" minor"),
                required=old.required,
                help_text=old.help_text or "Such as 25.00",
                widget=UnfoldAdminTextInputWidget(),
            )
            amount_minor, currency = getattr(self.instance, name), self.find_currency()
            if amount_minor is not None and currency:
                self.initial[name] = format_amount(amount_minor, currency)

    def find_currency(self) -> str:
        """Return the currency that the amounts are in, empty while it is not known."""
        cleaned = getattr(self, "cleaned_data", {})
        return str(cleaned.get("currency") or getattr(self.instance, "currency", ""))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        currency = self.find_currency()
        for name in self._amounts_here():
            text = cleaned.get(name)
            if not text:
                cleaned[name] = None
                continue
            try:
                cleaned[name] = parse_amount(text, currency)
            except AmountError as error:
                self.add_error(name, str(error))
        return cleaned

    def _amounts_here(self) -> list[str]:
        return [name for name in self.amounts if name in self.fields]
