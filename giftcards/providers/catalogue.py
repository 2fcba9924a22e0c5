"""What a provider tells of its brands, our money there and its stock."""

import dataclasses
import enum
from collections.abc import Mapping
from decimal import Decimal

from credit.money import Money


class BrandState(enum.Enum):
    """Whether a brand can be bought."""

    ENABLED = "enabled"
    PAUSED = "paused"
    DISABLED = "disabled"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderBrand:
    """A brand as the provider sells it.

    :param denominations_minor: the only values there are; empty when any between the limits is.
    :param has_stock: its stock can be asked for.
    """

    slug: str
    name: str
    currency: str
    state: BrandState
    state_reason: str = ""
    discount_percent: Decimal | None = None
    lower_minor: int | None = None
    upper_minor: int | None = None
    denominations_minor: tuple[int, ...] = ()
    delivery_methods: frozenset[str] = frozenset()
    is_asynchronous: bool = False
    has_stock: bool = False
    can_be_issued: bool = False
    can_be_undone: bool = False
    can_show_balance: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderCatalogue:
    """All brands. Those in ``unreadable`` are there too, in words nobody here understands."""

    brands: tuple[ProviderBrand, ...]
    unreadable: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFloat:
    """Money of ours at the provider; ``name`` says for which brands."""

    name: str
    available: Money
    pending: Money | None = None


# How many cards there are of each value (minor units); None: some, but not how many.
StockLevels = Mapping[int, int | None]
