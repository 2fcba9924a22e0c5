"""The providers' page: are they asked, what money of ours they have, what they sell of ours."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import AMBER, GREEN, GREY, NOTHING, RED, state_column, time_column, whole
from credit.admin.amounts import money_column
from credit.money import display_amount
from giftcards.admin.pools import buffer_bar
from giftcards.models import Brand, ProviderBrand, ProviderCircuit, ProviderFloat
from giftcards.providers import (
    PROVIDERS,
    NotConfiguredError,
    ProviderError,
    configured_providers,
    missing_settings,
)
from giftcards.selectors.buffers import BufferState, list_buffers
from giftcards.selectors.orders import count_unknown_orders
from giftcards.selectors.providers import (
    BrandUse,
    FloatLevel,
    describe_values,
    list_brand_uses,
    list_floats,
    summarise_brands,
)
from giftcards.services.circuit import switch_off, switch_on
from giftcards.services.floats import check_floats
from giftcards.services.provider_brands import sync_brands

BRAND_COLOURS: Final = {"enabled": GREEN, "paused": AMBER, "disabled": GREY}
_LONGEST_REASON: Final = 200
Reason = ProviderCircuit.Reason

_REASONS: Final = {
    Reason.FAILURES: "It kept failing and is left alone for a while; then one order finds out.",
    Reason.SET_UP: "It refuses us: set right what is wrong (keys, address, sector, brand).",
    Reason.NO_MONEY: "Our money there is used up. It is asked again once there is more.",
    Reason.BY_HAND: "Somebody has switched it off.",
}
_OBSTACLES: Final = {
    "not_configured": "nobody is set up to sell them",
    "closed": "the provider is not asked now, or does not sell them",
    "backing_off": "the last ones could not be bought; one is tried later",
    "budget": "today's budget is used up",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CircuitWords:
    """Whether a provider is asked, in words; ``colour`` is a label's."""

    is_open: bool
    label: str
    colour: str
    words: str
    code: str = ""
    since: datetime | None = None
    until: datetime | None = None
    last_ok_at: datetime | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderView:
    """One provider, as its panel shows it."""

    name: str
    title: str
    missing: str
    circuit: CircuitWords
    floats: list[dict[str, Any]]
    floats_read_at: datetime | None
    synced_at: datetime | None
    brands: int
    uses: list[dict[str, Any]]
    troubled: int


