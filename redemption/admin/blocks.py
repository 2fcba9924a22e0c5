"""Tries at codes, and what is decided about the addresses they come from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from alerts.admin.base import ReadOnlyAdmin
from alerts.admin.cells import (
    AMBER,
    GREEN,
    GREY,
    NOTHING,
    RED,
    actor_column,
    label,
    link,
    link_to_named,
    state_column,
    time_column,
)
from alerts.admin.runbook import WithRunbook
from alerts.errors import ValidationFailedError
from alerts.runbook import Chapter
from redemption.models import AddressAllow, AddressBlock, AddressClearing, AttemptLog
from redemption.models.attempt import AddressRule
from redemption.selectors.addresses import AddressFacts, address_facts
from redemption.services.blocks import (
    allow_address,
    block_address,
    clear_address,
    lift_rule,
    read_network,
)
from redemption.throttling import digest_of_code

RESULT_COLOURS: Final = {
    "tried": GREEN,
    "unknown_code": AMBER,
    "wrong_factor": AMBER,
    "rate_limited": RED,
    "blocked": RED,
    "repeat": GREY,
}
_KINDS: Final[dict[str, type[AddressBlock] | type[AddressAllow] | type[AddressClearing]]] = {
    "block": AddressBlock,
    "allow": AddressAllow,
    "clearing": AddressClearing,
}
_LASTS: Final = (("24", "a day"), ("168", "a week"), ("720", "30 days"), ("", "until lifted"))


def look_up_url(network: str) -> str:
    """Return the page that tells all about an address."""
    return f"{reverse('admin:look_up_address')}?{urlencode({'address': network})}"


class _WithAddress(ReadOnlyAdmin):
    @admin.display(description="address")
    def address(self, row: Any) -> SafeString | str:
        return link(look_up_url(row.network), row.network) if row.network else NOTHING


@admin.register(AttemptLog)
class AttemptLogAdmin(WithRunbook, _WithAddress):
    """Every try at a code; a code finds its own."""

    chapters = (Chapter.TOO_MANY_ATTEMPTS,)
    list_display = ("when", "address", "door", "outcome", "limit", "who", "request_id")
    list_filter = ("result", "action")
    ordering = ("-at", "-id")
    search_help_text = "An address, a network, a request id or a redemption code, in full"
    fields = ("at", "address", "action", "result", "limit", "who", "form", "request_id")
    when = time_column("at")
    door = state_column("action", {}, title="door")
    outcome = state_column("result", RESULT_COLOURS, title="outcome")
    who = actor_column("caller")

    def match(self, term: str) -> Q:
        try:
            return Q(network=read_network(term))
        except ValidationFailedError:
            return Q(request_id=term) | Q(code_digest=digest_of_code(term))


class _RuleAdmin(_WithAddress):
    list_display = ("address", "state", "reason", "from_", "to", "by", "lifted")
    ordering = ("-created_at",)
    search_help_text = "An address or a network"
    fields = (
        "address", "state", "reason", "created_at", "by", "until", "lifted_at", "lifter",
        "lift_reason",
    )  # fmt: skip
    from_ = time_column("created_at", title="from")
    to = time_column("until")
    lifted = time_column("lifted_at")
    by = actor_column("created_by", title="by")
    lifter = actor_column("lifted_by", title="lifted by")

    def match(self, term: str) -> Q:
        try:
            return Q(network=read_network(term))
        except ValidationFailedError:
            return Q(pk__in=[])

    @admin.display(description="state")
    def state(self, rule: AddressRule) -> SafeString:
        if rule.lifted_at is not None:
            return label("Lifted", GREY)
        is_over = rule.until is not None and rule.until <= timezone.now()
        return label("Over", GREY) if is_over else label("In force", AMBER)


@admin.register(AddressBlock)
class AddressBlockAdmin(WithRunbook, _RuleAdmin):
    """Networks from which strangers may try no code; new ones are made where one looks up."""

    chapters = (Chapter.TOO_MANY_ATTEMPTS,)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(never_cache(self.look_up))
        return [path("look-up/", page, name="look_up_address"), *super().get_urls()]

    def look_up(self, request: HttpRequest) -> HttpResponse:
        """Tell what is known of an address, and take a decision about it."""
        asked = request.GET.get("address", "").strip()
        facts, trouble = None, ""
        decision = DecisionForm(request.POST if request.method == "POST" else None)
        if asked:
            try:
                network = read_network(asked)
            except ValidationFailedError as error:
                trouble = error.errors["network"][0]
            else:
                if request.method == "POST" and decision.is_valid():
                    _decide(request, decision, network)
                    if not decision.errors:
                        return redirect(look_up_url(asked))
                facts = address_facts(network=network, now=timezone.now())
        context = {
            **self.admin_site.each_context(request),
            "title": "Look an address up",
            "opts": self.model._meta,  # noqa: SLF001  Django's public door
            "asked": asked,
            "trouble": trouble,
            "facts": facts,
            "rules": [] if facts is None else _rules(facts),
            "attempts": [] if facts is None else _attempts(facts),
            "form": decision,
        }
        return TemplateResponse(request, "admin/look_up_address.html", context)


@admin.register(AddressAllow)
class AddressAllowAdmin(_RuleAdmin):
    """Networks whose people are not limited by their address."""


@admin.register(AddressClearing)
class AddressClearingAdmin(_RuleAdmin):
    """When a network's counters were cleared."""


