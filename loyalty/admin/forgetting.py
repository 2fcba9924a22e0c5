"""What is kept about a customer: handed out, forgotten; from their page, and with a reason."""

from __future__ import annotations

from collections.abc import Callable
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

from alerts.admin.base import read_key
from alerts.admin.cells import AMBER, label, link_to_named, moment
from alerts.admin.person_forms import ReasonForm, personal_data_file, typed_word
from alerts.errors import ServiceError
from credit.models import User
from credit.selectors.staff import may_erase_people, may_export_people
from loyalty.admin.adjusting import find_customer_or_404
from loyalty.admin.looks import name_of
from loyalty.models import Customer, CustomerErasure
from loyalty.selectors.personal_data import (
    find_customer_losses,
    find_customer_obstacles,
    read_customer,
)
from loyalty.selectors.personal_sections import list_customer_sections
from loyalty.services.customer_export import export_customer
from loyalty.services.erasing import CONFIRMATION, forget_customer

_PAGE = "admin/loyalty/customer_data.html"


class ForgetForm(ReasonForm):
    """Why, and the word that nobody types by mistake."""

    confirmation = typed_word(CONFIRMATION)


class Forgetting:
    """Mixin: the buttons on a customer's page that hand their data out and forget them."""

    admin_site: Any
    opts: Any

    def has_hand_out_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether somebody may hand out what is kept about this customer."""
        return self._may(request, object_id, may_export_people)

    def has_forget_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether somebody may forget this customer."""
        return self._may(request, object_id, may_erase_people)

    def _may(self, request: HttpRequest, object_id: Any, rule: Callable[[User], bool]) -> bool:
        key = read_key("UUIDField", str(object_id))
        return bool(
            self.admin_site.has_permission(request)
            and isinstance(request.user, User)
            and rule(request.user)
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
        description="Hand out data", icon="download", permissions=["hand_out"]
    )
    def hand_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._hand_out)(request, object_id)

    def _hand_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = find_customer_or_404(object_id)
        form = ReasonForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            answer = _export(request, customer, form)
            if answer is not None:
                return answer
        return self._page(
            request,
            customer,
            form,
            title=f"What is kept about {name_of(customer)}",
            heading="Hand it out",
            words="A ZIP file with all of it, for machines (JSON) and to read (HTML). No code of a"
            " card is in it.",
            button="Download",
        )

    @action(  # type: ignore[untyped-decorator]
        description="Forget", icon="person_remove", permissions=["forget"]
    )
    def forget(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._forget)(request, object_id)

    def _forget(self, request: HttpRequest, object_id: str) -> HttpResponse:
        customer = find_customer_or_404(object_id)
        form = ForgetForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and _forget(request, customer, form):
            return redirect("admin:loyalty_customer_change", customer.pk)
        data = read_customer(customer_id=customer.pk)
        return self._page(
            request,
            customer,
            form,
            title=f"Forget {name_of(customer)}",
            heading="Forget them",
            button="Forget for good",
            obstacles=find_customer_obstacles(data),
            losses=find_customer_losses(data, now=timezone.now()),
        )

    def _page(
        self, request: HttpRequest, customer: Customer, form: forms.Form, **words: Any
    ) -> HttpResponse:
        sections = list_customer_sections(read_customer(customer_id=customer.pk))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "form": form,
            "sections": [
                {"title": one.title, "count": one.rows.count(), "fate": one.fate}
                for one in sections
            ],
            "back_url": reverse("admin:loyalty_customer_change", args=[customer.pk]),
            **words,
        }
        return TemplateResponse(request, _PAGE, context)


def _export(request: HttpRequest, customer: Customer, form: ReasonForm) -> HttpResponse | None:
    """Return the file, or say on the form why there is none."""
    assert isinstance(request.user, User)  # noqa: S101  the site lets nobody else in
    now = timezone.now()
    try:
        archive = export_customer(
            user=request.user,
            customer_id=customer.pk,
            reason=form.cleaned_data["reason"],
            now=now,
        )
    except ServiceError as error:
        _explain(form, error)
        return None
    return personal_data_file(archive, now=now)


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
        _explain(form, error)
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


def _explain(form: forms.Form, error: ServiceError) -> None:
    for name, words in error.errors.items():
        # What stands in the way is told above the form, each time it is shown.
        if name != "customer":
            form.add_error(name if name in form.fields else None, words)
    if not error.errors:
        form.add_error(None, f"{error.code.operator} {error.code.action}")
