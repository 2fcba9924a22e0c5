"""Adding points to a customer, or taking some, by hand and with a reason."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from alerts.admin.base import read_key
from alerts.errors import ServiceError, ValidationFailedError
from credit.models import User
from credit.selectors.staff import may_adjust_points
from loyalty.admin.looks import actor_of, name_of
from loyalty.models import Customer
from loyalty.services.adjustments import adjust_points
from loyalty.services.checkouts import NotEnoughPointsError


class AdjustForm(forms.Form):
    """How many, why, and the id that makes a second press harmless."""

    points = forms.CharField(
        max_length=16,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "text", "autocomplete": "off"}),
        help_text="With a minus in front they are taken away.",
        error_messages={"required": "Enter how many points."},
    )
    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept with the transaction; the customer may be told.",
        error_messages={"required": "Say why."},
    )
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["key"] = uuid4()

    def clean_points(self) -> int:
        text: str = self.cleaned_data["points"].replace("−", "-")
        for mark in (" ", ",", "\u00a0", "\u202f"):
            text = text.replace(mark, "")
        digits = text.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdigit()) or not int(digits):
            raise forms.ValidationError("Enter a whole number, such as 250 or -250.")
        return -int(digits) if text.startswith("-") else int(digits)


class Adjusting:
    """Mixin: the button on a customer's page that adjusts their points."""

    admin_site: Any
    opts: Any

    def has_adjust_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether whoever looks may adjust points, of somebody who was not forgotten."""
        key = read_key("UUIDField", str(object_id))
        return (
            self.admin_site.has_permission(request)
            and isinstance(request.user, User)
            and may_adjust_points(request.user)
            and isinstance(key, UUID)
            and not Customer.objects.filter(pk=key, erased_at__isnull=False).exists()
        )

    @action(  # type: ignore[untyped-decorator]
        description="Adjust points", icon="balance", permissions=["adjust"]
    )
    def adjust_points(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._adjust)(request, object_id)

    def _adjust(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = find_customer_or_404(object_id)
        back_url = reverse("admin:loyalty_customer_change", args=[customer.pk])
        form = AdjustForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and _adjust(request, customer, form):
            return redirect(back_url)
        return TemplateResponse(
            request,
            "admin/loyalty/adjust_points.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Adjust the points of {name_of(customer)}",
                "opts": self.opts,
                "form": form,
                "balance": f"{customer.points_balance:,}",
                "available": f"{customer.points_balance - customer.points_held:,}",
                "back_url": back_url,
            },
        )


def _adjust(request: HttpRequest, customer: Customer, form: AdjustForm) -> bool:
    """Write the adjustment, or say on the form why not."""
    data = form.cleaned_data
    try:
        done = adjust_points(
            client_id=customer.client_id,
            customer_id=customer.pk,
            points=data["points"],
            adjustment_id=data["key"],
            reason=data["reason"],
            actor=actor_of(request),
            now=timezone.now(),
        )
    except NotEnoughPointsError as error:
        form.add_error("points", f"Only {error.available:,} are available; held ones are not.")
    except ValidationFailedError as error:
        for name, words in error.errors.items():
            form.add_error(name if name in ("points", "reason") else None, words)
    except ServiceError as error:
        form.add_error(None, f"{error.code.operator} {error.code.action}")
    else:
        if done.is_repeat:
            messages.info(request, "That was written before; nothing changed a second time.")
        else:
            messages.success(
                request,
                f"Written: {done.points:+,} points, the balance is {done.points_balance:,}. "
                "To undo it, adjust it back.",
            )
        return True
    return False


def find_customer_or_404(object_id: str) -> Customer:
    """Return the customer of an address.

    :raises Http404: there is none.
    """
    key = read_key("UUIDField", object_id)
    if not isinstance(key, UUID):
        raise Http404
    return get_object_or_404(Customer, pk=key)
