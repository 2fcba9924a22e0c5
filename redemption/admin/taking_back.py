"""The buttons on a redemption's page that take its reward back, or exchange its card."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.errors import ServiceError, ValidationFailedError
from credit.models import User
from credit.money import display_amount
from credit.selectors.staff import may_replace_cards
from credit.selectors.viewers import Viewer, viewer_of_user
from credit.services.idempotency import KeyAnsweredError, KeyClaim, claim_key
from redemption.models import Redemption
from redemption.selectors.taking_back import Outlook, foresee, may_cancel, may_replace
from redemption.services.cancelling import LONGEST_REASON, cancel_redemption
from redemption.services.redeem import OutOfStockError
from redemption.services.replacing import replace_card

Work = Callable[[str, KeyClaim], str]


class TakeBackForm(forms.Form):
    """Why, and the key that makes a second press harmless."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        error_messages={"required": "Say why."},
        help_text="Kept with your name, readable, also by the client. Leave the code itself out.",
    )
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["key"] = secrets.token_urlsafe(24)


class TakingBack:
    """Mixin: cancel and replace, each with a page that says what will happen."""

    actions_detail: ClassVar = ("replace", "cancel")
    admin_site: Any
    opts: Any

    def has_cancel_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            object_id is not None
            and self.admin_site.has_permission(request)
            and may_cancel(_find(object_id))
        )

    def has_replace_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return (
            object_id is not None
            and self.admin_site.has_permission(request)
            and isinstance(request.user, User)
            and may_replace_cards(request.user)
            and may_replace(_find(object_id))
        )

    @action(  # type: ignore[untyped-decorator]
        description="Cancel", icon="block", permissions=["cancel"]
    )
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._cancel)(request, object_id)

    def _cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = _find(object_id)

        def work(reason: str, claim: KeyClaim) -> str:
            ended = cancel_redemption(
                viewer=_viewer(request),
                redemption_id=redemption.pk,
                reason=reason,
                now=timezone.now(),
                claim=claim,
            )
            refunded = display_amount(ended.refunded_minor, redemption.currency)
            money = f" {refunded} was given back." if ended.refunded_minor else ""
            return f"Cancelled. {_CARD_IS[ended.card]}{money}"

        words = _describe_cancel(foresee(redemption), redemption)
        return self._serve(request, redemption, work, "Cancel this redemption", "Cancel it", words)

    @action(  # type: ignore[untyped-decorator]
        description="Replace the card", icon="swap_horiz", permissions=["replace"]
    )
    def replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._replace)(request, object_id)

    def _replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        redemption = _find(object_id)

        def work(reason: str, claim: KeyClaim) -> str:
            replaced = replace_card(
                viewer=_viewer(request),
                redemption_id=redemption.pk,
                reason=reason,
                now=timezone.now(),
                claim=claim,
            )
            sent = " A new link is on its way." if replaced.message_id else ""
            return f"Replaced: the old card is void.{sent}"

        words = [_REPLACING, f"The old link is dead. {_TOLD[redemption.contact_method != 'none']}"]
        return self._serve(
            request, redemption, work, "Replace the card of this redemption", "Replace it", words
        )

    def _serve(
        self,
        request: HttpRequest,
        redemption: Redemption,
        work: Work,
        title: str,
        button: str,
        words: list[str],
    ) -> HttpResponse:
        """Show what will happen and ask why, or do it: ``work`` says in words what it has done."""
        url = reverse("admin:redemption_redemption_change", args=[redemption.pk])
        form = TakeBackForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            claim = claim_key(
                owner=_viewer(request).actor,
                key=form.cleaned_data["key"],
                method="POST",
                path=request.path,
                body=None,
            )
            try:
                messages.success(request, work(reason, claim))
            except KeyAnsweredError:
                messages.info(request, "That was done with the first press.")
            except ValidationFailedError as error:
                form.add_error("reason", error.errors["reason"])
            except OutOfStockError:
                form.add_error(
                    None, "There is no other card of this brand and value; nothing was changed."
                )
            except ServiceError as error:
                messages.error(request, f"{error.code.operator} {error.code.action}")
            if not form.errors:
                return redirect(url)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "redemption": redemption,
            "form": form,
            "words": words,
            "button": button,
            "back_url": url,
        }
        return TemplateResponse(request, "admin/take_back.html", context)


_REPLACING: Final = (
    "The card becomes void for good, and another one of the same brand and value takes its place. "
    "Nothing is charged a second time; what the new card cost is added."
)
_TOLD: Final = {
    True: "A new one is sent to where the first was.",
    False: "Nobody is told: no contact was given.",
}
_CARD_IS: Final = {
    "returned": "The card is back in stock.",
    "void": "The card is void.",
    "none": "There was no card.",
}


def _describe_cancel(outlook: Outlook, redemption: Redemption) -> list[str]:
    """Say what a cancel would do as things stand."""
    charged = display_amount(outlook.charged_minor, redemption.currency)
    is_back = outlook.card == "returned"
    card = {
        "returned": "Nobody has seen its code: the card goes back to stock.",
        "void": "Somebody may have seen its code: the card becomes void."
        if outlook.is_spent
        else "Its link was sent and never opened: the card becomes void.",
        "none": "It has no card.",
    }[outlook.card]
    money = ""
    if outlook.charged_minor and outlook.is_spent:
        why = "Of a card that it had before the code may be known: " if is_back else ""
        money = f"{why}{charged} stays charged. Who is to bear it otherwise is corrected by hand."
    elif outlook.charged_minor:
        money = f"{charged} is given back to the account that paid."
    last = "Nothing more is sent, the link is dead, and the redemption code stays used."
    return [words for words in (card, money, last) if words]


def _find(object_id: Any) -> Redemption:
    redemptions = Redemption.objects.select_related("card", "recipient", "campaign")
    try:
        return get_object_or_404(redemptions, pk=object_id)
    except (ValueError, ValidationError):
        raise Http404 from None


def _viewer(request: HttpRequest) -> Viewer:
    assert request.user.pk is not None  # noqa: S101  the site lets nobody else in
    return viewer_of_user(request.user.pk)
