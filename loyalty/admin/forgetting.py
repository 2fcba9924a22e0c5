"""Forgetting a customer, from their page: asked for with a reason and a typed word."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from alerts.admin.base import read_key
from alerts.admin.cells import AMBER, label, link_to_named, moment
from alerts.errors import ServiceError
from credit.models import User
from credit.selectors.staff import may_erase_people
from loyalty.admin.adjusting import find_customer_or_404
from loyalty.admin.looks import name_of
from loyalty.models import Customer, CustomerErasure
from loyalty.selectors.personal_data import find_losses, find_obstacles, read_customer
from loyalty.services.erasing import CONFIRMATION, forget_customer


class ForgetForm(forms.Form):
    """Why, and the word that nobody types by mistake."""

    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="Kept with your name. Say how they asked, not who they are: “by e-mail, ticket"
        " 4711”.",
        error_messages={"required": "Say why, for whoever asks later."},
    )
    confirmation = forms.CharField(
        max_length=20,
        label=f"Type “{CONFIRMATION}”: nobody can undo it",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        error_messages={"required": f"Type the word {CONFIRMATION}."},
    )


class Forgetting:
    """Mixin: the button on a customer's page that forgets them, and what it then says there."""

    admin_site: Any
    opts: Any

    def has_forget_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether somebody may forget this customer, and they are known yet."""
        key = read_key("UUIDField", str(object_id))
        return bool(
            self.admin_site.has_permission(request)
            and isinstance(request.user, User)
            and may_erase_people(request.user)
            and isinstance(key, UUID)
            and Customer.objects.filter(pk=key, erased_at=None).exists()
        )

    @admin.display(description="state")
    def forgotten(self, customer: Customer) -> SafeString | str:
        try:
            erasure = CustomerErasure.objects.get(customer=customer)
        except CustomerErasure.DoesNotExist:
            return "They are known."
        return format_html(
            "Forgotten {} by {}: {} {}",
            moment(erasure.erased_at),
            link_to_named(erasure.requested_by) or erasure.requested_by,
            erasure.reason,
            label("The provider of texts has not emptied all of its records yet", AMBER)
            if erasure.provider_ids
            else "",
        )

    @action(  # type: ignore[untyped-decorator]
        description="Forget", icon="person_remove", permissions=["forget"]
    )
    def forget(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._forget)(request, object_id)

    def _forget(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = find_customer_or_404(object_id)
        back_url = reverse("admin:loyalty_customer_change", args=[customer.pk])
        form = ForgetForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and _forget(request, customer, form):
            return redirect(back_url)
        data = read_customer(customer_id=customer.pk)
        return TemplateResponse(
            request,
            "admin/loyalty/forget_customer.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Forget {name_of(customer)}",
                "opts": self.opts,
                "form": form,
                "obstacles": find_obstacles(data),
                "losses": find_losses(data, now=timezone.now()),
                "back_url": back_url,
            },
        )


def _forget(request: HttpRequest, customer: Customer, form: ForgetForm) -> bool:
    """Forget the customer, or say on the form why not."""
    assert isinstance(request.user, User)  # noqa: S101  the site lets nobody else in
    try:
        erasure = forget_customer(
            user=request.user,
            customer_id=customer.pk,
            reason=form.cleaned_data["reason"],
            confirmation=form.cleaned_data["confirmation"],
            now=timezone.now(),
        )
    except ServiceError as error:
        for name, words in error.errors.items():
            # What stands in the way is told above the form, each time it is shown.
            if name != "customer":
                form.add_error(name if name in form.fields else None, words)
        if not error.errors:
            form.add_error(None, f"{error.code.operator} {error.code.action}")
        return False
    if erasure.provider_ids:
        messages.info(
            request,
            "Forgotten. The provider of texts has not emptied all of its records yet; it is asked"
            " again by itself.",
        )
    else:
        messages.success(request, "Forgotten.")
    return True