class DecisionForm(forms.Form):
    """Why, and for how long."""

    step = forms.CharField(widget=forms.HiddenInput, required=False)
    lasts = forms.ChoiceField(
        choices=_LASTS,
        initial="24",
        required=False,
        label="For how long",
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        error_messages={"required": "Say why, for whoever asks later."},
        help_text="Kept with your name.",
    )


_DECIDE: Final[dict[str, tuple[Callable[..., UUID], str]]] = {
    "block": (block_address, "Blocked."),
    "allow": (allow_address, "Allowed: its people are no longer limited by their address."),
}


def _decide(request: HttpRequest, form: DecisionForm, network: str) -> None:
    """Do what a button says, or add to the form why it can't be done."""
    now = timezone.now()
    step, reason = request.POST.get("step", ""), form.cleaned_data["reason"]
    actor = f"user:{request.user.pk}"
    try:
        if step in _DECIDE:
            decide, words = _DECIDE[step]
            decide(network=network, reason=reason, until=_until(form, now), actor=actor, now=now)
            messages.success(request, words)
        elif step == "clear":
            clear_address(network=network, reason=reason, actor=actor, now=now)
            messages.success(request, "Cleared: it is counted anew from now on.")
        else:
            kind, _, rule_id = step.partition(":")
            lifted = lift_rule(
                model=_KINDS[kind], rule_id=UUID(rule_id), reason=reason, actor=actor, now=now
            )
            messages.success(request, "Lifted." if lifted else "It was lifted before.")
    except ValidationFailedError as error:
        for field, words_of in error.errors.items():
            form.add_error(field if field in form.fields else None, words_of)
    except (KeyError, ValueError):
        form.add_error(None, "Choose one of the buttons.")


def _until(form: DecisionForm, now: datetime) -> datetime | None:
    hours = form.cleaned_data["lasts"]
    return now + timedelta(hours=int(hours)) if hours else None


def _rules(facts: AddressFacts) -> list[dict[str, Any]]:
    """Lay out what was decided and holds, each with its button that undoes it."""
    words = {"block": "Blocked", "allow": "Allowed", "clearing": "Counters cleared"}
    undo = {"block": "Unblock", "allow": "Allow no longer", "clearing": "Undo"}
    groups = {"block": facts.blocks, "allow": facts.allowances, "clearing": facts.clearings}
    return [
        {
            "kind": words[kind],
            "rule": rule,
            "who": link_to_named(rule.created_by) or rule.created_by,
            "step": f"{kind}:{rule.pk}",
            "button": undo[kind],
        }
        for kind, rules in groups.items()
        for rule in rules
    ]


def _attempts(facts: AddressFacts) -> list[dict[str, Any]]:
    return [
        {
            "at": attempt.at,
            "network": attempt.network,
            "door": attempt.get_action_display(),
            "outcome": label(
                str(attempt.get_result_display()), RESULT_COLOURS.get(attempt.result, GREY)
            ),
            "limit": attempt.limit or NOTHING,
            "caller": attempt.caller or NOTHING,
        }
        for attempt in facts.latest
    ]
