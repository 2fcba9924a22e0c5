"""Attacks on redemption codes: blocked addresses, and forms on which too many codes are unknown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q

from alerts.models import Alert
from alerts.services.monitors import BETTER, Finding, find_standing, is_critical, register_monitor
from redemption.models import AddressAllow, AddressBlock, AttemptLog, Campaign, FormBreaker
from redemption.services.form_alerts import KIND, PROXY, describe_slow_form

_BLOCKED: Final = "attack_blocked_addresses"
_SHARE: Final = "attack_unknown_codes"
# Blocked by hand is a decision of somebody who knows.
_GUARD: Final = "guard"
_MANY: Final = 20
_SPAN: Final = timedelta(hours=1)


@register_monitor("attack")
def watch_attack(*, now: datetime) -> Iterable[Finding]:
    """Find addresses that the guard has blocked, and forms on which codes are guessed."""
    yield from _blocked(now)
    yield from _slowed_forms(now)
    yield from _guessed_slowly(now)


def _blocked(now: datetime) -> Iterator[Finding]:
    # As many rows as addresses were ever blocked; a block without effect is not told of.
    allowed = AddressAllow.objects.filter(
        Q(until=None) | Q(until__gt=now), network=OuterRef("network"), lifted_at=None
    )
    # What looks like a proxy of ours has an alert of its own.
    proxies = [key.removeprefix(f"{PROXY}:") for key in find_standing(kind=PROXY)]
    blocked = (
        AddressBlock.objects.filter(
            ~Exists(allowed), created_by=_GUARD, lifted_at=None, until__gt=now
        )
        .exclude(network__in=proxies)
        .count()
    )
    if not blocked:
        return
    standing = find_standing(kind=_BLOCKED).get(_BLOCKED)
    is_grave = blocked >= _MANY * (BETTER if is_critical(standing) else 1)
    are = "1 address is" if blocked == 1 else f"{blocked} addresses are"
    yield Finding(
        kind=_BLOCKED,
        severity=Alert.Severity.CRITICAL if is_grave else Alert.Severity.WARNING,
        subject=f"{are} blocked for guessing codes",
        message="Strangers there may try no code for a while. Look them up under Blocked addresses:"
        " is one of them an office's, a shop's or a proxy's, lift the block and allow it.",
        data={"blocked": blocked},
        dedupe_key=_BLOCKED,
    )


def _slowed_forms(now: datetime) -> Iterator[Finding]:
    """Find again what the form's breaker raised, and ends by itself."""
    standing = find_standing(kind=KIND)
    for form in FormBreaker.objects.filter(slowed_until__gt=now).order_by("form"):
        found = describe_slow_form(form=form.form, attempts=form.attempts, unknown=form.unknown)
        yield standing.get(found.dedupe_key, found)


def _guessed_slowly(now: datetime) -> Iterator[Finding]:
    """Find forms with a high share of unknown codes in an hour, too slow for the breaker.

    By the index of the attempts' times: an hour's rows.
    """
    at_least, _ = settings.SLOW_FORM_AFTER
    broken = FormBreaker.objects.filter(slowed_until__gt=now - _SPAN)
    counts = (
        AttemptLog.objects.filter(
            at__gt=now - _SPAN,
            at__lte=now,
            action=AttemptLog.Action.FORM,
            result__in=AttemptLog.COUNTED,
        )
        # What the breaker saw was told of by it.
        .exclude(form__in=broken.values("form"))
        .values("form")
        .annotate(
            attempts=Count("pk"),
            unknown=Count("pk", filter=Q(result=AttemptLog.Result.UNKNOWN_CODE)),
        )
        .order_by("form")
    )
    standing = find_standing(kind=_SHARE)
    for row in counts.filter(attempts__gte=int(at_least * BETTER)):
        # What stands ends by a margin, of the share and of how many tries say it.
        part = BETTER if f"{_SHARE}:{row['form']}" in standing else 1
        is_many = row["attempts"] >= at_least * part
        if is_many and row["unknown"] * 100 >= settings.SLOW_FORM_SHARE * part * row["attempts"]:
            yield _share_of(row["form"], row["attempts"], row["unknown"])


def _share_of(form: str, attempts: int, unknown: int) -> Finding:
    campaign = Campaign.objects.get(pk=UUID(form)) if form else None
    name = f"the form of {campaign.name}" if campaign else "the form"
    return Finding(
        kind=_SHARE,
        severity=Alert.Severity.WARNING,
        subject=f"{unknown * 100 // attempts} % of the codes tried on {name} are unknown",
        message=f"{unknown} of {attempts} in the last hour: somebody may be guessing slowly. If"
        " honest people type wrong codes, compare the letters they got with the campaign's codes.",
        data={"form": form, "attempts": attempts, "unknown": unknown},
        dedupe_key=f"{_SHARE}:{form}",
        client_id=campaign.client_id if campaign else None,
    )
