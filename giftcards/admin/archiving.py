"""Taking a pool out of use from its page, and back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from unfold.decorators import action
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldBooleanWidget

from alerts.admin.dialogs import leave_for
from giftcards.admin.finding import find_pool_or_404
from giftcards.models import Pool
from giftcards.selectors.levels import count_levels
from giftcards.services.archiving import PoolHoldsCardsError, archive_pool, restore_pool


class InUseFilter(admin.SimpleListFilter):
    """Pools in use, unless somebody asks for the others."""

    title = "use"
    parameter_name = "use"

    def lookups(self, request: Any, _model_admin: Any) -> list[tuple[str, str]]:
        return [("archived", "Archived"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        return [{**first, "display": "In use"}, *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Pool]) -> QuerySet[Pool]:
        if self.value() == "all":
            return queryset
        return queryset.filter(archived_at__isnull=self.value() != "archived")


class ArchiveForm(BaseDialogForm):  # type: ignore[misc]
    """Asks whether a pool is to go although it still has cards to give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pool = find_pool_or_404(str(self.object_id))
        available = count_levels(pool_ids=[pool.pk], now=timezone.now())[pool.pk].available
        if available:
            cards = "1 available card" if available == 1 else f"{available:,} available cards"
            self.fields["with_cards"] = forms.BooleanField(
                label=f"Archive it although it still holds {cards}",
                help_text="Nobody gets them while it is archived.",
                error_messages={
                    "required": f"It still holds {cards}. Tick this to archive it all the same."
                },
                widget=UnfoldBooleanWidget(),
            )


class PoolArchiving:
    """Mixin: the buttons on a pool's page that take it out of use and back."""

    admin_site: Any

    def has_archive_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._is_archived(request, object_id) is False

    def has_restore_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._is_archived(request, object_id) is True

    def _is_archived(self, request: HttpRequest, object_id: Any) -> bool | None:
        if object_id is None or not self.admin_site.has_permission(request):
            return None
        return find_pool_or_404(object_id).archived_at is not None

    @action(  # type: ignore[untyped-decorator]
        description="Archive",
        icon="archive",
        permissions=["archive"],
        dialog={
            "title": "Archive this pool",
            "description": "It gives and takes no more cards and is shown in reports and among"
            " the archived only. Conditions that name it find no card. It can be taken back into"
            " use at any time.",
            "form_submit_text": "Archive it",
            "form_class": ArchiveForm,
        },
    )
    def archive(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        pool = find_pool_or_404(object_id)
        try:
            archive_pool(
                pool_id=pool.pk,
                with_cards=bool(form.cleaned_data.get("with_cards")),
                actor=f"user:{request.user.pk}",
                now=timezone.now(),
            )
        except PoolHoldsCardsError as error:
            messages.error(
                request,
                f"Nothing was changed: it holds {error.available:,} available cards by now."
                " Archive it again to say that it may go all the same.",
            )
        else:
            messages.success(request, "The pool is archived.")
        return _back(request, pool)

    @action(  # type: ignore[untyped-decorator]
        description="Take back into use",
        icon="unarchive",
        permissions=["restore"],
        dialog={
            "title": "Take this pool back into use",
            "description": "Its cards can be claimed again, and new ones uploaded.",
            "form_submit_text": "Take it back",
        },
    )
    def restore(self, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        pool = find_pool_or_404(object_id)
        restore_pool(pool_id=pool.pk, actor=f"user:{request.user.pk}", now=timezone.now())
        messages.success(request, "The pool is in use again.")
        return _back(request, pool)


def _back(request: HttpRequest, pool: Pool) -> HttpResponse:
    return leave_for(request, reverse("admin:giftcards_pool_change", args=[pool.pk]))
