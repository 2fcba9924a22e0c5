"""Orders at a provider: every class of answer, and what it does to order, hold, card and holder."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from giftcards.emulator import Emulator
from giftcards.models import GiftCard, ProviderOrderEvent
from giftcards.services.orders import place_due_orders
from giftcards.services.secrets import open_field
from tests.giftcards.ordering import TOLD, hold_state, order_card
from tests.invariants import LEDGER, broken_invariants
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


class TestPlaceDueOrders:
    def test_buys_the_card_and_binds_it_to_its_holder(
        self, world: World, buying: Settings, tillo_emulator: Emulator
    ) -> None:
        order = order_card(world)
        assert (order.state, hold_state(order), world.balance()) == ("requested", "open", 97_400)
        assert place_due_orders(now=NOW) == 1
        order.refresh_from_db()
        assert (order.state, order.attempts, order.cost_minor) == ("succeeded", 1, 2400)
        assert order.request_id == f"gl-{order.pk.hex}"
        (sale,) = tillo_emulator.sales()
        card = GiftCard.objects.get()
        assert order.card == card
        assert (card.status, card.holder_kind, card.holder_id) == (
            "claimed",
            "parcel",
            order.holder_id,
        )
        assert (card.source, card.cost_minor, card.value_minor) == ("api", 2400, 2500)
        assert open_field(card.code_encrypted, field="code") == sale.code
        assert card.expires_on == sale.expires_at.date()
        assert card.expiry_bucket == sale.expires_at.year * 100 + sale.expires_at.month
        assert (card.provider_reference, order.provider_reference) == (
            sale.reference,
            sale.reference,
        )
        assert (hold_state(order), world.balance()) == ("capture", 97_400)
        (told,) = TOLD
        assert (told.outcome, told.card_id, told.order.cost_minor) == ("sold", card.pk, 2400)
        event = ProviderOrderEvent.objects.get()
        assert (event.asked, event.outcome, event.code, event.actor) == (
            "issue",
            "sold",
            "",
            "system",
        )
        assert broken_invariants(promises=LEDGER) == {}
