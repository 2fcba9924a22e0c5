"""Which of its agency's brands and values a client hands out, switched one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from uuid import UUID

from django.core.exceptions import ValidationError
from django.forms import UUIDField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from credit.dashboard.access import page_for
from credit.money import display_amount
from credit.selectors.viewers import Viewer
from giftcards.models import Brand, Denomination
from giftcards.selectors.offers import ClientBrandChoice, list_client_brands
from giftcards.services.prices import TermsChange, set_client_brand, set_client_denomination
from redemption.dashboard.client import OpenClient, client_context, open_client
from redemption.dashboard.frame import CLIENT_ROLES, say
from redemption.selectors.campaigns import CampaignFacts, list_campaigns_giving


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ValueRow:
    """A value of a brand with its charge; ``counts`` says whether its brand is handed out."""

    denomination_id: UUID
    value: str
    charge: str
    extra: str
    is_offered: bool
    counts: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandRow:
    """A brand with its values."""

    brand_id: UUID
    name: str
    is_offered: bool
    values: tuple[ValueRow, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """What is to be switched, and to what; ``denomination_id`` is None for a whole brand."""

    brand: ClientBrandChoice
    denomination_id: UUID | None
    is_offered: bool
    name: str
    value_minor: int | None
    currency: str

    @property
    def fields(self) -> dict[str, str]:
        """The form that asks for it."""
        field, key = (
            ("brand", self.brand.brand_id)
            if self.denomination_id is None
            else ("denomination", self.denomination_id)
        )
        return {field: str(key), "offered": "yes" if self.is_offered else "no"}


@require_http_methods(["GET", "HEAD", "POST"])
@page_for(*CLIENT_ROLES)
def client_brands(request: HttpRequest, viewer: Viewer, client_id: UUID) -> HttpResponse:
    """List what the agency offers, with the client's choice; on POST, switch one on or off."""
    client = open_client(viewer, client_id)
    choices = list_client_brands(viewer=viewer, client_id=client_id)
    if request.method == "POST":
        return _switch(request, viewer, client, choices)
    context = client_context(client, current="client-brands")
    rows = [_row(choice) for choice in choices]
    return render(request, "client/brands.html", {**context, "brands": rows})


def _switch(
    request: HttpRequest, viewer: Viewer, client: OpenClient, choices: Sequence[ClientBrandChoice]
) -> HttpResponse:
    switched = _read(request, choices)
    if not switched.is_offered and request.POST.get("confirmed") != "yes":
        giving = list_campaigns_giving(
            viewer=viewer,
            client_id=client.client_id,
            brand_id=switched.brand.brand_id,
            value_minor=switched.value_minor,
            currency=switched.currency,
        )
        if giving:
            return _ask(request, client, switched, giving)
    change = _save(viewer, client, switched)
    if change.is_change:
        _tell(request, switched)
    address = reverse("client-brands", args=[client.client_id])
    if not request.headers.get("HX-Request"):
        return redirect(address)
    if request.POST.get("confirmed"):
        return HttpResponseClientRedirect(address)
    after = list_client_brands(viewer=viewer, client_id=client.client_id)
    rows = [_row(choice) for choice in after if choice.brand_id == switched.brand.brand_id]
    return render(
        request,
        "client/_brand_saved.html",
        {"brand": rows[0] if rows else None, "client": client.facts, "may_change": True},
    )


def _read(request: HttpRequest, choices: Sequence[ClientBrandChoice]) -> Switched:
    """Read which brand or value is meant; 404 for one that the agency does not offer."""
    brand_id, denomination_id = _id(request, "brand"), _id(request, "denomination")
    is_offered = request.POST.get("offered") == "yes"
    for brand in choices:
        if brand.brand_id == brand_id:
            return Switched(
                brand=brand,
                denomination_id=None,
                is_offered=is_offered,
                name=brand.name,
                value_minor=None,
                currency="",
            )
        for value in brand.denominations:
            if value.denomination_id == denomination_id:
                return Switched(
                    brand=brand,
                    denomination_id=denomination_id,
                    is_offered=is_offered,
                    name=f"{brand.name} {display_amount(value.value_minor, value.currency)}",
                    value_minor=value.value_minor,
                    currency=value.currency,
                )
    raise Http404


def _id(request: HttpRequest, name: str) -> UUID | None:
    try:
        found: UUID | None = UUIDField(required=False).clean(request.POST.get(name, ""))
    except ValidationError:
        raise Http404 from None
    return found


def _save(viewer: Viewer, client: OpenClient, switched: Switched) -> TermsChange:
    now = timezone.now()
    try:
        if switched.denomination_id is None:
            return set_client_brand(
                viewer=viewer,
                client_id=client.client_id,
                brand_id=switched.brand.brand_id,
                is_offered=switched.is_offered,
                now=now,
            )
        return set_client_denomination(
            viewer=viewer,
            client_id=client.client_id,
            denomination_id=switched.denomination_id,
            is_offered=switched.is_offered,
            now=now,
        )
    except (Brand.DoesNotExist, Denomination.DoesNotExist) as gone:
        # The agency took it back since the page was read.
        raise Http404 from gone


def _ask(
    request: HttpRequest, client: OpenClient, switched: Switched, giving: Sequence[CampaignFacts]
) -> HttpResponse:
    page = {
        "name": switched.name,
        "campaigns": [campaign.name for campaign in giving],
        "fields": {**switched.fields, "confirmed": "yes"},
        "url": reverse("client-brands", args=[client.client_id]),
    }
    if request.headers.get("HX-Request"):
        part = render(request, "client/_brand_in_use.html", {"page": page})
        return reswap(retarget(part, "#dialog-body"), "innerHTML")
    context = client_context(client, current="client-brands")
    return render(request, "client/brand_in_use.html", {**context, "page": page})


def _tell(request: HttpRequest, switched: Switched) -> None:
    words = (
        _("%(name)s is handed out again.")
        if switched.is_offered
        else _("%(name)s is no longer handed out.")
    )
    before = dataclasses.replace(switched, is_offered=not switched.is_offered)
    say(
        request,
        words % {"name": switched.name},
        undo_url=request.path,
        # It was that way before: nothing more to ask.
        undo_fields={**before.fields, "confirmed": "yes"},
    )


def _row(choice: ClientBrandChoice) -> BrandRow:
    return BrandRow(
        brand_id=choice.brand_id,
        name=choice.name,
        is_offered=choice.is_offered,
        values=tuple(
            ValueRow(
                denomination_id=value.denomination_id,
                value=display_amount(value.value_minor, value.currency),
                charge=display_amount(value.price_minor, value.currency),
                extra=_extra(value.price_minor - value.value_minor, value.currency),
                is_offered=value.is_offered,
                counts=choice.is_offered,
            )
            for value in choice.denominations
        ),
    )


def _extra(extra_minor: int, currency: str) -> str:
    if extra_minor == 0:
        return _("its face value")
    amount = display_amount(abs(extra_minor), currency)
    more, less = _("%(amount)s above face value"), _("%(amount)s below face value")
    return (more if extra_minor > 0 else less) % {"amount": amount}
