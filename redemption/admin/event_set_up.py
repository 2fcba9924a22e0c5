"""Where a source's events have what we ask for, tried out on a body before it is kept."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from alerts.errors import ServiceError, ValidationFailedError
from redemption.models import Campaign, EventSource, InboundEvent
from redemption.selectors.event_matches import match_event
from redemption.services.event_bodies import LONGEST_PATH, understand
from redemption.services.event_contacts import choose_contact
from redemption.services.event_sources import check_event_mapping, set_up_source
from redemption.services.resending import mask_contact

_LONGEST_SAMPLE: Final = 100_000
_PATHS: Final = ("event_type", "contact_id", "campaign_id", "occurred_at")
_SENT_BY: Final = {"sms": "Text to", "email": "E-mail to"}


def _path(label: str, words: str, example: str) -> forms.CharField:
    attributes = {"placeholder": example, "autocomplete": "off", "spellcheck": "false"}
    return forms.CharField(
        max_length=LONGEST_PATH,
        required=False,
        label=label,
        help_text=words,
        widget=UnfoldAdminTextInputWidget(attrs=attributes),
    )


class SetUpForm(forms.Form):
    """Paths, campaign and how rewards are sent; the sample is tried out and not kept."""

    event_type = _path(
        "Event type",
        "What the person did; compared with the conditions’ CRM event names.",
        "$.type",
    )
    contact_id = _path("Contact id", "The recipient’s id in the CRM.", "$.contact.id")
    campaign_id = _path(
        "Campaign id",
        "Our campaign’s id; may stay empty where a campaign is chosen below.",
        "$.campaign",
    )
    occurred_at = _path(
        "When it happened", "ISO 8601 or Unix seconds; may stay empty.", "$.occurred_at"
    )
    campaign = forms.ModelChoiceField(
        Campaign.objects.none(),
        required=False,
        empty_label="As the body says",
        help_text="For events that name no campaign.",
        widget=UnfoldAdminSelectWidget,
    )
    contact_method = forms.ChoiceField(
        choices=EventSource.ContactMethod.choices,
        label="Rewards are sent by",
        widget=UnfoldAdminSelectWidget,
    )
    sample = forms.CharField(
        required=False,
        max_length=_LONGEST_SAMPLE,
        label="A body to try it on",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 9, "spellcheck": "false"}),
        help_text="Paste one that the CRM sends. It is read as you type and not kept.",
    )

    def __init__(self, source: EventSource, data: QueryDict | None = None) -> None:
        given = {"campaign": source.campaign_id, "contact_method": source.contact_method}
        super().__init__(data, initial={**source.mapping, **given})
        self.fields["campaign"].queryset = Campaign.objects.filter(client_id=source.client_id)  # type: ignore[attr-defined]

    @property
    def mapping(self) -> dict[str, str]:
        """The paths as they were typed."""
        return {name: self.cleaned_data.get(name, "") for name in _PATHS}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What the sample would become; ``mistake`` when it can't be read at all."""

    mistake: str = ""
    event_type: str = ""
    contact_id: str = ""
    campaign: str = ""
    occurred_at: datetime | None = None
    condition: str = ""
    contact: str = ""
    sent_to: str = ""
    missing: tuple[str, ...] = ()
    problem: str = ""
    is_good: bool = False


class SettingUp:
    """Mixin: the page of a source's paths, with its try-out."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., HttpResponse] = self.admin_site.admin_view(
            require_POST(never_cache(self.try_out))
        )
        page = path("<uuid:object_id>/try-out/", view, name="redemption_eventsource_try_out")
        return [page, *super().get_urls()]  # type: ignore[misc]  # of the ModelAdmin beside

    @action(description="Set up", icon="tune")  # type: ignore[untyped-decorator]
    def set_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return never_cache(self._set_up)(request, object_id)

    def _set_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        source = _find(object_id)
        form = SetUpForm(source, request.POST or None)
        trial = None
        if request.method == "POST" and form.is_valid():
            if request.POST.get("step") == "try":  # Without scripts.
                trial = _try(source, form)
            elif self._keep(request, source, form):
                messages.success(request, "Kept. The next event is read like this.")
                return redirect("admin:redemption_eventsource_change", source.pk)
        return TemplateResponse(
            request,
            "admin/event_set_up.html",
            {
                **self.admin_site.each_context(request),
                "title": f"What the events of {source.name} say",
                "opts": self.opts,
                "form": form,
                "source": source,
                "trial": trial,
                "back_url": reverse("admin:redemption_eventsource_change", args=[source.pk]),
            },
        )

    def _keep(self, request: HttpRequest, source: EventSource, form: SetUpForm) -> bool:
        try:
            set_up_source(
                source_id=source.pk,
                mapping=form.mapping,
                campaign=form.cleaned_data["campaign"],
                contact_method=form.cleaned_data["contact_method"],
                actor=f"user:{request.user.pk}",
                now=timezone.now(),
            )
        except ValidationFailedError as error:
            for name, words in error.errors.items():
                form.add_error(name if name in form.fields else None, words)
            return False
        return True

    def try_out(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """Print what the sample would become under the paths as they are typed."""
        source = _find(object_id)
        form = SetUpForm(source, request.POST)
        trial = _try(source, form) if form.is_valid() else Trial(mistake="This is too long.")
        return TemplateResponse(request, "admin/parts/event_trial.html", {"trial": trial})


def _find(object_id: Any) -> EventSource:
    try:
        return get_object_or_404(EventSource.objects.select_related("client"), pk=object_id)
    except (ValueError, ValidationError):
        raise Http404 from None


def _try(source: EventSource, form: SetUpForm) -> Trial | None:
    sample = form.cleaned_data["sample"].strip()
    if not sample:
        return None
    campaign = form.cleaned_data["campaign"]
    try:
        paths = check_event_mapping(form.mapping, has_campaign=campaign is not None)
        body = json.loads(sample)
    except ValidationFailedError as error:
        words = "; ".join(f"{name}: {said[0]}" for name, said in error.errors.items())
        return Trial(mistake=words)
    except (ValueError, RecursionError) as error:
        return Trial(mistake=f"This is not JSON: {str(error)[:120]}.")
    if not isinstance(body, dict):
        return Trial(mistake="A body is a JSON object, in braces.")
    understood = understand(
        body, mapping=paths, campaign_ref="" if campaign is None else str(campaign.pk)
    )
    match = match_event(
        client_id=source.client_id,
        campaign_ref=understood.campaign_ref,
        event_type=understood.event_type,
        contact_id=understood.contact_id,
    )
    sent_to, mistake = "", ""
    if match.recipient is not None:
        source.contact_method = form.cleaned_data["contact_method"]
        try:
            contact = choose_contact(source, match.recipient)
        except ServiceError as error:
            mistake = "; ".join(words for said in error.errors.values() for words in said)
        else:
            sent_to = f"{_SENT_BY.get(contact.method, '')} {mask_contact(contact)}"
    problem = InboundEvent.Problem(match.problem).label if match.problem else mistake
    return Trial(
        event_type=understood.event_type,
        contact_id=understood.contact_id,
        campaign=match.campaign.name if match.campaign else understood.campaign_ref,
        occurred_at=understood.occurred_at,
        condition=str(match.condition or ""),
        contact="known" if match.recipient else "unknown" if match.campaign else "",
        sent_to=sent_to,
        missing=understood.missing,
        problem=problem,
        is_good=not (understood.missing or problem),
    )
