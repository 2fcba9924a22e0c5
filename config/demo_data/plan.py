"""Who and what there is in the demo. All names are invented."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Final

CURRENCY: Final = "USD"
PROVIDER: Final = "tillo"
HISTORY_DAYS: Final = 210


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAgency:
    """An agency, and the credit it is issued at the beginning."""

    slug: str
    name: str
    credit_minor: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedClient:
    """A client, what its agency allocates to it at the beginning and half-way."""

    slug: str
    name: str
    agency: str
    credit_minor: int
    top_up_minor: int = 0
    low_balance_threshold_minor: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPool:
    """A brand of one value, and the pool of its cards; no client means the platform's.

    :param provider_slug: the brand's name at the provider; empty where it does not sell it.
    :param purchase_method: where cards come from when none lies there.
    :param target_level: how many cards the job keeps there; it makes the pool a buffer.
    """

    name: str
    brand_slug: str
    brand_name: str
    code_format: str
    value_minor: int
    cost_minor: int
    cards: int
    client: str | None
    provider_slug: str = ""
    purchase_method: str = "csv_only"
    target_level: int | None = None
    daily_budget_minor: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCampaign:
    """A campaign with one condition; ``invited`` people, of whom ``redeemed`` have their card.

    :param waiting: how many more asked when the pool was empty.
    :param own_budget_minor: what its own account gets; None shares the client's.
    """

    name: str
    condition: str
    client: str
    pool: str
    invited: int
    redeemed: int
    crm_event_name: str
    waiting: int = 0
    own_budget_minor: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTerms:
    """On what terms an agency offers a brand: a markup, or a price for its one value."""

    agency: str
    brand_slug: str
    markup_basis_points: int = 0
    price_minor: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Calendar:
    """The demo's days: the past is told from ``begins_at`` up to ``today``, its first start."""

    begins_at: datetime

    @property
    def today(self) -> datetime:
        """When the demo was started first."""
        return self.begins_at + timedelta(days=HISTORY_DAYS)


