"""What an agency offers at which price, what its clients choose, and who may say so."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from alerts.errors import ValidationFailedError
from credit.models import Agency, AuditEvent, Client
from credit.selectors.viewers import SYSTEM, Viewer, viewing
from giftcards.models import (
    AgencyBrand,
    AgencyPrice,
    Brand,
    ClientBrand,
    ClientDenomination,
    Denomination,
)
from giftcards.selectors.offers import list_agency_brands, list_client_brands
from giftcards.services import prices
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def stranger() -> World:
    return build_world(name="Birch")


def agency_of(world: World) -> Viewer:
    return Viewer(actor="user:agency", agency_ids=frozenset({world.agency.pk}))


def client_of(world: World) -> Viewer:
    return Viewer(actor="user:client", client_ids=frozenset({world.client.pk}))


def set_brand(world: World, viewer: Viewer | None = None, **changes: Any) -> prices.TermsChange:
    facts = {"is_offered": True, "markup_basis_points": 0, "brand_id": world.brand.pk}
    return prices.set_agency_brand(
        viewer=viewer or agency_of(world),
        agency_id=world.agency.pk,
        now=NOW,
        **{**facts, **changes},
    )


def set_price(world: World, price_minor: int | None, **changes: Any) -> prices.TermsChange:
    facts = {"viewer": agency_of(world), "denomination_id": world.denomination.pk}
    return prices.set_agency_price(
        agency_id=world.agency.pk, price_minor=price_minor, now=NOW, **{**facts, **changes}
    )


def choose_brand(world: World, is_offered: bool, **changes: Any) -> prices.TermsChange:
    facts = {"viewer": client_of(world), "brand_id": world.brand.pk}
    return prices.set_client_brand(
        client_id=world.client.pk, is_offered=is_offered, now=NOW, **{**facts, **changes}
    )


def choose_value(world: World, is_offered: bool, **changes: Any) -> prices.TermsChange:
    facts = {"viewer": client_of(world), "denomination_id": world.denomination.pk}
    return prices.set_client_denomination(
        client_id=world.client.pk, is_offered=is_offered, now=NOW, **{**facts, **changes}
    )


def rows() -> list[int]:
    models = (AgencyBrand, AgencyPrice, ClientBrand, ClientDenomination)
    return [model._default_manager.count() for model in models]


def price_of(agency: Agency, denomination: Denomination) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT giftcards_price(%s, %s)", [agency.pk, denomination.pk])
        return int(cursor.fetchone()[0])


def is_handed_out(world: World, client: Client | None = None) -> bool:
    client_id = (client or world.client).pk
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT giftcards_is_offered(%s, %s, %s)",
            [world.agency.pk, client_id, world.denomination.pk],
        )
        return bool(cursor.fetchone()[0])


class TestSetAgencyBrand:
    def test_marks_up_every_value_without_its_own_price(self, world: World) -> None:
        fifty = Denomination.objects.create(brand=world.brand, value_minor=5000, currency="USD")
        yen = Denomination.objects.create(brand=world.brand, value_minor=555, currency="JPY")
        dinar = Denomination.objects.create(brand=world.brand, value_minor=5555, currency="KWD")
        change = set_brand(world, markup_basis_points=1010)
        assert change.before == {"is_offered": True, "markup_basis_points": 0}
        assert change.after == {"is_offered": True, "markup_basis_points": 1010}
        assert price_of(world.agency, world.denomination) == 2753  # 27.525
        assert price_of(world.agency, fifty) == 5505
        assert price_of(world.agency, yen) == 611  # 611.055
        assert price_of(world.agency, dinar) == 6116  # 6.116055

    def test_changes_the_one_row_when_said_again(self, world: World) -> None:
        set_brand(world, markup_basis_points=100)
        change = set_brand(world, markup_basis_points=250, is_offered=False)
        assert change.before == {"is_offered": True, "markup_basis_points": 100}
        row = AgencyBrand.objects.get()
        assert (row.is_offered, row.markup_basis_points) == (False, 250)
        assert not set_brand(world, markup_basis_points=250, is_offered=False).is_change

    def test_writes_down_who_changed_what_for_the_agency_to_read(self, world: World) -> None:
        set_brand(world, markup_basis_points=250)
        set_brand(world, markup_basis_points=250)
        event = AuditEvent.objects.get()
        assert (event.actor, event.action) == ("user:agency", "agency_brand.changed")
        assert (event.object_kind, event.object_id) == ("brand", str(world.brand.pk))
        assert (event.agency_id, event.client_id, event.at) == (world.agency.pk, None, NOW)
        assert event.details == {
            "before": {"is_offered": True, "markup_basis_points": 0},
            "after": {"is_offered": True, "markup_basis_points": 250},
        }

    @pytest.mark.parametrize("basis_points", [-1, 100_001, 2**80])
    def test_refuses_a_markup_out_of_bounds(self, world: World, basis_points: int) -> None:
        with pytest.raises(ValidationFailedError) as refusal:
            set_brand(world, markup_basis_points=basis_points)
        assert list(refusal.value.errors) == ["markup"]
        assert rows() == [0, 0, 0, 0]

    def test_leaves_other_agencies_alone(self, world: World, stranger: World) -> None:
        set_brand(world, markup_basis_points=1000)
        assert price_of(stranger.agency, world.denomination) == 2500
        with pytest.raises(Agency.DoesNotExist):
            set_brand(world, agency_of(stranger), markup_basis_points=1)
        with pytest.raises(Agency.DoesNotExist):
            set_brand(world, client_of(world), markup_basis_points=1)
        assert AgencyBrand.objects.get().markup_basis_points == 1000

    def test_knows_no_brand_that_the_platform_switched_off(self, world: World) -> None:
        Brand.objects.update(is_enabled=False)
        with pytest.raises(Brand.DoesNotExist):
            set_brand(world)
        with pytest.raises(Brand.DoesNotExist):
            set_brand(world, brand_id=uuid4())
        assert rows() == [0, 0, 0, 0]
        assert AuditEvent.objects.count() == 0


class TestSetAgencyPrice:
    def test_goes_before_the_markup_until_it_is_taken_back(self, world: World) -> None:
        set_brand(world, markup_basis_points=1000)
        assert set_price(world, 2401).before == {"price_minor": None}
        assert price_of(world.agency, world.denomination) == 2401
        assert set_price(world, 2600).before == {"price_minor": 2401}
        assert price_of(world.agency, world.denomination) == 2600
        assert set_price(world, None).before == {"price_minor": 2600}
        assert price_of(world.agency, world.denomination) == 2750
        assert not set_price(world, None).is_change
        assert AgencyPrice.objects.count() == 0

    @pytest.mark.parametrize("price_minor", [0, -1, 2**63])
    def test_refuses_what_is_no_price(self, world: World, price_minor: int) -> None:
        with pytest.raises(ValidationFailedError) as refusal:
            set_price(world, price_minor)
        assert list(refusal.value.errors) == ["price"]
        assert rows() == [0, 0, 0, 0]

    def test_is_for_the_agency_itself(self, world: World, stranger: World) -> None:
        for viewer in (agency_of(stranger), client_of(world)):
            with pytest.raises(Agency.DoesNotExist):
                set_price(world, 2600, viewer=viewer)
        with pytest.raises(Denomination.DoesNotExist):
            set_price(world, 2600, denomination_id=uuid4())
        assert rows() == [0, 0, 0, 0]


class TestSetClientBrand:
    def test_switches_a_brand_off_and_on_for_that_client_only(self, world: World) -> None:
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug="sibling")
        assert choose_brand(world, False).is_change
        assert not is_handed_out(world)
        assert is_handed_out(world, sibling)
        choose_brand(world, True, viewer=agency_of(world))
        assert is_handed_out(world)
        assert ClientBrand.objects.count() == 1

    def test_writes_down_who_chose_for_client_and_agency_to_read(self, world: World) -> None:
        choose_brand(world, True)
        choose_brand(world, False)
        choose_value(world, False)
        brand, value = AuditEvent.objects.order_by("action")
        assert (brand.action, value.action) == (
            "client_brand.changed",
            "client_denomination.changed",
        )
        for event in (brand, value):
            assert (event.agency_id, event.client_id) == (world.agency.pk, world.client.pk)
            assert event.details == {"before": {"is_offered": True}, "after": {"is_offered": False}}

    def test_chooses_from_what_the_agency_offers(self, world: World, stranger: World) -> None:
        set_brand(world, is_offered=False)
        with pytest.raises(Brand.DoesNotExist):
            choose_brand(world, True)
        for viewer in (client_of(stranger), agency_of(stranger)):
            with pytest.raises(Client.DoesNotExist):
                choose_brand(world, False, viewer=viewer)
        assert rows() == [1, 0, 0, 0]
        assert not is_handed_out(world)


class TestSetClientDenomination:
    def test_switches_one_value_off(self, world: World) -> None:
        fifty = Denomination.objects.create(brand=world.brand, value_minor=5000, currency="USD")
        choose_value(world, False)
        assert not is_handed_out(world)
        (brand,) = list_client_brands(viewer=client_of(world), client_id=world.client.pk)
        assert [(row.denomination_id, row.is_offered) for row in brand.denominations] == [
            (world.denomination.pk, False),
            (fifty.pk, True),
        ]
        choose_value(world, True)
        assert is_handed_out(world)

    def test_is_for_those_who_see_the_client(self, world: World, stranger: World) -> None:
        with pytest.raises(Client.DoesNotExist):
            choose_value(world, False, viewer=client_of(stranger))
        with pytest.raises(Denomination.DoesNotExist):
            choose_value(world, False, denomination_id=uuid4())
        assert rows() == [0, 0, 0, 0]


class TestIsOffered:
    def test_needs_a_yes_from_platform_agency_and_client(self, world: World) -> None:
        assert is_handed_out(world)
        for model in (Brand, Denomination):
            model._default_manager.update(is_enabled=False)
            assert not is_handed_out(world)
            model._default_manager.update(is_enabled=True)
        choose_value(world, False)
        assert not is_handed_out(world)
        choose_value(world, True)
        choose_brand(world, False)
        assert not is_handed_out(world)
        choose_brand(world, True)
        set_brand(world, is_offered=False)
        assert not is_handed_out(world)
        set_brand(world)
        assert is_handed_out(world)


class TestListAgencyBrands:
    def test_shows_terms_and_resulting_prices(self, world: World, stranger: World) -> None:
        set_brand(world, markup_basis_points=1250)
        set_brand(world, brand_id=stranger.brand.pk, is_offered=False)
        set_price(world, 100, denomination_id=stranger.denomination.pk)
        acorn, birch = list_agency_brands(viewer=agency_of(world), agency_id=world.agency.pk)
        assert (acorn.name, acorn.is_offered, acorn.markup_basis_points) == (
            "Acorn Shop",
            True,
            1250,
        )
        (value,) = acorn.denominations
        assert (value.value_minor, value.custom_price_minor, value.price_minor) == (
            2500,
            None,
            2813,
        )
        assert (birch.is_offered, birch.markup_basis_points) == (False, 0)
        (value,) = birch.denominations
        assert (value.custom_price_minor, value.price_minor) == (100, 100)
        (mine, _) = list_agency_brands(viewer=SYSTEM, agency_id=stranger.agency.pk)
        assert (mine.markup_basis_points, mine.denominations[0].price_minor) == (0, 2500)

    def test_needs_no_more_than_the_agencys_own_scope(self, world: World, stranger: World) -> None:
        for each in (world, stranger):
            set_brand(each, markup_basis_points=1000)
            set_price(each, 2600)
        with viewing(agency_of(world)):
            acorn, birch = list_agency_brands(viewer=agency_of(world), agency_id=world.agency.pk)
            assert AgencyBrand.objects.count() == AgencyPrice.objects.count() == 1
        assert (acorn.markup_basis_points, acorn.denominations[0].price_minor) == (1000, 2600)
        assert (birch.markup_basis_points, birch.denominations[0].price_minor) == (0, 2500)

    def test_is_not_for_strangers(self, world: World, stranger: World) -> None:
        for viewer in (agency_of(stranger), client_of(world), Viewer(actor="nobody")):
            with pytest.raises(Agency.DoesNotExist):
                list_agency_brands(viewer=viewer, agency_id=world.agency.pk)


class TestListClientBrands:
    def test_leaves_out_what_the_agency_does_not_offer(self, world: World, stranger: World) -> None:
        set_brand(world, brand_id=stranger.brand.pk, is_offered=False)
        set_price(world, 2600)
        (brand,) = list_client_brands(viewer=client_of(world), client_id=world.client.pk)
        assert (brand.brand_id, brand.is_offered) == (world.brand.pk, True)
        (value,) = brand.denominations
        assert (value.value_minor, value.price_minor, value.is_offered) == (2500, 2600, True)

    def test_tells_a_client_its_agencys_prices_within_its_own_scope(self, world: World) -> None:
        set_brand(world, markup_basis_points=1000)
        choose_value(world, False)
        with viewing(client_of(world)):
            (brand,) = list_client_brands(viewer=client_of(world), client_id=world.client.pk)
        (value,) = brand.denominations
        assert (value.price_minor, value.is_offered) == (2750, False)

    def test_keeps_what_the_client_has_switched_off(self, world: World) -> None:
        choose_brand(world, False)
        (brand,) = list_client_brands(viewer=agency_of(world), client_id=world.client.pk)
        assert not brand.is_offered

    def test_is_not_for_strangers(self, world: World, stranger: World) -> None:
        for viewer in (client_of(stranger), agency_of(stranger)):
            with pytest.raises(Client.DoesNotExist):
                list_client_brands(viewer=viewer, client_id=world.client.pk)
