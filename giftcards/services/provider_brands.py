"""What a provider sells, brought up to date once a day."""

from __future__ import annotations

import contextlib
import dataclasses
from datetime import datetime
from typing import Final

import structlog

from alerts.models import Alert
from alerts.services.alerts import raise_alert, resolve_alert
from alerts.transactions import durable, transaction, transaction_required
from giftcards.models import ProviderBrand
from giftcards.providers import (
    PROVIDERS,
    ProviderError,
    catalogue,
    choose_provider,
    configured_providers,
)
from giftcards.selectors.providers import BrandUse, list_brand_uses

log = structlog.get_logger()

_ALERT: Final = "provider_brand"
_FACTS: Final = (
    "name", "currency", "state", "reason", "lower_minor", "upper_minor", "denominations_minor",
    "delivery_methods", "is_asynchronous", "can_be_issued", "can_be_undone", "discount_percent",
)  # fmt: skip
_NOT_LISTED: Final = "It is not on the provider's list any more."
_LONGEST: Final = {"slug": 80, "name": 120, "reason": 200}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandSync:
    """What one reading of the list came to, by the provider's slugs.

    :param stopped: sold before, and not any more: paused, disabled or off the list.
    :param resumed: sold again.
    :param unreadable: listed in words that nobody here understands; what was known of them stays.
    :param troubled: brands of ours that can't be bought as our pools want them, by name.
    """

    listed: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    stopped: tuple[str, ...]
    resumed: tuple[str, ...]
    unreadable: tuple[str, ...]
    troubled: tuple[str, ...]


@durable
def sync_all_brands(*, now: datetime) -> dict[str, BrandSync]:
    """Read what every provider that is set up sells; who did not answer is left out."""
    synced = {}
    for provider in configured_providers():
        with contextlib.suppress(ProviderError):  # it has raised its alert
            synced[provider] = sync_brands(provider=provider, now=now)
    return synced


@durable
def sync_brands(*, provider: str, now: datetime) -> BrandSync:
    """Read what a provider sells and keep it; tell about brands of ours that are not sold.

    A repeat changes nothing. A brand that is on the list no more is kept as not sold.

    :raises NotConfiguredError: nobody is set up to sell under that name.
    :raises ProviderError: it did not say; what was known stays, and an alert is raised.
    """
    try:
        told = choose_provider(provider).list_brands()
    except ProviderError as error:
        _alert_about_silence(provider, error, now=now)
        raise
    resolve_alert(dedupe_key=f"provider_sync:{provider}", now=now)
    unreadable = set(told.unreadable)
    rows = {}
    for brand in told.brands:
        if len(brand.slug) > _LONGEST["slug"]:
            unreadable.add(brand.slug)
        else:
            rows[brand.slug] = _to_row(provider, brand, now=now)
    with transaction():
        before = {row.slug: row for row in _lock_rows(provider)}
        _store(rows)
        gone = _forget(provider, kept={*rows, *unreadable}, now=now)
    troubled = review_brands(provider=provider, now=now)
    was_sold = {slug for slug, row in before.items() if row.state == ProviderBrand.State.ENABLED}
    is_sold = {slug for slug, row in rows.items() if row.state == ProviderBrand.State.ENABLED}
    result = BrandSync(
        listed=len(rows),
        added=_sorted(rows.keys() - before.keys()),
        changed=_sorted(
            slug for slug, row in rows.items() if slug in before and _differ(row, before[slug])
        ),
        stopped=_sorted((was_sold & rows.keys()) - is_sold | was_sold & gone),
        resumed=_sorted(is_sold & before.keys() - was_sold),
        unreadable=_sorted(unreadable),
        troubled=tuple(use.brand for use in troubled),
    )
    log.info("[PROVIDER] Brands synced", provider=provider, **dataclasses.asdict(result))
    return result


@durable
def review_brands(*, provider: str, now: datetime) -> list[BrandUse]:
    """Raise an alert for each brand of ours that can't be bought as our pools want it.

    Those that can again are resolved. Return the ones with problems.
    """
    troubled = [use for use in list_brand_uses(provider=provider) if use.problems]
    keys = set()
    for use in troubled:
        key = f"{_ALERT}:{provider}:{use.brand_id}"
        keys.add(key)
        raise_alert(
            kind=_ALERT,
            severity=Alert.Severity.WARNING,
            subject=f"{use.brand} can't be bought from {PROVIDERS[provider]} as its pools want it",
            message=" ".join(use.problems),
            data={
                "provider": provider,
                "provider_slug": use.provider_slug,
                "brand_id": use.brand_id,
                "pools": use.pools,
            },
            dedupe_key=key,
            now=now,
        )
    for key in _open_alerts(provider) - keys:
        resolve_alert(dedupe_key=key, now=now)
    return troubled


def _open_alerts(provider: str) -> set[str]:
    return set(
        Alert.objects.filter(kind=_ALERT, dedupe_key__startswith=f"{_ALERT}:{provider}:")
        .exclude(state=Alert.State.RESOLVED)
        .order_by()
        .values_list("dedupe_key", flat=True)
    )


def _alert_about_silence(provider: str, error: ProviderError, *, now: datetime) -> None:
    raise_alert(
        kind="provider_sync",
        severity=Alert.Severity.WARNING,
        subject=f"{PROVIDERS[provider]} did not say what it sells",
        message="What it said before still counts. The next try is the job's next run.",
        data={"provider": provider, "error": type(error).__name__, "code": _code_of(error)},
        dedupe_key=f"provider_sync:{provider}",
        now=now,
    )


def _code_of(error: ProviderError) -> str:
    return str(getattr(error, "code", ""))


def _to_row(provider: str, brand: catalogue.ProviderBrand, *, now: datetime) -> ProviderBrand:
    return ProviderBrand(
        provider=provider,
        slug=brand.slug,
        name=brand.name[: _LONGEST["name"]],
        currency=brand.currency,
        state=brand.state.value,
        reason=brand.state_reason[: _LONGEST["reason"]],
        lower_minor=brand.lower_minor,
        upper_minor=brand.upper_minor,
        denominations_minor=sorted(brand.denominations_minor),
        delivery_methods=sorted(brand.delivery_methods),
        is_asynchronous=brand.is_asynchronous,
        can_be_issued=brand.can_be_issued,
        can_be_undone=brand.can_be_undone,
        discount_percent=brand.discount_percent,
        synced_at=now,
    )


@transaction_required
def _lock_rows(provider: str) -> list[ProviderBrand]:
    # In one order, so that of two readings at once one waits for the other.
    return list(
        ProviderBrand.objects.select_for_update().filter(provider=provider).order_by("slug")
    )


@transaction_required
def _store(rows: dict[str, ProviderBrand]) -> None:
    ProviderBrand.objects.bulk_create(
        [rows[slug] for slug in sorted(rows)],
        update_conflicts=True,
        unique_fields=["provider", "slug"],
        update_fields=[*_FACTS, "synced_at"],
    )


@transaction_required
def _forget(provider: str, *, kept: set[str], now: datetime) -> set[str]:
    gone = ProviderBrand.objects.filter(provider=provider).exclude(slug__in=kept)
    slugs = set(gone.order_by().values_list("slug", flat=True))
    gone.update(state=ProviderBrand.State.DISABLED, reason=_NOT_LISTED, synced_at=now)
    return slugs


def _differ(row: ProviderBrand, before: ProviderBrand) -> bool:
    return any(getattr(row, name) != getattr(before, name) for name in _FACTS)


def _sorted(slugs: object) -> tuple[str, ...]:
    return tuple(sorted(slugs))  # type: ignore[call-overload]
