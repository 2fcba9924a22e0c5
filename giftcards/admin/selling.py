"""Selling cards of a master pool from its page: say how many, look at the total, confirm.

The key in the form makes a second press harmless: it leads to the first sale.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.codes import ErrorCode
from alerts.errors import ServiceError
from credit.models import Account, Client
from credit.money import AmountError, display_amount, parse_amount
from credit.selectors.viewers import viewer_of_user
from credit.services.idempotency import KeyReusedError
from credit.services.transfers import AccountNotActiveError, InsufficientCreditError
from giftcards.admin.finding import find_pool_or_404
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels
from giftcards.selectors.selling import SaleQuote, quote_sale
from giftcards.services.sales import LARGEST_SALE, sell_cards

_STATUS_WORDS: Final = {Account.Status.PAUSED: "paused", Account.Status.CLOSED: "closed"}


class ClientChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice among the clients that are served, each with its agency."""

    def label_from_instance(self, client: Client) -> str:
        return name_buyer(client)

    def to_python(self, value: Any) -> Client | None:
        try:
            return super().to_python(value)
        except forms.ValidationError:  # that no choice is a UUID is said in a programmer's words
            raise forms.ValidationError("Choose one from the list.") from None


def name_buyer(client: Client) -> str:
    """Return a client's name with its agency's: two agencies may serve clients of one name."""
    return f"{client.name} ({client.agency.name})"


class SaleForm(forms.Form):
    """Who buys how many cards for how much, and the key that makes a second press harmless."""

    client = ClientChoiceField(
        queryset=Client.objects.none(),
        empty_label="Choose a client",
        widget=UnfoldAdminSelectWidget(),
    )
    quantity = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_SALE,
        label="How many cards",
        localize=False,
        widget=UnfoldAdminIntegerFieldWidget(attrs={"min": 1, "max": LARGEST_SALE}),
    )
    price_per_card = forms.CharField(
        max_length=32,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, pool: Pool) -> None:
        super().__init__(data)
        self.currency = pool.denomination.currency
        value = display_amount(pool.denomination.value_minor, self.currency)
        clients: Any = self.fields["client"]
        clients.queryset = (
            Client.objects.filter(is_active=True, agency__is_active=True)
            .select_related("agency")
            .order_by("name", "pk")
        )
        self.fields["price_per_card"].label = f"Price per card in {self.currency}"
        self.fields["price_per_card"].help_text = f"A card is worth {value}."
        self.initial["key"] = secrets.token_urlsafe(24)

    def clean_price_per_card(self) -> int:
        try:
            price_minor = parse_amount(self.cleaned_data["price_per_card"], self.currency)
        except AmountError as error:
            raise forms.ValidationError(str(error)) from None
        if not price_minor:
            raise forms.ValidationError("Give more than zero.")
        return price_minor

    def renew_key(self) -> None:
        """Have the next press of the button be a sale of its own."""
        fresh = {"key": secrets.token_urlsafe(24)}
        self.data = {**{name: self.data[name] for name in self.data}, **fresh}


class PoolSelling:
    """Mixin: the button on a master pool's page that sells cards to a client."""

    admin_site: Any
    opts: Any

    def has_sell_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether cards are sold from this pool: from the platform's own, while in use."""
        pool = None if object_id is None else find_pool_or_404(object_id)
        return bool(
            self.admin_site.has_permission(request)
            and pool is not None
            and pool.kind == Pool.Kind.MASTER
            and pool.archived_at is None
        )

    @action(  # type: ignore[untyped-decorator]
        description="Sell to a client", icon="point_of_sale", permissions=["sell"]
    )
    def sell(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._sell)(request, object_id)

    def _sell(self, request: HttpRequest, object_id: str) -> HttpResponse:
        pool = find_pool_or_404(object_id)
        form = SaleForm(request.POST if request.method == "POST" else None, pool=pool)
        review: list[tuple[str, str]] = []
        if request.method == "POST" and form.is_valid():
            step = request.POST.get("step")
            if step == "confirm" and (sold := _confirm(request, pool, form)) is not None:
                return sold
            if step == "preview":
                review = _review(pool, form)
        available = count_levels(pool_ids=[pool.pk], now=timezone.now())[pool.pk].available
        return TemplateResponse(
            request,
            "admin/sell_cards.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Sell cards of {pool.name}",
                "opts": self.opts,
                "pool": pool,
                "form": form,
                "review": review,
                "stock": f"{available:,} cards of this pool can be sold.",
            },
        )


