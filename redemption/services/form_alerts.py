"""Telling the operators that somebody guesses codes, and that it is over."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings

from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.services.monitors import Finding, raise_finding
from redemption.models import Campaign, FormBreaker

KIND: Final = "codes_guessed"
PROXY: Final = "proxy_not_trusted"


@seeing(EVERYTHING)
def alert_slow_form(*, form: str, attempts: int, unknown: int, now: datetime) -> Alert:
    """Raise the alert that a form is slowed down, or count one more."""
    found = describe_slow_form(form=form, attempts=attempts, unknown=unknown)
    return raise_finding(finding=found, now=now)


def describe_slow_form(*, form: str, attempts: int, unknown: int) -> Finding:
    """Say that a form is slowed down."""
    campaign = Campaign.objects.get(pk=UUID(form)) if form else None
    name = f"the form of {campaign.name}" if campaign else "the form"
    minutes = round(settings.SLOW_FORM_AFTER[1] / 60)
    return Finding(
        kind=KIND,
        severity=Alert.Severity.WARNING,
        subject=f"Somebody seems to guess codes: {name} is slowed down",
        message=(
            f"{unknown} of {attempts} codes tried in {minutes} minutes are unknown. Everybody on "
            "this form now solves a small puzzle, or waits, for each code; it ends by itself "
            f"{settings.SLOW_FORM_FOR / 60:g} minutes after the last such share. If honest people "
            "type wrong codes, compare the letters they got with the campaign's codes."
        ),
        data={"form": form, "attempts": attempts, "unknown": unknown},
        dedupe_key=_key_of(form),
        client_id=campaign.client_id if campaign else None,
    )


@seeing(EVERYTHING)
def review_forms(*, now: datetime) -> None:
    """Resolve the alerts of forms that are no longer slowed down."""
    slowed = set(FormBreaker.objects.filter(slowed_until__gt=now).values_list("form", flat=True))
    alerts = Alert.objects.filter(kind=KIND).exclude(state=Alert.State.RESOLVED)
    for key in alerts.values_list("dedupe_key", flat=True):
        if key.partition(":")[2] not in slowed:
            resolve_alert(dedupe_key=key, now=now)


@seeing(EVERYTHING)
def warn_of_proxy(*, network: str, now: datetime) -> None:
    """Raise an alert where a private address was blocked: it may be a proxy's, so everybody's."""
    if ipaddress.ip_network(network).is_global:
        return
    raise_alert(
        kind=PROXY,
        severity=Alert.Severity.CRITICAL,
        subject=f"The private address {network} was blocked for guessing codes",
        message=(
            "If this is a proxy or load balancer of yours, everybody behind it is locked out: set "
            "TRUSTED_PROXY_HOPS to the number of your proxies, then lift the block. If it is an "
            "office's network, lift the block and allow it."
        ),
        data={"network": network},
        dedupe_key=f"{PROXY}:{network}",
        now=now,
    )


def _key_of(form: str) -> str:
    return f"{KIND}:{form}"
