"""The providers' page, the list of orders, and choosing what a provider sells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse
from pytest_django import Settings

from credit.models import AuditEvent, User
from giftcards.emulator import Emulator
from giftcards.models import (
    GiftCard,
    ProviderCircuit,
    ProviderFloat,
    ProviderOrder,
)
from giftcards.services.buffers import refill_buffers
from giftcards.services.circuit import shut
from giftcards.services.orders import place_due_orders
from giftcards.services.provider_brands import sync_brands
from tests.giftcards.buying import make_buffer, sell_at
from tests.giftcards.ordering import LATER, buying, order_card
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("tillo_settings")]
__all__ = ["buying"]
PROVIDERS = "/admin/giftcards/providercircuit/"
ORDERS = "/admin/giftcards/providerorder/"


def act(browser: Browser, order: ProviderOrder, action: str, **data: str) -> Any:
    """Send the dialog of one of the buttons on an order's page."""
    url = reverse(f"admin:giftcards_providerorder_{action}", args=[order.pk])
    return browser.post(url, {"_form_submitted": "True", **data}, follow=True)


def words_of(page: Any) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def make_unknown(world: World, emulator: Emulator) -> ProviderOrder:
    """Order a card whose answers are all lost."""
    order = order_card(world)
    emulator.set_faults([{"action": "drop"}])
    for number in range(12):
        place_due_orders(now=NOW + number * LATER)
    emulator.set_faults([])
    order.refresh_from_db()
    assert order.state == "unknown"
    return order


def make_reverser() -> User:
    user = make_platform_admin()
    user.user_permissions.add(Permission.objects.get(codename="reverse_order"))
    return user


