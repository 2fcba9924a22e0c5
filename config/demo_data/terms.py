"""What the demo's agencies charge, and from which balance on its clients are warned."""

from __future__ import annotations

from config.demo_data.plan import CLIENTS, CURRENCY, TERMS, Calendar
from credit.models import Account, Agency
from credit.selectors.viewers import SYSTEM
from credit.services.warnings import set_low_balance_threshold
from giftcards.models import Denomination
from giftcards.services.prices import set_agency_brand, set_agency_price
from redemption.models import Redemption


def seed_terms(*, calendar: Calendar) -> None:
    """Set markups, prices and thresholds before the first redemption; later they are left alone.

    Whoever has tried the pages out keeps what they have set.
    """
    if Redemption.objects.exists():
        return
    for terms in TERMS:
        denomination = Denomination.objects.get(brand__slug=terms.brand_slug, currency=CURRENCY)
        agency_id = Agency.objects.values_list("pk", flat=True).get(slug=terms.agency)
        set_agency_brand(
            viewer=SYSTEM,
            agency_id=agency_id,
            brand_id=denomination.brand_id,
            is_offered=True,
            markup_basis_points=terms.markup_basis_points,
            now=calendar.begins_at,
        )
        set_agency_price(
            viewer=SYSTEM,
            agency_id=agency_id,
            denomination_id=denomination.pk,
            price_minor=terms.price_minor,
            now=calendar.begins_at,
        )
    for planned in CLIENTS:
        set_low_balance_threshold(
            viewer=SYSTEM,
            account_id=Account.objects.get(level="client", client__slug=planned.slug).pk,
            amount_minor=planned.low_balance_threshold_minor,
            now=calendar.begins_at,
        )