@admin.register(ProviderCircuit)
class ProviderAdmin(ReadOnlyAdmin):
    """Who sells us cards. Its list is a page of panels, one for each provider."""

    fields = (
        "provider", "state", "reason", "error_code", "failures", "openings", "opened_at",
        "open_until", "last_ok_at", "last_failed_at",
    )  # fmt: skip

    @admin.display(description="state")
    def state(self, circuit: ProviderCircuit) -> str:
        return describe_circuit(circuit, now=timezone.now()).label

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the panels; a POST is one of their buttons."""
        if request.method == "POST":
            return _press(request)
        return never_cache(self._show)(request)

    def _show(self, request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        circuits = ProviderCircuit.objects.in_bulk()
        return TemplateResponse(
            request,
            "admin/providers.html",
            {
                **self.admin_site.each_context(request),
                "title": "Providers",
                "opts": self.opts,
                "providers": [_view(name, circuits.get(name), now) for name in PROVIDERS],
                "buffers": [
                    _buffer_row(state, now)
                    for state in list_buffers(providers=configured_providers(), now=now)
                ],
                "unknown": count_unknown_orders(),
                "orders_url": reverse("admin:giftcards_providerorder_changelist"),
                "brands_url": reverse("admin:giftcards_providerbrand_changelist"),
                "longest_reason": _LONGEST_REASON,
            },
        )


def _view(name: str, circuit: ProviderCircuit | None, now: datetime) -> ProviderView:
    floats = list_floats(provider=name)
    uses = list_brand_uses(provider=name)
    listed = summarise_brands(provider=name)
    return ProviderView(
        name=name,
        title=PROVIDERS[name],
        missing=", ".join(missing_settings(name)),
        circuit=describe_circuit(circuit, now=now),
        floats=[_float_row(level) for level in floats],
        floats_read_at=max((level.read_at for level in floats), default=None),
        synced_at=listed.synced_at,
        brands=listed.brands,
        uses=[_use_row(use) for use in uses],
        troubled=sum(bool(use.problems) for use in uses),
    )


def describe_circuit(circuit: ProviderCircuit | None, *, now: datetime) -> CircuitWords:
    """Say whether a provider is asked, and why not."""
    if circuit is None or circuit.opened_at is None:
        failures = circuit.failures if circuit else 0
        return CircuitWords(
            is_open=False,
            label="Asked",
            colour=AMBER if failures else GREEN,
            words=f"The last {failures} answers were failures." if failures else "All is well.",
            last_ok_at=circuit.last_ok_at if circuit else None,
        )
    is_over = circuit.open_until is not None and circuit.open_until <= now
    return CircuitWords(
        is_open=True,
        label="One order is tried" if is_over else "Not asked",
        colour=AMBER if is_over else RED,
        words=_REASONS[Reason(circuit.reason)],
        code=circuit.error_code,
        since=circuit.opened_at,
        until=circuit.open_until,
        last_ok_at=circuit.last_ok_at,
    )


def _float_row(level: FloatLevel) -> dict[str, Any]:
    def money(amount_minor: int | None) -> str:
        return NOTHING if amount_minor is None else display_amount(amount_minor, level.currency)

    return {
        "name": f"{level.name}, {level.currency}",
        "colour": level.colour,
        "percent": level.percent,
        "available": money(level.available_minor),
        "pending": money(level.pending_minor) if level.pending_minor else "",
        "warning": money(level.warning_minor),
    }


def _use_row(use: BrandUse) -> dict[str, Any]:
    return {
        "brand": use.brand,
        "url": reverse("admin:giftcards_brand_change", args=[use.brand_id]),
        "slug": use.provider_slug or NOTHING,
        "sold_as": use.sold_as,
        "values": ", ".join(display_amount(value, currency) for value, currency in use.values),
        "pools": ", ".join(use.pools),
        "problems": use.problems,
    }


def _buffer_row(state: BufferState, now: datetime) -> dict[str, Any]:
    pool, currency = state.pool, state.pool.denomination.currency
    budget_minor = pool.daily_budget_minor
    rests = state.rests_until if state.rests_until and state.rests_until > now else None
    return {
        "name": pool.name,
        "url": reverse("admin:giftcards_pool_change", args=[pool.pk]),
        "orders_url": f"{reverse('admin:giftcards_providerorder_changelist')}"
        f"?for=buffer&pool__id__exact={pool.pk}",
        "bar": buffer_bar(state.level) if state.target else NOTHING,
        "in_work": state.in_work,
        "unknown": state.unknown,
        "spent": display_amount(state.spent_minor, currency),
        "budget": "no limit" if budget_minor is None else display_amount(budget_minor, currency),
        "obstacle": _OBSTACLES.get(state.obstacle or "", ""),
        "rests_until": rests if state.obstacle == "backing_off" else None,
    }


def _press(request: HttpRequest) -> HttpResponse:
    name, step = request.POST.get("provider", ""), request.POST.get("step", "")
    if name not in PROVIDERS:
        raise Http404
    now, actor = timezone.now(), f"user:{request.user.pk}"
    try:
        if step == "sync":
            _tell_sync(request, name, now)
        elif step == "floats":
            levels = check_floats(provider=name, now=now)
            messages.success(request, f"Read {len(levels)} floats of {PROVIDERS[name]}.")
        elif step in ("on", "off"):
            _switch(request, name, step, actor, now)
        else:
            raise Http404
    except NotConfiguredError as error:
        messages.error(request, f"Nobody can be asked. {error}")
    except ProviderError as error:
        code = getattr(error, "code", "")
        messages.error(
            request,
            f"{PROVIDERS[name]} gave no answer to work with{f' (code {code})' if code else ''}."
            " What was known stays.",
        )
    return redirect("admin:giftcards_providercircuit_changelist")


def _tell_sync(request: HttpRequest, name: str, now: datetime) -> None:
    result = sync_brands(provider=name, now=now)
    words = [f"{PROVIDERS[name]} lists {result.listed:,} brands."]
    for what, slugs in (
        ("New", result.added),
        ("Not sold any more", result.stopped),
        ("Sold again", result.resumed),
        ("Not understood", result.unreadable),
    ):
        if slugs:
            more = f" and {len(slugs) - 5} more" if len(slugs) > 5 else ""
            words.append(f"{what}: {', '.join(slugs[:5])}{more}.")
    messages.success(request, " ".join(words))


def _switch(request: HttpRequest, name: str, step: str, actor: str, now: datetime) -> None:
    reason = request.POST.get("reason", "").strip()
    if not reason or len(reason) > _LONGEST_REASON:
        messages.error(request, "Nothing was changed: say why, in at most 200 characters.")
        return
    if step == "off":
        switch_off(provider=name, actor=actor, reason=reason, now=now)
        messages.success(request, f"{PROVIDERS[name]} is not asked until it is switched on again.")
    elif switch_on(provider=name, actor=actor, reason=reason, now=now):
        messages.success(request, f"{PROVIDERS[name]} is asked again.")
    else:
        messages.info(request, f"{PROVIDERS[name]} was asked already.")


class UsedFilter(admin.SimpleListFilter):
    """Whether a brand of ours has this name at the provider."""

    title = "use"
    parameter_name = "used"

    def lookups(self, request: Any, _model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "A brand of ours"), ("no", "Not ours")]

    def queryset(self, request: Any, queryset: Any) -> Any:
        if self.value() not in ("yes", "no"):
            return queryset
        ours = Brand.objects.exclude(provider_slug="").values("provider_slug")
        is_ours = Q(slug__in=ours)
        return queryset.filter(is_ours if self.value() == "yes" else ~is_ours)


@admin.register(ProviderBrand)
class ProviderBrandAdmin(ReadOnlyAdmin):
    """What providers sell, as they told us, beside the brands of ours that are sold so."""

    list_display = (
        "name", "slug", "state_label", "values", "discount", "how", "ours", "synced",
    )  # fmt: skip
    list_filter = ("state", UsedFilter, "provider", "currency", "is_asynchronous")
    ordering = ("name", "provider", "slug")
    search_help_text = "Words of its name"
    fields = (
        "provider", "name", "slug", "state_label", "reason", "values", "currency", "discount",
        "how", "ours", "can_be_undone", "synced_at",
    )  # fmt: skip
    state_label = state_column("state", BRAND_COLOURS, title="state")
    synced = time_column("synced_at", title="last told")

    def get_queryset(self, request: HttpRequest) -> Any:
        ours = Brand.objects.filter(provider_slug=OuterRef("slug")).order_by("name").values("name")
        return super().get_queryset(request).annotate(brands_of_ours=ArraySubquery(ours))

    def match(self, term: str) -> Q:
        found = Q()
        for word in term.split():
            found &= Q(name__icontains=word) | Q(slug__icontains=word)
        return found

    @admin.display(description="values")
    def values(self, sold: ProviderBrand) -> str:
        return describe_values(sold)

    @admin.display(description="discount")
    def discount(self, sold: ProviderBrand) -> Any:
        share = sold.discount_percent
        return NOTHING if share is None else whole(f"{share.normalize():f} %")

    @admin.display(description="sold as")
    def how(self, sold: ProviderBrand) -> str:
        words = ", ".join(sold.delivery_methods) or NOTHING
        return f"{words}; later" if sold.is_asynchronous else words

    @admin.display(description="ours")
    def ours(self, sold: Any) -> str:
        return ", ".join(sold.brands_of_ours) or NOTHING


@admin.register(ProviderFloat)
class ProviderFloatAdmin(ReadOnlyAdmin):
    """Our money at the providers, as they last told us."""

    list_display = ("provider", "name", "available_money", "pending_money", "read")
    list_filter = ("provider", "currency")
    ordering = ("provider", "currency", "name")
    search_help_text = "A float's id"
    fields = ("provider", "name", "currency", "available_money", "pending_money", "read_at")
    available_money = money_column("available_minor", title="available")
    pending_money = money_column("pending_minor", title="pending")
    read = time_column("read_at", title="read")
