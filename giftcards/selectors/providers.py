"""What providers have told us: what they sell, and our money there; beside what we need."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Q

from credit.money import display_amount, minor_digits
from giftcards.models import Brand, Pool, ProviderBrand, ProviderFloat


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandUse:
    """A brand of ours that pools buy from a provider, beside what the provider says of it.

    :param problems: why some of its cards can't be bought there now, in sentences.
    """

    brand_id: UUID
    brand: str
    provider_slug: str
    pools: tuple[str, ...]
    values: tuple[tuple[int, str], ...]
    problems: tuple[str, ...]
    sold_as: str = ""
    is_asynchronous: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FloatLevel:
    """Our money at a provider, beside the sum below which somebody is warned; minor units."""

    name: str
    currency: str
    available_minor: int
    pending_minor: int | None
    warning_minor: int | None
    read_at: datetime

    @property
    def colour(self) -> str:
        """Red below the warning, amber up to twice of it, green above."""
        if self.available_minor <= 0 or self.available_minor < (self.warning_minor or 0):
            return "red"
        return "amber" if self.available_minor < 2 * (self.warning_minor or 0) else "green"

    @property
    def percent(self) -> int:
        """How much of the bar is full: five times the warning is a full one."""
        if not self.warning_minor:
            return 100 if self.available_minor > 0 else 0
        return max(0, min(100, self.available_minor * 100 // (5 * self.warning_minor)))


def float_warning_minor(currency: str) -> int | None:
    """Return the sum of PROVIDER_FLOAT_WARNING in minor units; None where it names none."""
    units = settings.PROVIDER_FLOAT_WARNING.get(currency)
    return None if units is None else units * 10 ** minor_digits(currency)


def list_floats(*, provider: str) -> list[FloatLevel]:
    """Return our money at a provider as it was last told."""
    rows = ProviderFloat.objects.filter(provider=provider).order_by("currency", "name")
    return [
        FloatLevel(
            name=row.name,
            currency=row.currency,
            available_minor=row.available_minor,
            pending_minor=row.pending_minor,
            warning_minor=float_warning_minor(row.currency),
            read_at=row.read_at,
        )
        for row in rows
    ]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BrandList:
    """What is known of a provider's list; None: it has never told us."""

    brands: int
    synced_at: datetime | None


def summarise_brands(*, provider: str) -> BrandList:
    """Return how many brands a provider has listed, sold or not, and when it last told us."""
    found = ProviderBrand.objects.filter(provider=provider).aggregate(
        brands=Count("pk"), synced_at=Max("synced_at")
    )
    return BrandList(**found)


def list_brand_uses(*, provider: str) -> list[BrandUse]:
    """Return our brands of which pools in use buy from a provider, by name."""
    pools = (
        Pool.objects.filter(api_provider=provider, archived_at=None)
        .exclude(purchase_method=Pool.PurchaseMethod.CSV_ONLY)
        .select_related("brand", "denomination")
        .order_by("brand__name", "brand_id", "name")
    )
    by_brand: dict[Brand, list[Pool]] = defaultdict(list)
    for pool in pools:
        by_brand[pool.brand].append(pool)
    if not by_brand:
        return []
    listed = ProviderBrand.objects.filter(provider=provider)
    is_synced = listed.exists()
    slugs = [brand.provider_slug for brand in by_brand]
    by_slug = {row.slug: row for row in listed.filter(slug__in=slugs)}
    return [
        _describe(brand, rows, by_slug.get(brand.provider_slug), is_synced=is_synced)
        for brand, rows in by_brand.items()
    ]


def _describe(
    brand: Brand, pools: list[Pool], sold: ProviderBrand | None, *, is_synced: bool
) -> BrandUse:
    values = sorted({(pool.denomination.value_minor, pool.denomination.currency) for pool in pools})
    if not brand.provider_slug:
        problems = ["It has no name at the provider: choose one on the brand's page."]
    elif sold is not None:
        problems = _problems_of(sold, values)
    else:
        problems = [f"The provider does not list {brand.provider_slug}."] if is_synced else []
    return BrandUse(
        brand_id=brand.pk,
        brand=brand.name,
        provider_slug=brand.provider_slug,
        pools=tuple(pool.name for pool in pools),
        values=tuple(values),
        problems=tuple(problems),
        sold_as=sold.name if sold else "",
        is_asynchronous=sold is not None and sold.is_asynchronous,
    )


def _problems_of(sold: ProviderBrand, values: list[tuple[int, str]]) -> list[str]:
    reason = f": {sold.reason}" if sold.reason else "."
    if sold.state == ProviderBrand.State.PAUSED:
        return [f"The provider has paused it{reason}"]
    if sold.state == ProviderBrand.State.DISABLED:
        return [f"The provider does not sell it any more{reason}"]
    if not sold.can_be_issued:
        return ["The provider does not sell it as a code or a link."]
    return [
        f"{display_amount(value_minor, currency)} is not among its values"
        f" ({describe_values(sold)})."
        for value_minor, currency in values
        if not sells_value(sold, value_minor, currency)
    ]


def sells_value(sold: ProviderBrand, value_minor: int, currency: str) -> bool:
    """Tell whether a value is among those the provider sells of a brand."""
    if sold.currency != currency:
        return False
    if sold.denominations_minor:
        return value_minor in sold.denominations_minor
    return (sold.lower_minor or 0) <= value_minor <= (sold.upper_minor or value_minor)


def describe_values(sold: ProviderBrand) -> str:
    """Print the values a provider sells: ``$5.00, $10.00`` or ``$5.00 to $500.00``."""
    if sold.denominations_minor:
        return ", ".join(
            display_amount(value, sold.currency) for value in sorted(sold.denominations_minor)
        )
    if sold.lower_minor is None and sold.upper_minor is None:
        return f"any in {sold.currency}"
    lower = display_amount(sold.lower_minor or 0, sold.currency)
    if sold.upper_minor is None:
        return f"from {lower}"
    return f"{lower} to {display_amount(sold.upper_minor, sold.currency)}"


def list_provider_brands(*, words: str = "", limit: int | None = None) -> list[ProviderBrand]:
    """Return the brands that providers list, by name; with all of these words in name or slug."""
    rows = ProviderBrand.objects.order_by("name", "provider", "slug")
    for word in words.split():
        rows = rows.filter(Q(name__icontains=word) | Q(slug__icontains=word))
    return list(rows[:limit])


def find_provider_brand(slug: str, *, provider: str = "") -> ProviderBrand | None:
    """Return what a provider (or, when none is named, any) lists under a slug."""
    rows = ProviderBrand.objects.filter(slug=slug).order_by("provider")
    return (rows.filter(provider=provider) if provider else rows).first()
