"""Brands and pools of the demo, filled by the importer that fills real ones."""

from __future__ import annotations

import io
import secrets
import string
from datetime import timedelta
from typing import Final

from alerts.transactions import transaction
from config.demo_data.plan import CURRENCY, POOLS, PROVIDER, Calendar, PlannedPool
from credit.models import Client
from giftcards.models import Brand, CardBatch, Denomination, Pool
from giftcards.services.imports import import_cards

_SYMBOLS: Final = {
    "X": string.ascii_uppercase + string.digits,
    "A": string.ascii_uppercase,
    "9": string.digits,
}
_ANY_FORMAT: Final = "XXXX-XXXX-XXXX"
# Two months of expiry, so that earliest-first has something to choose.
_EXPIRES_AFTER: Final = (timedelta(days=400), timedelta(days=700))


def seed_stock(*, calendar: Calendar) -> None:
    """Make what is missing of brands and pools, and fill the pools that never got cards."""
    for planned in POOLS:
        pool = _seed_pool(planned, calendar)
        if planned.cards and not CardBatch.objects.filter(pool=pool).exists():
            import_cards(
                pool=pool,
                source=io.BytesIO(_draw_cards(planned, calendar).encode()),
                file_name=f"{planned.brand_slug}.csv",
                mode="all_or_nothing",
                dry_run=False,
                actor="system",
                now=calendar.begins_at,
            )


def _seed_pool(planned: PlannedPool, calendar: Calendar) -> Pool:
    with transaction():
        brand, _ = Brand.objects.get_or_create(
            slug=planned.brand_slug,
            defaults={
                "name": planned.brand_name,
                "code_format": planned.code_format,
                "redemption_url": f"https://{planned.brand_slug}.example.com/redeem",
                "terms_url": f"https://{planned.brand_slug}.example.com/terms",
                "provider_slug": planned.provider_slug,
                "instructions": "Enter the code when you pay, or show it at the till.",
                "created_at": calendar.begins_at,
            },
        )
        denomination, _ = Denomination.objects.get_or_create(
            brand=brand, value_minor=planned.value_minor, currency=CURRENCY
        )
        client = Client.objects.get(slug=planned.client) if planned.client else None
        pool, _ = Pool.objects.get_or_create(
            name=planned.name,
            brand=brand,
            denomination=denomination,
            client=client,
            kind=_kind_of(planned),
            defaults={
                "purchase_method": planned.purchase_method,
                "api_provider": "" if planned.purchase_method == "csv_only" else PROVIDER,
                "target_level": planned.target_level,
                "daily_budget_minor": planned.daily_budget_minor,
                "cost_per_card_minor": planned.cost_minor,
                "created_at": calendar.begins_at,
            },
        )
    return pool


def _kind_of(planned: PlannedPool) -> Pool.Kind:
    if planned.target_level is not None:
        return Pool.Kind.BUFFER
    return Pool.Kind.CLIENT if planned.client else Pool.Kind.MASTER


def _draw_cards(planned: PlannedPool, calendar: Calendar) -> str:
    """Return a CSV file of new cards; the codes are the demo's secrets, so they are random."""
    lines = ["code,pin,expires_on"]
    for number in range(planned.cards):
        expires_on = calendar.today.date() + _EXPIRES_AFTER[number % len(_EXPIRES_AFTER)]
        lines.append(f"{_draw(planned.code_format or _ANY_FORMAT)},{_draw('9999')},{expires_on}")
    return "\n".join(lines)


def _draw(code_format: str) -> str:
    return "".join(secrets.choice(_SYMBOLS.get(symbol, symbol)) for symbol in code_format)
