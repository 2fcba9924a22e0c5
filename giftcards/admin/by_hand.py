"""Adding a few cards by hand from a pool's page: when stock is needed now and there is no file."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from alerts.errors import ServiceError
from alerts.services.imports import FileAlreadyUploadedError, ImportReport
from credit.selectors.viewers import viewer_of_user
from giftcards.admin.finding import find_pool_or_404
from giftcards.models import Pool
from giftcards.services.by_hand import MOST_BY_HAND, TypedCard, add_by_hand

_ROWS: Final = 3
_LONGEST_CELL: Final = 255


class _Unspoken(str):
    """What was typed, printed into the field again and nowhere else."""

    # Django's templates tell the log all they know when a variable is missing.
    __slots__ = ()

    def __repr__(self) -> str:
        return "…"

    def __str__(self) -> str:
        return self


class CellInput(UnfoldAdminTextInputWidget):  # type: ignore[misc]
    """A field in which a secret is typed."""

    def format_value(self, value: Any) -> _Unspoken | None:
        return _Unspoken(value) if value else None


def _cell(label: str) -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=_LONGEST_CELL,
        label=label,
        widget=CellInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
        ),
    )


class CardForm(forms.Form):
    """One card; left empty, none."""

    code = _cell("Code")
    pin = _cell("PIN")
    number = _cell("Card number")
    expires_on = _cell("Date of expiry")

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        for name, words in list(data.items()):
            if len(words.splitlines()) > 1:
                self.add_error(name, "Put each card on a line of its own.")
        return data


CardFormSet = forms.formset_factory(
    CardForm, extra=0, max_num=MOST_BY_HAND, absolute_max=MOST_BY_HAND
)


class PoolByHand:
    """Mixin: the button on a pool's page that adds a few cards by hand."""

    admin_site: Any
    opts: Any

    def has_add_by_hand_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Tell whether cards go into this pool: it is in use, and does not only buy them."""
        pool = None if object_id is None else find_pool_or_404(object_id)
        return bool(
            self.admin_site.has_permission(request)
            and pool is not None
            and pool.archived_at is None
            and pool.purchase_method != Pool.PurchaseMethod.API_ONLY
        )

    @action(  # type: ignore[untyped-decorator]
        description="Add by hand", icon="keyboard", permissions=["add_by_hand"]
    )
    def add_by_hand(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._add_by_hand)(request, object_id)

    def _add_by_hand(self, request: HttpRequest, object_id: str) -> HttpResponse:
        pool = find_pool_or_404(object_id)
        rows = CardFormSet(
            request.POST if request.method == "POST" else None, initial=[{}] * _ROWS, prefix="card"
        )
        trouble: list[str] = []
        if request.method == "POST" and request.POST.get("step") == "more":
            rows = _with_more_lines(request)
        elif request.method == "POST" and rows.is_valid():
            answer = _add(request, pool, rows, trouble)
            if answer is not None:
                return answer
        return TemplateResponse(
            request,
            "admin/add_by_hand.html",
            {
                **self.admin_site.each_context(request),
                "title": f"Add cards to {pool.name} by hand",
                "opts": self.opts,
                "pool": pool,
                "rows": rows,
                "trouble": [*rows.non_form_errors(), *trouble],
                "may_have_more": rows.total_form_count() < MOST_BY_HAND,
                "most": MOST_BY_HAND,
            },
        )


def _with_more_lines(request: HttpRequest) -> Any:
    """Return the lines as they were typed, unchecked, with some empty ones below."""
    name = "card-TOTAL_FORMS"
    count = request.POST.get(name, "")
    there = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else _ROWS
    fields = tuple(CardForm.base_fields)
    typed = [
        {field: request.POST.get(f"card-{place}-{field}", "") for field in fields}
        for place in range(min(there, MOST_BY_HAND))
    ]
    wanted = min(len(typed) + _ROWS, MOST_BY_HAND)
    return CardFormSet(initial=[*typed, *({} for _ in range(wanted - len(typed)))], prefix="card")


def _add(request: HttpRequest, pool: Pool, rows: Any, trouble: list[str]) -> HttpResponse | None:
    """Add the cards, or say on the lines and in ``trouble`` why not."""
    if not any(any(form.cleaned_data.values()) for form in rows.forms):
        trouble.append("Type at least one card.")
        return None
    assert request.user.pk is not None  # noqa: S101  the site lets nobody else in
    try:
        report = add_by_hand(
            viewer=viewer_of_user(request.user.pk),
            pool_id=pool.pk,
            cards=[TypedCard(**form.cleaned_data) for form in rows.forms],
            now=timezone.now(),
        )
    except FileAlreadyUploadedError as error:
        messages.info(request, "These cards were added before; nothing was added a second time.")
        return redirect(reverse("admin:giftcards_cardbatch_change", args=[error.batch_id]))
    except ServiceError as error:
        said = [words for several in error.errors.values() for words in several]
        trouble += said or [f"{error.code.operator} {error.code.action}"]
        return None
    if report.rejected:
        _explain(report, rows, trouble)
        return None
    noun = "card" if report.accepted == 1 else "cards"
    messages.success(
        request,
        f"In stock now: {report.accepted} {noun} more. While nobody has had one, this can be undone"
        " here.",
    )
    return redirect(reverse("admin:giftcards_cardbatch_change", args=[report.batch_id]))


def _explain(report: ImportReport, rows: Any, trouble: list[str]) -> None:
    for problem in report.problems:
        form = rows.forms[problem.line - 1] if 0 < problem.line <= len(rows.forms) else None
        if form is None:
            trouble.append(problem.message)
        else:
            form.add_error(problem.field if problem.field in form.fields else None, problem.message)