def _review(pool: Pool, form: SaleForm) -> list[tuple[str, str]]:
    """Return the terms in words; nothing, with the reasons in the form, where they can't be met."""
    data = form.cleaned_data
    quote = quote_sale(
        pool=pool,
        client=data["client"],
        quantity=data["quantity"],
        price_per_card_minor=data["price_per_card"],
        now=timezone.now(),
    )
    if not quote.has_enough_cards:
        form.add_error("quantity", f"Only {quote.available:,} cards can be sold.")
    if not quote.is_payable:
        form.add_error("client", _say_unpayable(quote))
    if form.errors:
        return []
    assert quote.balance_minor is not None  # noqa: S101  it pays
    assert quote.balance_after_minor is not None  # noqa: S101
    currency = quote.currency
    return [
        ("Client", name_buyer(data["client"])),
        ("Cards", f"{quote.quantity:,} of {pool.brand.name}"),
        ("Price per card", display_amount(data["price_per_card"], currency)),
        ("Total", display_amount(quote.total_minor, currency)),
        ("The client has now", display_amount(quote.balance_minor, currency)),
        ("and afterwards", display_amount(quote.balance_after_minor, currency)),
    ]


def _confirm(request: HttpRequest, pool: Pool, form: SaleForm) -> HttpResponse | None:
    """Sell, or say in the form why not."""
    data = form.cleaned_data
    assert request.user.pk is not None  # noqa: S101  the site lets nobody else in
    try:
        sale = sell_cards(
            viewer=viewer_of_user(request.user.pk),
            master_pool_id=pool.pk,
            client_id=data["client"].pk,
            quantity=data["quantity"],
            price_per_card_minor=data["price_per_card"],
            key=data["key"],
            now=timezone.now(),
        )
    except ServiceError as error:
        _explain(pool, form, error)
        return None
    if sale.is_replay:
        messages.info(request, "These cards were sold before; nothing was sold a second time.")
    else:
        total = display_amount(sale.total_minor, sale.currency)
        messages.success(
            request,
            f"Sold: {sale.quantity:,} cards to {data['client'].name} for {total}. While none of"
            " them is used, the sale can be taken back here.",
        )
    return redirect(reverse("admin:giftcards_cardsale_change", args=[sale.sale_id]))


def _explain(pool: Pool, form: SaleForm, error: ServiceError) -> None:
    if isinstance(error, KeyReusedError):
        form.renew_key()
        form.add_error(
            None,
            "This page has sold cards already, and since then its figures were changed. Look at"
            " the sales first; sent once more, it is a sale of its own.",
        )
    elif isinstance(error, InsufficientCreditError | AccountNotActiveError) or (
        error.code is ErrorCode.NO_BILLING_ACCOUNT
    ):
        quote = quote_sale(
            pool=pool,
            client=form.cleaned_data["client"],
            quantity=form.cleaned_data["quantity"],
            price_per_card_minor=form.cleaned_data["price_per_card"],
            now=timezone.now(),
        )
        form.add_error("client", _say_unpayable(quote))
    elif error.errors:
        for name, words in error.errors.items():
            form.add_error(name if name in form.fields else None, words)
    else:
        form.add_error(None, f"{error.code.operator} {error.code.action}")


def _say_unpayable(quote: SaleQuote) -> str:
    if quote.balance_minor is None:
        return f"This client has no account in {quote.currency}."
    if quote.account_status in _STATUS_WORDS:
        return f"This client's account is {_STATUS_WORDS[Account.Status(quote.account_status)]}."
    total = display_amount(quote.total_minor, quote.currency)
    balance = display_amount(quote.balance_minor, quote.currency)
    return f"This client has {balance}, and the total is {total}."
