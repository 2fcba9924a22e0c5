"""Canary codes: where they lie, who has tried one, and planting another."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from alerts.admin.base import ReadOnlyAdmin, ReadOnlyInline
from alerts.admin.cells import (
    GREEN,
    GREY,
    NOTHING,
    RED,
    actor_column,
    label,
    link_to_thing,
    state_column,
    time_column,
)
from alerts.admin.dialogs import leave_for
from alerts.errors import ServiceError, ValidationFailedError
from credit.models import User
from credit.selectors.staff import may_export_codes, may_reveal_cards
from giftcards.models import Pool
from redemption.models import Campaign, Canary, CanaryTry
from redemption.services.canaries import (
    PlantedCanary,
    plant_code,
    plant_in_pool,
    retire_canary,
)


class TryInline(ReadOnlyInline):
    """Who has tried it."""

    model = CanaryTry
    verbose_name_plural = "tries"
    fields = ("when", "door", "network", "who", "outcome", "request_id")
    when = time_column("at")
    door = state_column("action", {}, title="door")
    outcome = state_column("result", {}, title="outcome")
    who = actor_column("caller")


class PlantForm(forms.Form):
    """Where it is to lie: among a campaign's codes, or in a pool."""

    campaign = forms.ModelChoiceField(
        Campaign.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        empty_label="–",
        help_text="A redemption code that nobody has. Put it into the mail house's file, a backup,"
        " a document: wherever codes lie that nobody should read.",
    )
    pool = forms.ModelChoiceField(
        Pool.objects.none(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        empty_label="–",
        help_text="Or a card among a pool's, which nobody is ever given.",
    )
    note = forms.CharField(
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        error_messages={"required": "Say where you will put it."},
        help_text="Where you will put it: whoever gets the alarm reads this first.",
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if may_export_codes(user):
            self._fill("campaign", Campaign.objects.order_by("name"))
        if may_reveal_cards(user):
            pools = Pool.objects.filter(archived_at=None).exclude(
                purchase_method=Pool.PurchaseMethod.API_ONLY
            )
            self._fill("pool", pools.order_by("name"))

    def _fill(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  as declared above
        field.queryset = rows

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and bool(cleaned.get("campaign")) == bool(cleaned.get("pool")):
            raise forms.ValidationError("Choose a campaign or a pool, one of them.")
        return cleaned


@admin.register(Canary)
class CanaryAdmin(ReadOnlyAdmin):
    """Planted and retired by services; what was tried stays."""

    actions_detail = ("retire",)
    actions_list = ("plant_link",)
    list_display = ("place", "note", "state", "tries", "last_tried", "planted", "planter")
    list_filter = ("last_tried_at",)
    list_select_related = ("campaign", "card__pool")
    search_help_text = "A canary's id"
    fields = (
        "place",
        "note",
        "state",
        "tries",
        "last_tried",
        "planted",
        "planter",
        "retired",
        "retirer",
    )
    inlines = (TryInline,)
    last_tried = time_column("last_tried_at")
    planted = time_column("planted_at")
    retired = time_column("retired_at")
    planter = actor_column("planted_by", title="planted by")
    retirer = actor_column("retired_by", title="retired by")

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(never_cache(self.plant))
        return [path("plant/", page, name="plant_canary"), *super().get_urls()]

    @admin.display(description="where")
    def place(self, canary: Canary) -> SafeString | str:
        if canary.campaign is not None:
            return f"Codes of {canary.campaign.name}"
        return NOTHING if canary.card is None else f"Pool {canary.card.pool.name}"

    @admin.display(description="state")
    def state(self, canary: Canary) -> SafeString:
        if canary.retired_at is not None:
            return label("Retired", GREY)
        return label("Tried", RED) if canary.tries else label("Quiet", GREEN)

    @admin.display(description="card")
    def card_link(self, canary: Canary) -> SafeString | str:
        return link_to_thing("card", canary.card_id)

    @action(description="Plant a canary", icon="add")  # type: ignore[untyped-decorator]
    def plant_link(self, request: HttpRequest) -> HttpResponse:
        return leave_for(request, reverse("admin:plant_canary"))

    def plant(self, request: HttpRequest) -> HttpResponse:
        """Ask where it shall lie, and show the code once."""
        user = request.user
        assert isinstance(user, User)  # noqa: S101  the site has asked
        if not (may_export_codes(user) or may_reveal_cards(user)):
            raise PermissionDenied
        form = PlantForm(user, request.POST or None)
        planted = _plant(form, user) if request.method == "POST" and form.is_valid() else None
        context = {
            **self.admin_site.each_context(request),
            "title": "Plant a canary",
            "opts": self.opts,
            "form": form,
            "planted": planted,
            "list_url": reverse("admin:redemption_canary_changelist"),
        }
        return TemplateResponse(request, "admin/plant_canary.html", context)

    @action(  # type: ignore[untyped-decorator]
        description="Retire",
        icon="do_not_disturb_on",
        dialog={
            "title": "Retire this canary",
            "description": "Nobody is told any more when it is tried. This can't be undone.",
            "form_submit_text": "Retire",
        },
    )
    def retire(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        user = request.user
        assert isinstance(user, User)  # noqa: S101  the site has asked
        canary = self.get_object(request, object_id)
        if canary is not None:
            ended = retire_canary(canary_id=canary.pk, user=user, now=timezone.now())
            messages.success(request, "Retired." if ended else "It was retired before.")
        return leave_for(request, reverse("admin:redemption_canary_change", args=[object_id]))


def _plant(form: PlantForm, user: User) -> PlantedCanary | None:
    """Plant what the form says, or add to it why that can't be done."""
    asked, now = form.cleaned_data, timezone.now()
    try:
        if asked["campaign"] is not None:
            return plant_code(
                campaign_id=asked["campaign"].pk, note=asked["note"], user=user, now=now
            )
        return plant_in_pool(pool_id=asked["pool"].pk, note=asked["note"], user=user, now=now)
    except ValidationFailedError as error:
        for field, words in error.errors.items():
            form.add_error(field if field in form.fields else None, words)
    except ServiceError as error:
        form.add_error(None, f"{error.code.operator} {error.code.action}")
    return None
