"""What a platform admin does to one account: issue credit, correct a balance, split it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action

from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError, ValidationFailedError
from credit.models import Account
from credit.money import AmountError, display_amount, parse_amount
from credit.selectors.balances import balance_on
from credit.selectors.viewers import Viewer, viewer_of_user
from credit.services.allocations import adjust_account, issue_credit
from credit.services.slots import merge_account, split_account
from credit.services.transfers import InsufficientCreditError

_SLOTS = 64


class MovementForm(forms.Form):
    """An amount, why, and the key that makes a second press harmless."""

    amount = forms.CharField(max_length=32)
    reason = forms.CharField(max_length=500, widget=forms.Textarea(attrs={"rows": 2}))
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, account: Account, may_take: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account, self.may_take = account, may_take
        self.fields["amount"].label = f"Amount in {account.currency}"
        if may_take:
            self.fields["amount"].help_text = "With a minus in front it is taken away."
        self.initial["key"] = secrets.token_urlsafe(24)

    def clean_amount(self) -> int:
        text: str = self.cleaned_data["amount"].strip().replace("−", "-")
        takes = self.may_take and text.startswith("-")
        try:
            amount = parse_amount(text.removeprefix("-") if takes else text, self.account.currency)
        except AmountError as error:
            raise forms.ValidationError(str(error)) from None
        return -amount if takes else amount


class AccountActions:
    """Mixin: the buttons on an account's page."""

    actions_detail: ClassVar = ("issue", "adjust", "split")
    admin_site: Any
    opts: Any

    @action(description="Issue credit", icon="add_card")  # type: ignore[untyped-decorator]
    def issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._issue)(request, object_id)

    def _issue(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = _find(object_id)
        if account.level != Account.Level.AGENCY:
            messages.info(
                request, "Credit is issued to an agency, which hands it down to its clients."
            )
            return _back(request, account)

        def move(data: dict[str, Any]) -> str:
            issue_credit(
                viewer=_viewer(request),
                to_account_id=account.pk,
                amount_minor=data["amount"],
                note=data["reason"],
                key=data["key"],
                now=timezone.now(),
            )
            amount = display_amount(data["amount"], account.currency)
            return f"{amount} issued to {account.name}."

        form = MovementForm(request.POST or None, account=account, may_take=False)
        return self._serve(request, form, move, f"Issue credit to {account.name}", "Issue it")

    @action(description="Correct the balance", icon="balance")  # type: ignore[untyped-decorator]
    def adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._adjust)(request, object_id)

    def _adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = _find(object_id)
        if account.level == Account.Level.PLATFORM:
            messages.info(request, "The platform's accounts keep no balance to correct.")
            return _back(request, account)

        def move(data: dict[str, Any]) -> str:
            adjust_account(
                viewer=_viewer(request),
                account_id=account.pk,
                amount_minor=data["amount"],
                reason=data["reason"],
                key=data["key"],
                now=timezone.now(),
            )
            amount = display_amount(data["amount"], account.currency)
            return f"Corrected by {amount}. To undo it, correct it back."

        form = MovementForm(request.POST or None, account=account, may_take=True)
        return self._serve(request, form, move, f"Correct {account.name}", "Correct it")

    @action(  # type: ignore[untyped-decorator]
        description="Split or merge",
        icon="call_split",
        dialog={
            "title": "Split or merge the balance",
            "description": "A balance that hundreds of redemptions a second draw from is kept in "
            "64 parts, so that they do not wait for each other. To everybody it stays one number. "
            "An account that is split is put together again.",
            "form_submit_text": "Do it",
        },
    )
    def split(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        account = _find(object_id)
        actor, now = f"user:{request.user.pk}", timezone.now()
        try:
            if account.slot_count:
                merge_account(account_id=account.pk, actor=actor, now=now)
                messages.success(request, "The balance is one number again.")
            else:
                split_account(account_id=account.pk, slots=_SLOTS, actor=actor, now=now)
                messages.success(request, f"The balance is kept in {_SLOTS} parts.")
        except ServiceError as error:
            messages.error(request, error.code.operator)
        return _back(request, account)

    def _serve(
        self,
        request: HttpRequest,
        form: MovementForm,
        move: Callable[[dict[str, Any]], str],
        title: str,
        button: str,
    ) -> HttpResponse:
        """Show the form, or move money by it: ``move`` says in words what it has done."""
        account = form.account
        if request.method == "POST" and form.is_valid():
            try:
                words = move(form.cleaned_data)
            except ServiceError as error:
                _explain(form, error)
            else:
                messages.success(request, words)
                return _back(request, account)
        return TemplateResponse(
            request,
            "admin/account_movement.html",
            {
                **self.admin_site.each_context(request),
                "title": title,
                "opts": self.opts,
                "form": form,
                "button": button,
                "balance": display_amount(balance_on(account) or 0, account.currency),
                "back_url": reverse("admin:credit_account_change", args=[account.pk]),
            },
        )


def _find(object_id: str) -> Account:
    try:
        return get_object_or_404(Account, pk=object_id)
    except (TypeError, ValueError):
        raise Http404 from None


def _viewer(request: HttpRequest) -> Viewer:
    assert request.user.pk is not None  # noqa: S101  the site lets nobody else in
    return viewer_of_user(request.user.pk)


def _explain(form: MovementForm, error: ServiceError) -> None:
    if isinstance(error, ValidationFailedError):
        for name, words in error.errors.items():
            form.add_error(name if name in form.fields else None, words)
    elif isinstance(error, InsufficientCreditError):
        form.add_error("amount", "The account holds less than that.")
    else:
        form.add_error(None, error.code.operator)


def _back(request: HttpRequest, account: Account) -> HttpResponse:
    return leave_for(request, reverse("admin:credit_account_change", args=[account.pk]))
