"""What a reward is charged, what is kept of it for good, and who refuses to give it."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from alerts.codes import ErrorCode
from credit.models import Entry
from credit.selectors.viewers import SYSTEM, Viewer, viewing
from giftcards.models import Denomination, GiftCard, Pool
from giftcards.services.prices import (
    set_agency_brand,
    set_agency_price,
    set_client_brand,
    set_client_denomination,
)
from redemption.models import Condition, Redemption
from redemption.selectors.codes import find_code
from redemption.services.redeem import AlreadyProvisionedError
from tests.guards.raw import as_application
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, refused
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def mark_up(world: World, basis_points: int, *, is_offered: bool = True) -> None:
    set_agency_brand(
        viewer=SYSTEM,
        agency_id=world.agency.pk,
        brand_id=world.brand.pk,
        is_offered=is_offered,
        markup_basis_points=basis_points,
        now=NOW,
    )


def set_price(world: World, price_minor: int | None) -> None:
    set_agency_price(
        viewer=SYSTEM,
        agency_id=world.agency.pk,
        denomination_id=world.denomination.pk,
        price_minor=price_minor,
        now=NOW,
    )


def facts() -> tuple[int | None, ...]:
    """Return face value, cost, charge, the agency's margin and the platform's."""
    return Redemption.objects.values_list(
        "face_value_minor",
        "cost_minor",
        "charged_minor",
        "agency_margin_minor",
        "platform_margin_minor",
    ).get()


class TestCharge:
    def test_is_the_face_value_where_nobody_said_otherwise(self, world: World) -> None:
        world.stock(1)
        assert ask(world.invite()[0]).charged_minor == 2500
        assert facts() == (2500, None, 2500, 0, None)

    def test_is_the_face_value_with_the_markup_rounded_half_up(self, world: World) -> None:
        mark_up(world, 1010)  # 27.525 dollars
        world.pool.cost_per_card_minor = 2400
        world.pool.save()
        world.stock(1)
        result = ask(world.invite()[0])
        assert (result.face_value_minor, result.charged_minor) == (2500, 2753)
        assert result.balance_minor == 97_247
        entry = Entry.objects.get(account=world.account, amount_minor__lt=0)
        assert (entry.amount_minor, entry.balance_after_minor) == (-2753, 97_247)
        assert facts() == (2500, 2400, 2753, 253, 100)
        assert broken_invariants() == {}

    def test_is_the_agencys_own_price_whatever_the_markup(self, world: World) -> None:
        mark_up(world, 1010)
        set_price(world, 2400)
        world.stock(1)
        assert ask(world.invite()[0]).charged_minor == 2400
        assert facts() == (2500, None, 2400, -100, None)
        assert world.balance() == 97_600

    @pytest.mark.parametrize(
        ("currency", "value_minor", "basis_points", "charged_minor"),
        [("JPY", 500, 750, 538), ("JPY", 500, 740, 537), ("KWD", 25_000, 333, 25_833)],
    )
    def test_knows_the_minor_units_of_other_currencies(
        self, currency: str, value_minor: int, basis_points: int, charged_minor: int
    ) -> None:
        world = build_world(currency=currency, value_minor=value_minor)
        mark_up(world, basis_points)
        world.stock(1)
        result = ask(world.invite()[0])
        assert (result.currency, result.charged_minor) == (currency, charged_minor)
        assert result.balance_minor == world.balance() == 100_000 - charged_minor
        assert broken_invariants() == {}

    def test_needs_credit_for_the_price_and_not_for_the_face_value(self) -> None:
        world, short = (build_world(credit_minor=2500, name=name) for name in ("Acorn", "Birch"))
        mark_up(world, 1)  # 25.0025 dollars
        world.stock(1)
        assert ask(world.invite()[0]).balance_minor == 0
        mark_up(short, 2)  # 25.005, a cent too much
        short.stock(1)
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(short.invite()[0])

    def test_of_one_agency_is_not_anothers(self, world: World) -> None:
        stranger = build_world(name="Birch")
        mark_up(stranger, 5000)
        world.stock(1)
        assert ask(world.invite()[0]).charged_minor == 2500

    def test_of_a_test_code_is_nothing(self, world: World) -> None:
        mark_up(world, 1010)
        result = ask(world.invite(is_test=True)[0])
        assert (result.state, result.charged_minor) == ("issued", 0)
        assert facts() == (2500, None, 0, 0, 0)
        assert world.balance() == 100_000

    def test_is_that_of_the_moment_the_card_is_given(self, world: World) -> None:
        (code,) = world.invite()
        assert ask(code).state == "waiting_stock"
        assert facts() == (2500, None, None, None, None)
        mark_up(world, 400)
        world.stock(1)
        result = ask(code, resume=True)
        assert (result.state, result.charged_minor) == ("issued", 2600)
        assert facts() == (2500, None, 2600, 100, None)


class TestCost:
    def test_is_the_cards_own(self, world: World) -> None:
        world.stock(1)
        GiftCard.objects.update(cost_minor=2222)
        Pool.objects.update(cost_per_card_minor=2400)
        ask(world.invite()[0])
        assert facts() == (2500, 2222, 2500, 0, 278)

    def test_is_the_pools_where_the_card_has_none(self, world: World) -> None:
        world.stock(1)
        assert GiftCard.objects.get().cost_minor is None
        Pool.objects.update(cost_per_card_minor=2600)
        ask(world.invite()[0])
        assert facts() == (2500, 2600, 2500, 0, -100)


class TestFacts:
    """They are of their moment: no later price and no statement changes them."""

    def test_outlive_a_change_of_markup_and_price(self, world: World) -> None:
        mark_up(world, 1000)
        world.stock(2)
        first, second = world.invite(2)
        ask(first)
        before = facts()
        mark_up(world, 2000)
        set_price(world, 9000)
        Pool.objects.update(cost_per_card_minor=1)
        assert facts() == before == (2500, None, 2750, 250, None)
        assert ask(second).charged_minor == 9000

    @pytest.mark.parametrize("state", ["issued", "cancelled", "failed"])
    @pytest.mark.parametrize(
        "change",
        [
            "charged_minor = 1",
            "charged_minor = NULL",
            "face_value_minor = 1",
            "cost_minor = 1",
            "cost_minor = NULL",
            "currency = 'EUR'",
        ],
    )
    def test_refuse_to_be_rewritten(self, world: World, state: str, change: str) -> None:
        Pool.objects.update(cost_per_card_minor=2400)
        world.stock(1)
        ask(world.invite()[0])
        with as_application() as application:
            application.execute("UPDATE redemption_redemption SET state = %s", [state])
            with pytest.raises(psycopg.errors.RestrictViolation, match="never changes"):
                application.execute(f"UPDATE redemption_redemption SET {change}")

    @pytest.mark.parametrize("margin", ["agency_margin_minor", "platform_margin_minor"])
    def test_leave_the_margins_to_the_database(self, world: World, margin: str) -> None:
        world.stock(1)
        ask(world.invite()[0])
        with as_application() as application, pytest.raises(psycopg.errors.GeneratedAlways):
            application.execute(f"UPDATE redemption_redemption SET {margin} = 1")


def switch_agency_off(world: World) -> None:
    mark_up(world, 0, is_offered=False)


def switch_client_off(world: World) -> None:
    set_client_brand(
        viewer=SYSTEM,
        client_id=world.client.pk,
        brand_id=world.brand.pk,
        is_offered=False,
        now=NOW,
    )


def switch_value_off(world: World) -> None:
    set_client_denomination(
        viewer=SYSTEM,
        client_id=world.client.pk,
        denomination_id=world.denomination.pk,
        is_offered=False,
        now=NOW,
    )


SWITCHES = [switch_agency_off, switch_client_off, switch_value_off]


class TestNotOffered:
    def test_is_foretold_to_a_client_within_its_own_scope(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        viewer = Viewer(actor="key:1", client_ids=frozenset({world.client.pk}))
        states = []
        for switch in (lambda _world: None, switch_agency_off):
            switch(world)
            with viewing(viewer):
                found = find_code(code=code, now=NOW)
            assert found is not None
            states.append(found.state)
        assert states == ["ready", "not_offered"]

    @pytest.mark.parametrize("switch_off", SWITCHES)
    def test_is_refused_with_nothing_half_done(
        self, world: World, switch_off: Callable[[World], None]
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        switch_off(world)
        with refused(ErrorCode.BRAND_UNAVAILABLE):
            ask(code)
        found = find_code(code=code, now=NOW)
        assert found is not None
        assert (found.state, found.is_valid, found.requires) == ("not_offered", False, ())
        assert GiftCard.objects.get().status == "available"
        assert broken_invariants() == {}

    @pytest.mark.parametrize("switch_off", SWITCHES)
    def test_is_another_agencys_own_affair(
        self, world: World, switch_off: Callable[[World], None]
    ) -> None:
        stranger = build_world(name="Birch")
        switch_off(stranger)
        world.stock(1)
        assert ask(world.invite()[0]).state == "issued"

    def test_takes_no_card_from_who_has_one(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        issued = ask(code)
        switch_agency_off(world)
        with pytest.raises(AlreadyProvisionedError) as refusal:
            ask(code)
        assert refusal.value.redemption_id == issued.redemption_id

    def test_keeps_who_waits_waiting(self, world: World) -> None:
        (code,) = world.invite()
        ask(code)
        world.stock(1)
        switch_client_off(world)
        with refused(ErrorCode.BRAND_UNAVAILABLE):
            ask(code, resume=True)
        assert Redemption.objects.get().state == "waiting_stock"

    def test_leaves_the_campaigns_other_cards_to_choose_from(self, world: World) -> None:
        fifty = Denomination.objects.create(brand=world.brand, value_minor=5000, currency="USD")
        Condition.objects.create(
            campaign=world.campaign, number=2, name="Two", brand=world.brand, card_value_minor=5000
        )
        (code,) = world.invite()
        set_client_denomination(
            viewer=SYSTEM,
            client_id=world.client.pk,
            denomination_id=fifty.pk,
            is_offered=False,
            now=NOW,
        )
        world.stock(1)
        found = find_code(code=code, now=NOW)
        assert found is not None
        assert (found.state, [offer.number for offer in found.offers]) == ("ready", [1])
        with refused(ErrorCode.BRAND_UNAVAILABLE):
            ask(code, condition_number=2)
        assert ask(code, condition_number=1).state == "issued"
