"""Two people set the same terms at once: one row, and what it says is what one of them said."""

from __future__ import annotations

import itertools

import pytest

from credit.selectors.viewers import SYSTEM
from giftcards.models import AgencyBrand, AgencyPrice
from giftcards.services.prices import TermsChange, set_agency_brand, set_agency_price
from tests.races import run_at_once
from tests.world import NOW, build_world

pytestmark = pytest.mark.django_db(transaction=True)


class TestSetAgencyBrand:
    def test_is_a_chain_of_changes_when_many_set_it_at_once(self) -> None:
        world = build_world()
        numbers = itertools.count(1)

        def set_markup() -> TermsChange:
            return set_agency_brand(
                viewer=SYSTEM,
                agency_id=world.agency.pk,
                brand_id=world.brand.pk,
                is_offered=True,
                markup_basis_points=next(numbers),
                now=NOW,
            )

        changes = run_at_once(8, set_markup)
        before, after = set(), set()
        for change in changes:
            assert isinstance(change, TermsChange), change
            before.add(change.before["markup_basis_points"])
            after.add(change.after["markup_basis_points"])
        # Each saw what the one before had written, and the last is what stands.
        assert after == set(range(1, 9))
        assert {0, *after} - before == {AgencyBrand.objects.get().markup_basis_points}


class TestSetAgencyPrice:
    def test_leaves_one_price_or_none_when_set_and_taken_back_at_once(self) -> None:
        world = build_world()
        prices = itertools.cycle([2600, None])

        def set_price() -> TermsChange:
            return set_agency_price(
                viewer=SYSTEM,
                agency_id=world.agency.pk,
                denomination_id=world.denomination.pk,
                price_minor=next(prices),
                now=NOW,
            )

        changes = run_at_once(8, set_price)
        assert all(isinstance(change, TermsChange) for change in changes), changes
        assert list(AgencyPrice.objects.values_list("price_minor", flat=True)) in ([2600], [])
