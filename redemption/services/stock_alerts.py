"""Telling the operators that people wait for cards, and that they no longer do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from alerts.models import Alert
from alerts.scope import EVERYTHING, seeing
from alerts.services.alerts import raise_alert, resolve_alert
from credit.money import display_amount
from giftcards.models import Pool
from giftcards.providers import configured_providers
from giftcards.selectors.stock import Supply, find_supply
from redemption.models import Campaign, Condition, Redemption

KIND: Final = "out_of_stock"
_NOT_CONFIGURED: Final = "provider_not_configured"


@seeing(EVERYTHING)
def alert_out_of_stock(*, campaign_id: UUID, condition_number: int, now: datetime) -> Alert:
    """Raise the critical alert that a condition's people wait for cards, or count one more."""
    condition = Condition.objects.select_related("campaign", "brand", "pool").get(
        campaign_id=campaign_id, number=condition_number
    )
    waiting = Redemption.objects.filter(
        condition=condition, state=Redemption.State.WAITING_STOCK
    ).count()
    card = "gift card"
    if condition.brand is not None and condition.card_value_minor is not None:
        value = display_amount(condition.card_value_minor, condition.currency)
        card = f"{condition.brand.name} {value}"
    if waiting:
        people = "1 person waits" if waiting == 1 else f"{waiting} people wait"
    elif condition.campaign.queue_when_empty:
        people = "Nobody waits yet"
    else:
        people = "Whoever asks is turned away"
    return raise_alert(
        kind=KIND,
        severity=Alert.Severity.CRITICAL,
        subject=f"Out of cards: {card}, {condition.campaign.name}",
        message=(
            f"{people}. Upload or buy cards for "
            f"{'the pool ' + condition.pool.name if condition.pool else 'a pool of this value'}; "
            "who waits is then served by itself, in the order of asking."
        ),
        data={
            "campaign_id": condition.campaign_id,
            "condition_number": condition.number,
            "pool_id": condition.pool_id,
            "waiting": waiting,
        },
        dedupe_key=_key_of(condition.pk),
        client_id=condition.campaign.client_id,
        now=now,
    )


@seeing(EVERYTHING)
def report_empty(*, campaign_id: UUID, condition_numbers: Collection[int], now: datetime) -> None:
    """Raise the alert of conditions for which no card is left, where nobody has raised it yet.

    However often people look at their codes meanwhile, it goes out once.
    """
    conditions = Condition.objects.filter(campaign_id=campaign_id, number__in=condition_numbers)
    keys = {_key_of(condition.pk): condition for condition in conditions}
    for key in _unresolved().filter(dedupe_key__in=keys).values_list("dedupe_key", flat=True):
        del keys[key]
    for condition in keys.values():
        alert_out_of_stock(campaign_id=campaign_id, condition_number=condition.number, now=now)


@seeing(EVERYTHING)
def alert_not_configured(*, pool_id: UUID, client_id: UUID, now: datetime) -> Alert:
    """Raise the critical alert that people are turned away for want of a provider's set-up."""
    pool = Pool.objects.select_related("brand").get(pk=pool_id)
    return raise_alert(
        kind=_NOT_CONFIGURED,
        severity=Alert.Severity.CRITICAL,
        subject=f"No provider is set up for the pool {pool.name}",
        message=(
            "It buys from a provider only, and its provider has no address or keys, or its brand "
            "has no name there: nobody gets a card. Set them, or let the pool use uploaded cards."
        ),
        data={"pool_id": pool.pk, "provider": pool.api_provider, "brand_id": pool.brand_id},
        dedupe_key=f"{_NOT_CONFIGURED}:{pool.pk}",
        client_id=client_id,
        now=now,
    )


def _settle_set_up_alerts(*, now: datetime) -> None:
    alerted = Alert.objects.filter(kind=_NOT_CONFIGURED).exclude(state=Alert.State.RESOLVED)
    pool_ids = [
        UUID(key.rpartition(":")[2]) for key in alerted.values_list("dedupe_key", flat=True)
    ]
    for pool in Pool.objects.filter(pk__in=pool_ids).select_related("brand"):
        is_served = pool.api_provider in configured_providers() and pool.brand.provider_slug
        if is_served or pool.archived_at or pool.purchase_method != Pool.PurchaseMethod.API_ONLY:
            resolve_alert(dedupe_key=f"{_NOT_CONFIGURED}:{pool.pk}", now=now)


def settle_stock_alerts(*, now: datetime) -> None:
    """Resolve the alerts of queues that are empty, and raise those that are missing.

    One may be missing when a queue grew again just while its alert was being resolved, or when
    the process that was to raise it died. One for which nobody has waited stays until there are
    cards: it tells that there are none.
    """
    alerts = dict(_unresolved().values_list("dedupe_key", "data"))
    unresolved = set(alerts)
    waiting = set(
        Redemption.objects.filter(state=Redemption.State.WAITING_STOCK)
        .order_by()
        .values_list("condition_id", flat=True)
        .distinct()
    )
    for key in unresolved - {_key_of(condition_id) for condition_id in waiting}:
        if alerts[key].get("waiting") or not _is_still_empty(key, now=now):
            resolve_alert(dedupe_key=key, now=now)
    missing = [pk for pk in waiting if _key_of(pk) not in unresolved]
    for condition in Condition.objects.filter(pk__in=missing):
        alert_out_of_stock(
            campaign_id=condition.campaign_id, condition_number=condition.number, now=now
        )
    _settle_set_up_alerts(now=now)


def _key_of(condition_id: UUID) -> str:
    return f"{KIND}:{condition_id}"


def _unresolved() -> QuerySet[Alert]:
    return Alert.objects.filter(kind=KIND).exclude(state=Alert.State.RESOLVED)


def _is_still_empty(key: str, *, now: datetime) -> bool:
    """Tell whether a condition that somebody may still ask for has no card left."""
    conditions = Condition.objects.select_related("campaign").filter(
        pk=UUID(key.rpartition(":")[2]),
        is_active=True,
        campaign__status=Campaign.Status.ACTIVE,
    )
    return any(
        find_supply(
            pool_id=condition.pool_id,
            client_id=condition.campaign.client_id,
            brand_id=condition.brand_id,
            value_minor=condition.card_value_minor,
            currency=condition.currency,
            providers=configured_providers(),
            now=now,
        )
        is Supply.NOWHERE
        for condition in conditions
    )
