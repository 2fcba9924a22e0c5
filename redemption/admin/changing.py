"""What the buttons on a redemption's page share: a page that says what will happen and asks why."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.errors import ServiceError, ValidationFailedError
from credit.selectors.viewers import Viewer, viewer_of_user
from credit.services.idempotency import KeyAnsweredError, KeyClaim, claim_key
from redemption.models import Redemption
from redemption.services.cancelling import LONGEST_REASON
from redemption.services.redeem import OutOfStockError

KEPT: Final = "Kept with your name, readable, also by the client. Leave the code itself out."
Said = Mapping[str, str]
Work = Callable[[Said, KeyClaim], str]


class OnceForm(forms.Form):
    """The key that makes a second press harmless."""

    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["key"] = secrets.token_urlsafe(24)


class ReasonForm(OnceForm):
    """Why."""

    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        error_messages={"required": "Say why."},
        help_text=KEPT,
    )


class Changing:
    """Mixin: a page for each thing that can be done to a redemption."""

    admin_site: Any
    opts: Any

    def _serve(
        self,
        request: HttpRequest,
        redemption: Redemption,
        work: Work,
        title: str,
        button: str,
        words: list[str],
        *,
        form_class: type[OnceForm] = ReasonForm,
        initial: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Show what will happen and ask why, or do it: ``work`` says in words what it has done."""
        url = reverse("admin:redemption_redemption_change", args=[redemption.pk])
        form = form_class(
            request.POST if request.method == "POST" else None, initial=dict(initial or {})
        )
        if request.method == "POST" and form.is_valid():
            claim = claim_key(
                owner=viewer_of(request).actor,
                key=form.cleaned_data["key"],
                method="POST",
                path=request.path,
                body=None,
            )
            try:
                messages.success(request, work(form.cleaned_data, claim))
            except KeyAnsweredError:
                messages.info(request, "That was done with the first press.")
            except ValidationFailedError as error:
                for name, said in error.errors.items():
                    form.add_error(name if name in form.fields else None, said)
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


def find_row(object_id: Any) -> Redemption:
    """Return the redemption of a page's address; a 404 where there is none."""
    redemptions = Redemption.objects.select_related("card", "recipient", "campaign")
    try:
        return get_object_or_404(redemptions, pk=object_id)
    except (ValueError, ValidationError):
        raise Http404 from None


def viewer_of(request: HttpRequest) -> Viewer:
    """Return what the one who asks may do."""
    assert request.user.pk is not None  # noqa: S101  the site lets nobody else in
    return viewer_of_user(request.user.pk)