class TestProviderPage:
    def test_tells_how_it_stands_with_everything(self, settings: Settings) -> None:
        settings.PROVIDER_FLOAT_WARNING = {"USD": 20_000}
        world = build_world()
        make_buffer(world, target=4, daily_budget_minor=0)
        order_card(world)
        ProviderOrder.objects.update(state="unknown", next_attempt_at=None)
        browser = sign_in(make_platform_admin())
        for step in ("sync", "floats"):
            browser.post(PROVIDERS, {"provider": "tillo", "step": step})
        page = browser.get(PROVIDERS)
        (tillo,) = page.context["providers"]
        assert (tillo.title, tillo.missing, tillo.brands) == ("Tillo", "", 19)
        assert (tillo.circuit.is_open, tillo.circuit.label) == (False, "Asked")
        assert [(row["name"], row["available"], row["colour"]) for row in tillo.floats] == [
            ("universal-float, GBP", "£1,000.00", "green"),
            ("universal-float, USD", "$10,000.00", "red"),
        ]
        (use,) = tillo.uses
        assert (use["brand"], use["slug"], use["problems"]) == ("Acorn Shop", "amazon-us", ())
        (buffer,) = page.context["buffers"]
        assert (buffer["name"], buffer["budget"]) == ("Bought ahead", "$0.00")
        assert buffer["obstacle"] == "today's budget is used up"
        html = page.content.decode()
        assert "<b>0</b> of 4 wanted" in html
        assert "1 order</a> of which nobody knows what became" in html

    def test_says_what_is_not_set_up(self, settings: Settings) -> None:
        settings.TILLO_API_KEY = ""
        browser = sign_in(make_platform_admin())
        assert "set TILLO_API_KEY." in browser.get(PROVIDERS).content.decode()
        page = browser.post(PROVIDERS, {"provider": "tillo", "step": "sync"}, follow=True)
        assert words_of(page) == ["Nobody can be asked. Set TILLO_API_KEY."]

    def test_says_that_nobody_has_answered(self, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults([{"match": {"request": "floats"}, "action": "drop"}])
        browser = sign_in(make_platform_admin())
        page = browser.post(PROVIDERS, {"provider": "tillo", "step": "floats"}, follow=True)
        assert words_of(page) == ["Tillo gave no answer to work with. What was known stays."]
        assert not ProviderFloat.objects.exists()

    def test_tells_what_a_new_list_has_brought(self, tillo_emulator: Emulator) -> None:
        sync_brands(provider="tillo", now=NOW)
        tillo_emulator.set_brand_state("visa-us", "PAUSED")
        browser = sign_in(make_platform_admin())
        page = browser.post(PROVIDERS, {"provider": "tillo", "step": "sync"}, follow=True)
        assert words_of(page) == ["Tillo lists 19 brands. Not sold any more: visa-us."]

    def test_closes_an_open_circuit_now_with_a_reason(self) -> None:
        now = datetime.now(UTC)
        shut(
            provider="tillo",
            reason=ProviderCircuit.Reason.SET_UP,
            code="434",
            now=now,
            open_until=now + timedelta(minutes=15),
        )
        user = make_platform_admin()
        browser = sign_in(user)
        html = browser.get(PROVIDERS).content.decode()
        assert "Not asked" in html
        assert "It refuses us: set right what is wrong (keys, address, sector, brand)." in html
        page = browser.post(
            PROVIDERS, {"provider": "tillo", "step": "on", "reason": " "}, follow=True
        )
        assert words_of(page) == ["Nothing was changed: say why, in at most 200 characters."]
        assert ProviderCircuit.objects.get().opened_at == now
        page = browser.post(
            PROVIDERS, {"provider": "tillo", "step": "on", "reason": "New key"}, follow=True
        )
        assert words_of(page) == ["Tillo is asked again."]
        assert ProviderCircuit.objects.get().opened_at is None
        event = AuditEvent.objects.get(action="provider.switched_on")
        assert (event.actor, event.details) == (f"user:{user.pk}", {"reason": "New key"})

    def test_switches_a_provider_off(self) -> None:
        browser = sign_in(make_platform_admin())
        page = browser.post(
            PROVIDERS, {"provider": "tillo", "step": "off", "reason": "Talks"}, follow=True
        )
        assert words_of(page) == ["Tillo is not asked until it is switched on again."]
        assert "Somebody has switched it off." in page.content.decode()

    @pytest.mark.parametrize(
        "data", [{}, {"provider": "nobody", "step": "sync"}, {"provider": "tillo", "step": "x"}]
    )
    def test_knows_no_other_button(self, data: dict[str, str]) -> None:
        assert sign_in(make_platform_admin()).post(PROVIDERS, data).status_code == 404

    def test_is_not_there_for_a_stranger(self) -> None:
        stranger = sign_in(make_agency_manager(build_world().agency))
        assert stranger.get(PROVIDERS).status_code == 404
        data = {"provider": "tillo", "step": "off", "reason": "Mischief"}
        assert stranger.post(PROVIDERS, data).status_code == 404
        assert not ProviderCircuit.objects.exists()


class TestProviderBrandList:
    def find(self, **query: str) -> list[str]:
        page = sign_in(make_platform_admin()).get("/admin/giftcards/providerbrand/", query)
        return [brand.slug for brand in page.context["cl"].result_list]

    def test_finds_by_words_and_by_whether_it_is_ours(self) -> None:
        sync_brands(provider="tillo", now=NOW)
        sell_at(build_world(), "visa-us")
        assert self.find(q="depot") == ["home-depot-us"]
        assert self.find(q="us home") == ["marigold-us", "home-depot-us"]
        assert self.find(q="100%_") == []
        assert self.find(used="yes") == ["visa-us"]
        assert "visa-us" not in self.find(used="no")


@pytest.mark.usefixtures("buying")
class TestOrderPage:
    def test_lists_the_unknown_and_counts_them_beside_every_page(
        self, tillo_emulator: Emulator
    ) -> None:
        world = build_world()
        unknown = make_unknown(world, tillo_emulator)
        order_card(world)
        page = sign_in(make_platform_admin()).get(ORDERS, {"state__exact": "unknown"})
        assert list(page.context["cl"].result_list) == [unknown]
        groups = {group["title"]: group["items"] for group in page.context["sidebar_navigation"]}
        items = {item["title"]: item for item in groups["Buying"]}
        assert items["Unknown outcomes"]["badge"] == "1"
        assert items["Unknown outcomes"]["active"] is True
        assert items["Provider orders"]["active"] is False

    def test_finds_by_request_id_reference_holder_and_end_of_the_code(self) -> None:
        world = build_world()
        pool = make_buffer(world)
        order_card(world)
        mine = order_card(world, pool=pool)
        ProviderOrder.objects.filter(pk=mine.pk).update(provider_reference="ref-7")
        browser = sign_in(make_platform_admin())

        def find(term: str) -> list[ProviderOrder]:
            return list(browser.get(ORDERS, {"q": term}).context["cl"].result_list)

        assert find(mine.request_id) == [mine]
        assert find("ref-7") == [mine]
        assert find(str(mine.holder_id)) == find(str(mine.pk)) == [mine]
        assert find(str(uuid4())) == find("ref-8") == []
        bought = order_card(world, slug="visa-us")
        place_due_orders(now=NOW)
        bought.refresh_from_db()
        assert bought.card is not None
        assert find(bought.card.last4.lower()) == [bought]

    def test_shows_the_course_and_no_secret(self, tillo_emulator: Emulator) -> None:
        world = build_world()
        order = order_card(world)
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "drop"}])
        place_due_orders(now=NOW)
        place_due_orders(now=NOW + LATER)
        (sale,) = tillo_emulator.sales()
        browser = sign_in(make_platform_admin())
        for url in (ORDERS, f"{ORDERS}{order.pk}/change/", f"{ORDERS}{order.pk}/history/"):
            html = browser.get(url).content.decode()
            assert sale.code not in html
            assert sale.code.replace("-", "") not in html
        html = browser.get(f"{ORDERS}{order.pk}/change/").content.decode()
        assert order.request_id in html
        assert sale.reference in html
        assert [
            (event.attempt, event.asked, event.outcome) for event in order.events.order_by("pk")
        ] == [(1, "issue", "unknown"), (2, "issue", "sold")]
        # Its end has no buttons.
        for words in ("Send it again", "Ask what became of it", "Take it back"):
            assert f">{words}<" not in html

    def test_sends_again_with_a_reason(self, tillo_emulator: Emulator) -> None:
        order = make_unknown(build_world(), tillo_emulator)
        browser = sign_in(make_platform_admin())
        assert "Say why." in act(browser, order, "replay", reason="").content.decode()
        order.refresh_from_db()
        assert order.state == "unknown"
        page = act(browser, order, "replay", reason="It is back")
        assert words_of(page) == ["It is sent again; what comes of it shows here in a moment."]
        order.refresh_from_db()
        assert (order.state, order.tries) == ("requested", 0)
        place_due_orders(now=datetime.now(UTC))
        order.refresh_from_db()
        assert order.state == "succeeded"
        assert len(tillo_emulator.journal("sold")) == 1

    def test_asks_what_became_of_it_and_says_when_that_is_not_definite(
        self, tillo_emulator: Emulator
    ) -> None:
        order = make_unknown(build_world(), tillo_emulator)
        tillo_emulator.set_faults([{"match": {"request": "status"}, "action": "drop"}])
        browser = sign_in(make_platform_admin())
        page = act(browser, order, "ask", reason="To know")
        (words,) = words_of(page)
        assert words == (
            "Still unknown. The provider answered “unknown” (ConnectionError), which is not"
            " definite."
        )
        tillo_emulator.set_faults([])
        ProviderOrder.objects.update(leased_until=None)
        page = act(browser, order, "ask", reason="To know")
        assert words_of(page) == ["The card was sold, and is bound to what it was bought for."]
        assert GiftCard.objects.get().holder_id == order.holder_id

    def test_takes_back_for_those_who_may(self, tillo_emulator: Emulator) -> None:
        world = build_world()
        order = make_unknown(world, tillo_emulator)
        other = sign_in(make_platform_admin())
        url = f"{ORDERS}{order.pk}/change/"
        assert "Take it back" not in other.get(url).content.decode()
        assert act(other, order, "reverse", reason="Mine").status_code == 403
        assert tillo_emulator.journal("reversed") == []
        browser = sign_in(make_reverser())
        assert "Take it back" in browser.get(url).content.decode()
        page = act(browser, order, "reverse", reason="They have another")
        assert words_of(page) == ["The sale was taken back. The credit that was held is back."]
        order.refresh_from_db()
        assert order.state == "reversed"
        assert world.balance() == 100_000
        assert len(tillo_emulator.journal("reversed")) == 1

    def test_is_sent_by_nobody_once_it_was_to_be_taken_back(self, tillo_emulator: Emulator) -> None:
        order = make_unknown(build_world(), tillo_emulator)
        tillo_emulator.set_faults([{"match": {"request": "reverse"}, "action": "drop"}])
        browser = sign_in(make_reverser())
        act(browser, order, "reverse", reason="They have another")
        order.refresh_from_db()
        assert (order.state, order.undo_asked_at is None) == ("unknown", False)
        html = browser.get(f"{ORDERS}{order.pk}/change/").content.decode()
        assert "it is not sent again" in html
        assert ">Send it again<" not in html
        assert act(browser, order, "replay", reason="x").status_code == 403

    def test_has_buttons_only_while_it_is_unknown(self) -> None:
        order = order_card(build_world())
        browser = sign_in(make_reverser())
        for action in ("ask", "replay", "reverse"):
            assert act(browser, order, action, reason="x").status_code == 403
        order.refresh_from_db()
        assert (order.state, AuditEvent.objects.count()) == ("requested", 0)


class TestOrderList:
    def test_tells_buffers_from_those_who_wait(self) -> None:
        world = build_world()
        pool = make_buffer(world)
        order_card(world)
        refill_buffers(now=NOW)
        browser = sign_in(make_platform_admin())
        page = browser.get(ORDERS, {"for": "buffer"})
        assert {order.pool for order in page.context["cl"].result_list} == {pool}
        assert "the buffer" in page.content.decode()
        page = browser.get(ORDERS, {"for": "somebody"})
        assert len(page.context["cl"].result_list) == 1
