"""What is kept about a person: found, handed out, erased."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache

from alerts.admin.base import ReadOnlyAdmin, read_key
from alerts.admin.cells import (
    AMBER,
    GREEN,
    NOTHING,
    actor_column,
    id_column,
    label,
    link_to_row,
    table,
    time_column,
)
from alerts.admin.person_forms import ReasonForm, personal_data_file, typed_word
from alerts.errors import ServiceError, ValidationFailedError
from credit.models import User
from credit.selectors.staff import may_erase_people, may_export_people
from redemption.models import Erasure, Recipient
from redemption.selectors.erasure_obstacles import find_losses, find_obstacles
from redemption.selectors.personal_data import MOST_FOUND, Person, find_people, read_person
from redemption.selectors.personal_sections import list_sections
from redemption.services.erasing import CONFIRMATION, PersonInWorkError, erase_person
from redemption.services.person_export import export_person


class EraseForm(ReasonForm):
    """Why, and the word that nobody types by mistake."""

    confirmation = typed_word(CONFIRMATION)


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    """Who was forgotten, when and why; the pages to find somebody and see what is kept."""

    list_display = ("id_column", "state", "reason", "by", "asked", "done", "waits_for")
    ordering = ("-requested_at",)
    search_help_text = "The id of an erasure or of a recipient"
    fields = (
        "state", "reason", "by", "requested_at", "erased_at", "waits_for", "people", "rows",
    )  # fmt: skip
    id_column = id_column
    by = actor_column("requested_by", title="by")
    asked = time_column("requested_at", title="asked for")
    done = time_column("erased_at", title="erased")

    def match(self, term: str) -> Any:
        found = super().match(term)
        key = read_key("UUIDField", term)
        return found if key is None else found | Q(recipient_ids__contains=[key])

    @admin.display(description="state")
    def state(self, row: Erasure) -> SafeString:
        return label("Done", GREEN) if row.next_attempt_at is None else label("Under way", AMBER)

    @admin.display(description="recipients")
    def people(self, row: Erasure) -> SafeString | str:
        return table(
            ("Recipient",), [(link_to_row(Recipient, one, str(one)),) for one in row.recipient_ids]
        )

    @admin.display(description="rows that said something of them")
    def rows(self, row: Erasure) -> SafeString | str:
        return table(("Where", "Rows"), [(name, n) for name, n in row.counts.items() if n])

    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(never_cache(view))

        return [
            path("find/", page(self.find), name="find_person"),
            path("person/", page(self.person), name="person_data"),
            *super().get_urls(),
        ]

    def find(self, request: HttpRequest) -> HttpResponse:
        """Find somebody. What is looked for is posted, so that no log of addresses holds it."""
        text = request.POST.get("text", "")
        people = find_people(text=text) if request.method == "POST" else []
        context = {
            **self._context(request, "A person's data"),
            "text": text,
            "is_asked": request.method == "POST",
            "people": [_line(one) for one in people[:MOST_FOUND]],
            # Of several by one name each is chosen by hand: they may be different people.
            "is_one": len(people) == 1,
            "has_more": len(people) > MOST_FOUND,
            "person_url": reverse("admin:person_data"),
        }
        return TemplateResponse(request, "admin/find_person.html", context)

    def person(self, request: HttpRequest) -> HttpResponse:
        """Tell what is kept about somebody, hand it out, or erase it."""
        keys = [read_key("UUIDField", one) for one in request.GET.getlist("r")[: MOST_FOUND + 1]]
        person = read_person(recipient_ids=[one for one in keys if isinstance(one, UUID)])
        if not person.recipients:
            raise Http404
        step = request.POST.get("step", "") if request.method == "POST" else ""
        wish = ReasonForm(request.POST if step == "export" else None, prefix="export")
        erase = EraseForm(request.POST if step == "erase" else None, prefix="erase")
        if step == "export" and wish.is_valid():
            answer = _export(request, person, wish)
            if answer is not None:
                return answer
        if step == "erase" and erase.is_valid() and _erase(request, person, erase):
            return redirect("admin:redemption_erasure_changelist")
        is_erased = all(one.erased_at for one in person.recipients)
        context = {
            **self._context(request, "What is kept about this person"),
            "people": [_line(one) for one in person.recipients],
            "sections": [
                {"title": one.title, "count": one.rows.count(), "fate": one.fate}
                for one in list_sections(person)
            ],
            "export_form": wish if _may(request, may_export_people) else None,
            "erase_form": erase if _may(request, may_erase_people) and not is_erased else None,
            "is_erased": is_erased,
            "obstacles": find_obstacles(person),
            "losses": find_losses(person, now=timezone.now()),
            "find_url": reverse("admin:find_person"),
        }
        return TemplateResponse(request, "admin/person.html", context)

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts}


def _line(one: Recipient) -> dict[str, Any]:
    return {
        "id": one.pk,
        "name": f"{one.first_name} {one.last_name}".strip() or NOTHING,
        "phone": one.phone or NOTHING,
        "email": one.email or NOTHING,
        "client": one.client.name,
        "campaign": one.campaign.name,
        "code": f"…{one.code_last4}" if one.code_last4 else NOTHING,
        "erased_at": one.erased_at,
    }


def _may(request: HttpRequest, rule: Any) -> bool:
    return isinstance(request.user, User) and bool(rule(request.user))


def _export(request: HttpRequest, person: Person, form: ReasonForm) -> HttpResponse | None:
    """Return the file, or add to the form why there is none."""
    assert isinstance(request.user, User)  # noqa: S101  the site lets nobody else in
    now = timezone.now()
    try:
        archive = export_person(
            user=request.user,
            recipient_ids=person.ids,
            reason=form.cleaned_data["reason"],
            now=now,
        )
    except ServiceError as error:
        _explain(form, error)
        return None
    return personal_data_file(archive, now=now)


def _erase(request: HttpRequest, person: Person, form: EraseForm) -> bool:
    """Erase the person, or add to the form why not."""
    assert isinstance(request.user, User)  # noqa: S101  the site lets nobody else in
    try:
        erasure = erase_person(
            user=request.user,
            recipient_ids=person.ids,
            reason=form.cleaned_data["reason"],
            confirmation=form.cleaned_data["confirmation"],
            now=timezone.now(),
        )
    except ServiceError as error:
        _explain(form, error)
        return False
    if erasure.next_attempt_at is None:
        messages.success(request, "Erased.")
    else:
        messages.info(request, f"It goes on by itself. {erasure.waits_for}")
    return True


def _explain(form: forms.Form, error: ServiceError) -> None:
    if isinstance(error, ValidationFailedError | PersonInWorkError):
        for name, words in error.errors.items():
            form.add_error(name if name in form.fields else None, words)
    else:
        form.add_error(None, f"{error.code.operator} {error.code.action}")