AGENCIES: Final = (
    PlannedAgency(slug="lantern", name="Lantern Agency", credit_minor=9_000_000),
    PlannedAgency(slug="quayside", name="Quayside Partners", credit_minor=2_000_000),
)
CLIENTS: Final = (
    PlannedClient(
        slug="solmara",
        name="Solmara Energy",
        agency="lantern",
        credit_minor=5_000_000,
        top_up_minor=1_500_000,
        low_balance_threshold_minor=1_000_000,
    ),
    # Its balance is below what it wants to be warned of.
    PlannedClient(
        slug="tidewell",
        name="Tidewell Health",
        agency="lantern",
        credit_minor=250_000,
        low_balance_threshold_minor=200_000,
    ),
    PlannedClient(slug="orrin", name="Orrin Telecom", agency="quayside", credit_minor=800_000),
)
POOLS: Final = (
    PlannedPool(
        name="Solmara Brightleaf",
        brand_slug="brightleaf-market",
        brand_name="Brightleaf Market",
        code_format="",
        value_minor=2500,
        cost_minor=2400,
        cards=480,
        client="solmara",
        provider_slug="brightleaf-us",
    ),
    PlannedPool(
        name="Halcyon master",
        brand_slug="halcyon-outdoors",
        brand_name="Halcyon Outdoors",
        code_format="AAA-99999999",
        value_minor=5000,
        cost_minor=4700,
        cards=152,
        client=None,
    ),
    PlannedPool(
        name="Tidewell Cobalt",
        brand_slug="cobalt-coffee",
        brand_name="Cobalt Coffee",
        code_format="9999-9999-9999",
        value_minor=1000,
        cost_minor=930,
        cards=45,
        client="tidewell",
        provider_slug="cobalt-us",
    ),
    PlannedPool(
        name="Tidewell Fernway",
        brand_slug="fernway-books",
        brand_name="Fernway Books",
        code_format="XXXX-XXXX-XXXX",
        value_minor=1500,
        cost_minor=1440,
        cards=20,
        client="tidewell",
        provider_slug="fernway-us",
    ),
    PlannedPool(
        name="Orrin Juniper",
        brand_slug="juniper-pay",
        brand_name="Juniper Pay",
        code_format="XXXXXXXXXXXXXXXX",
        value_minor=2000,
        cost_minor=1980,
        cards=105,
        client="orrin",
        provider_slug="juniper-us",
    ),
    # Two cards are left of it; then come those bought ahead, and then the provider's.
    PlannedPool(
        name="Solmara Marigold",
        brand_slug="marigold-home",
        brand_name="Marigold Home",
        code_format="9999-9999-9999",
        value_minor=2000,
        cost_minor=1900,
        cards=12,
        client="solmara",
        provider_slug="marigold-us",
        purchase_method="csv_with_fallback",
    ),
    PlannedPool(
        name="Marigold bought ahead",
        brand_slug="marigold-home",
        brand_name="Marigold Home",
        code_format="9999-9999-9999",
        value_minor=2000,
        cost_minor=1900,
        cards=0,
        client=None,
        provider_slug="marigold-us",
        purchase_method="api_only",
        target_level=6,
        daily_budget_minor=50_000,
    ),
    PlannedPool(
        name="Solmara Saffron",
        brand_slug="saffron-table",
        brand_name="Saffron Table",
        code_format="",
        value_minor=2500,
        cost_minor=2400,
        cards=0,
        client="solmara",
        provider_slug="saffron-us",
        purchase_method="api_only",
    ),
)
CAMPAIGNS: Final = (
    PlannedCampaign(
        name="Spring Thank-You",
        condition="Came to the home visit",
        client="solmara",
        pool="Solmara Brightleaf",
        invited=175,
        redeemed=150,
        crm_event_name="home_visit_done",
    ),
    PlannedCampaign(
        name="Meter Reading Reward",
        condition="Sent in the meter reading",
        client="solmara",
        pool="Halcyon master",
        invited=70,
        redeemed=60,
        crm_event_name="reading_received",
        own_budget_minor=400_000,
    ),
    # Its budget does for twelve cards, and then for none.
    PlannedCampaign(
        name="Winter Warm-Up",
        condition="Had the boiler serviced",
        client="solmara",
        pool="Halcyon master",
        invited=28,
        redeemed=12,
        crm_event_name="boiler_serviced",
        own_budget_minor=65_000,
    ),
    PlannedCampaign(
        name="Step Challenge",
        condition="Walked for thirty days",
        client="tidewell",
        pool="Tidewell Cobalt",
        invited=55,
        redeemed=40,
        crm_event_name="challenge_completed",
    ),
    PlannedCampaign(
        name="Quiet Hour",
        condition="Finished the course",
        client="tidewell",
        pool="Tidewell Fernway",
        invited=30,
        redeemed=20,
        waiting=3,
        crm_event_name="course_finished",
    ),
    PlannedCampaign(
        name="Refer a Friend",
        condition="A friend has joined",
        client="orrin",
        pool="Orrin Juniper",
        invited=60,
        redeemed=50,
        crm_event_name="referral_joined",
    ),
    PlannedCampaign(
        name="Home Comforts",
        condition="Had the loft insulated",
        client="solmara",
        pool="Solmara Marigold",
        invited=22,
        redeemed=10,
        crm_event_name="insulation_done",
    ),
    # Each of its cards is bought when it is asked for.
    PlannedCampaign(
        name="Table for Two",
        condition="Chose paperless bills",
        client="solmara",
        pool="Solmara Saffron",
        invited=14,
        redeemed=0,
        crm_event_name="paperless_chosen",
    ),
)
TERMS: Final = (
    PlannedTerms(agency="lantern", brand_slug="halcyon-outdoors", markup_basis_points=500),
    PlannedTerms(agency="lantern", brand_slug="cobalt-coffee", markup_basis_points=750),
    PlannedTerms(agency="lantern", brand_slug="fernway-books", price_minor=1590),
    PlannedTerms(agency="quayside", brand_slug="juniper-pay", markup_basis_points=250),
)
# What the log-ins, the keys and demo.json are about.
DEMO_AGENCY: Final = "lantern"
DEMO_CLIENT: Final = "solmara"
OTHER_CLIENT: Final = "orrin"
DEMO_CAMPAIGN: Final = "Spring Thank-You"
ISOLATED_CAMPAIGN: Final = "Meter Reading Reward"
DEMO_POOL: Final = "Solmara Brightleaf"
FALLBACK_CAMPAIGN: Final = "Home Comforts"
ON_THE_SPOT_CAMPAIGN: Final = "Table for Two"
BUFFER_POOL: Final = "Marigold bought ahead"
