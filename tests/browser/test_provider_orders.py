"""An order of which nobody knows what became, looked after by a person at a screen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, expect
from pytest_django import Settings

from credit.models import AuditEvent, Entry
from giftcards.emulator import Emulator
from giftcards.models import GiftCard, ProviderOrder
from giftcards.services.orders import place_due_orders
from tests.browser.conftest import Visitor
from tests.giftcards.ordering import LATER, TOLD, buying, order_card
from tests.staff import make_platform_admin
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
__all__ = ["buying"]


@pytest.fixture(params=[1280, 390], ids=["desk", "phone"])
def operator(
    request: pytest.FixtureRequest, browser: Browser, contexts: list[BrowserContext], site: str
) -> Visitor:
    """A platform admin with the right to take purchases back, who is signed in."""
    user = make_platform_admin()
    user.user_permissions.add(Permission.objects.get(codename="reverse_order"))
    visitor = Visitor(browser, contexts, width=request.param)
    visitor.be(user, site)
    return visitor


@pytest.fixture
def unknown(buying: Settings, tillo_emulator: Emulator) -> ProviderOrder:
    """An order whose card was sold, and whose answers were all lost."""
    world: World = build_world()
    placed_at = datetime.now(UTC) - timedelta(days=2)
    order = order_card(world, now=placed_at)
    tillo_emulator.set_faults([{"action": "drop"}])
    for number in range(12):
        place_due_orders(now=placed_at + number * LATER)
    order.refresh_from_db()
    assert order.state == "unknown"
    tillo_emulator.set_faults([])
    return order


def open_actions(visitor: Visitor) -> None:
    """On a phone they are behind a button."""
    if visitor.page.viewport_size == {"width": 390, "height": 844}:
        visitor.page.get_by_text("more_horiz").click()


class TestUnknownOutcomes:
    def test_are_sent_again_and_end_with_their_card(
        self, operator: Visitor, site: str, unknown: ProviderOrder, tillo_emulator: Emulator
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:giftcards_providercircuit_changelist"))
        expect(page.get_by_role("status")).to_contain_text("1 order of which nobody knows")
        assert operator.fits()
        page.get_by_role("status").get_by_role("link", name="1 order").click()
        expect(page.locator("#result_list").get_by_text("Unknown", exact=True)).to_be_visible()
        assert operator.fits()
        page.goto(site + reverse("admin:giftcards_providerorder_change", args=[unknown.pk]))
        expect(page.get_by_text("Send it again: the same request id")).to_be_visible()
        assert operator.fits()
        operator.open_actions()
        page.get_by_role("link", name="Send it again").click()
        page.get_by_label("Reason").fill("The network is back")
        page.get_by_role("button", name="Send it again").click()
        expect(page.get_by_text("It is sent again")).to_be_visible()

        assert place_due_orders(now=datetime.now(UTC)) == 1
        page.reload()
        card = GiftCard.objects.get()
        expect(page.get_by_text("Bought", exact=True).first).to_be_visible()
        expect(page.get_by_role("link", name=f"…{card.last4}")).to_be_visible()
        assert (card.holder_id, card.status) == (unknown.holder_id, "claimed")
        # One card, however often it was asked for; and its words in the record.
        assert len(tillo_emulator.journal("sold")) == 1
        assert TOLD[-1].outcome == "sold"
        event = AuditEvent.objects.get(action="provider_order.replayed")
        assert event.details["reason"] == "The network is back"
        assert operator.complaints == []

    def test_are_taken_back_with_the_money(
        self, operator: Visitor, site: str, unknown: ProviderOrder, tillo_emulator: Emulator
    ) -> None:
        page = operator.page
        page.goto(site + reverse("admin:giftcards_providerorder_change", args=[unknown.pk]))
        operator.open_actions()
        page.get_by_role("link", name="Take it back").click()
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_text("Say why.")).to_be_visible()
        page.get_by_label("Reason").fill("The customer has another one")
        page.get_by_role("button", name="Take it back").click()
        expect(page.get_by_text("The sale was taken back. The credit that was")).to_be_visible()
        assert len(tillo_emulator.journal("reversed")) == 1
        assert not GiftCard.objects.exists()
        assert sum(Entry.objects.values_list("amount_minor", flat=True)) == 0
        assert operator.complaints == []
