"""Our money at the providers: read, kept, and told about before it runs out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from django.db import connection

from alerts.models import Alert
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.services.monitors import Finding, raise_finding
from alerts.transactions import durable, transaction, transaction_required
from credit.money import Money, display_amount
from giftcards.models import ProviderFloat
from giftcards.providers import (
    PROVIDERS,
    ProviderError,
    catalogue,
    choose_provider,
    configured_providers,
)
from giftcards.selectors.providers import FloatLevel, float_warning_minor, list_floats
from giftcards.services.circuit import resume_when_funded

log = structlog.get_logger()

# Below this share of the warning it is a matter of hours.
_CRITICAL_SHARE: Final = 5
_LONGEST_NAME: Final = 64

# A sale tells the balance of the float it was paid from, but not that float's name: so it counts
# only where there is one of its currency. Of two sales that answer at once the later one counts.
_NOTE: Final = """
    WITH old AS (
        SELECT id, available_minor FROM giftcards_providerfloat
        WHERE provider = %(provider)s AND currency = %(currency)s AND read_at < %(now)s
            AND 1 = (SELECT count(*) FROM giftcards_providerfloat
                WHERE provider = %(provider)s AND currency = %(currency)s)
        FOR UPDATE)
    UPDATE giftcards_providerfloat f SET available_minor = %(available)s, read_at = %(now)s
    FROM old WHERE f.id = old.id RETURNING old.available_minor, f.name
"""


@durable
def check_all_floats(*, now: datetime) -> dict[str, list[FloatLevel]]:
    """Ask every provider that is set up for our money there; who did not answer is left out."""
    read = {}
    for provider in configured_providers():
        with contextlib.suppress(ProviderError):  # it has raised its alert
            read[provider] = check_floats(provider=provider, now=now)
    return read


@durable
def check_floats(*, provider: str, now: datetime) -> list[FloatLevel]:
    """Ask a provider for our money there, keep it, and warn below PROVIDER_FLOAT_WARNING.

    Where it was not asked for cards because our money was used up, it is again once there is more.

    :raises NotConfiguredError: nobody is set up to sell under that name.
    :raises ProviderError: it did not say; what was known stays, and an alert is raised.
    """
    try:
        told = choose_provider(provider).check_floats()
    except ProviderError as error:
        raise_alert(
            kind="provider_float_unread",
            severity=Alert.Severity.WARNING,
            subject=f"{PROVIDERS[provider]} did not say how much money of ours it has",
            data={"provider": provider, "error": type(error).__name__},
            dedupe_key=f"provider_float_unread:{provider}",
            now=now,
        )
        raise
    resolve_alert(dedupe_key=f"provider_float_unread:{provider}", now=now)
    before = {(one.currency, one.name): one for one in list_floats(provider=provider)}
    with transaction():
        _store(provider, told, now=now)
    levels = list_floats(provider=provider)
    if any(_has_grown(level, before.get((level.currency, level.name))) for level in levels):
        resume_when_funded(provider=provider, now=now)
    for level in levels:
        _warn_or_settle(provider, level, now=now)
    log.info("[PROVIDER] Floats read", provider=provider, floats=len(levels))
    return levels


@durable
def note_float_balance(*, provider: str, balance: Money, now: datetime) -> None:
    """Keep what a sale has told of the float it was paid from.

    One short statement; an alert only when the balance falls below the warning by it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "provider": provider,
                "currency": balance.currency,
                "available": balance.amount_minor,
                "now": now,
            },
        )
        noted = cursor.fetchone()
    warning_minor = float_warning_minor(balance.currency)
    if noted is None or warning_minor is None:
        return
    before_minor, name = noted
    if before_minor >= warning_minor > balance.amount_minor:
        for level in list_floats(provider=provider):
            if (level.name, level.currency) == (name, balance.currency):
                _warn_or_settle(provider, level, now=now)


@transaction_required
def _store(provider: str, floats: Sequence[catalogue.ProviderFloat], *, now: datetime) -> None:
    rows = {
        (one.available.currency, one.name[:_LONGEST_NAME]): ProviderFloat(
            provider=provider,
            name=one.name[:_LONGEST_NAME],
            currency=one.available.currency,
            available_minor=one.available.amount_minor,
            pending_minor=one.pending.amount_minor if one.pending else None,
            read_at=now,
        )
        for one in floats
    }
    ProviderFloat.objects.bulk_create(
        [rows[key] for key in sorted(rows)],
        update_conflicts=True,
        unique_fields=["provider", "currency", "name"],
        update_fields=["available_minor", "pending_minor", "read_at"],
    )
    for row in ProviderFloat.objects.filter(provider=provider):
        if (row.currency, row.name) not in rows:
            row.delete()


def _has_grown(level: FloatLevel, before: FloatLevel | None) -> bool:
    if before is None or level.available_minor > before.available_minor:
        return True
    # What was known may be from before the money was used up: then enough counts as more. A float
    # that nothing was taken from is another currency's, and says nothing.
    was_used = level.available_minor != before.available_minor
    return was_used and level.available_minor >= (level.warning_minor or math.inf)


def _warn_or_settle(provider: str, level: FloatLevel, *, now: datetime) -> None:
    if level.warning_minor is None or level.available_minor >= level.warning_minor:
        resolve_alert(dedupe_key=_key_of(provider, level), now=now)
    else:
        raise_finding(finding=describe_low_float(provider, level), now=now)


def describe_low_float(provider: str, level: FloatLevel) -> Finding:
    """Say that a float is below its warning."""
    warning_minor = level.warning_minor or 0
    is_critical = level.available_minor * _CRITICAL_SHARE < warning_minor
    return Finding(
        kind="provider_float",
        severity=Alert.Severity.CRITICAL if is_critical else Alert.Severity.WARNING,
        subject=f"{PROVIDERS[provider]}: {display_amount(level.available_minor, level.currency)}"
        f" is left to buy cards with",
        message=f"The warning is set at {display_amount(warning_minor, level.currency)}."
        f" Send money to {PROVIDERS[provider]}; once it is used up no card can be bought there.",
        data={
            "provider": provider,
            "float": level.name,
            "currency": level.currency,
            "available_minor": level.available_minor,
            "warning_minor": warning_minor,
        },
        dedupe_key=_key_of(provider, level),
    )


def _key_of(provider: str, level: FloatLevel) -> str:
    return f"provider_float:{provider}:{level.currency}:{level.name}"
