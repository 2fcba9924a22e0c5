"""Cancelling and replacing from a redemption's page in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse

from credit.models import AuditEvent, User
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from redemption.models import Redemption, Replacement
from redemption.services.redeem import RedeemResult
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import card_of, redeem_one, refunds, row
from tests.staff import make_agency_manager, make_platform_admin, make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def supervisor() -> User:
    user = make_platform_admin()
    user.user_permissions.add(Permission.objects.get(codename="replace_card"))
    return user


def url_of(result: RedeemResult, way: str) -> str:
    return reverse(f"admin:redemption_redemption_{way}", args=[result.redemption_id])


def words_of(page: Any) -> str:
    return str(page.content.decode()).replace("&#x27;", "'")


def press(browser: Browser, url: str, reason: str = "Sent to the wrong person") -> Any:
    """Open the page and press its button."""
    key = browser.get(url).context["form"]["key"].value()
    return browser.post(url, {"reason": reason, "key": key}, follow=True)


class TestCancel:
    def test_says_what_will_happen_and_does_it(self, world: World) -> None:
        result = redeem_one(world)
        admin = make_platform_admin()
        browser = sign_in(admin)
        page = browser.get(url_of(result, "cancel"))
        assert "the card goes back to stock" in words_of(page)
        assert "$25.00 is given back" in words_of(page)
        assert row(result).state == "issued"
        page = press(browser, url_of(result, "cancel"))
        assert "Cancelled. The card is back in stock. $25.00 was given back." in words_of(page)
        assert (row(result).state, card_of(result).status) == ("cancelled", "available")
        event = AuditEvent.objects.get(action="redemption.cancelled")
        assert (event.actor, event.details["reason"]) == (
            f"user:{admin.pk}", "Sent to the wrong person",
        )  # fmt: skip

    def test_says_when_the_money_is_spent(self, world: World) -> None:
        result = redeem_one(world, disclose=True)
        browser = sign_in(make_platform_admin())
        page = browser.get(url_of(result, "cancel"))
        assert "Somebody may have seen its code: the card becomes void." in words_of(page)
        assert "$25.00 stays charged" in words_of(page)
        assert "The card is void." in words_of(press(browser, url_of(result, "cancel")))
        assert refunds() == []

    def test_says_when_a_link_was_never_opened(self, world: World) -> None:
        result = redeem_one(world)
        GiftCard.objects.update(status="delivered", delivered_at=NOW)
        page = sign_in(make_platform_admin()).get(url_of(result, "cancel"))
        assert "Its link was sent and never opened" in words_of(page)
        assert "$25.00 is given back" in words_of(page)

    def test_asks_why(self, world: World) -> None:
        result = redeem_one(world)
        before = snapshot()
        browser = sign_in(make_platform_admin())
        assert "Say why." in words_of(press(browser, url_of(result, "cancel"), ""))
        code = open_field(card_of(result).code_encrypted, field="code")
        page = press(browser, url_of(result, "cancel"), f"{code} is wrong")
        assert "Leave the code itself out" in words_of(page)
        assert snapshot() == before

    def test_pressed_twice_cancels_once(self, world: World) -> None:
        result = redeem_one(world)
        browser = sign_in(make_platform_admin())
        url = url_of(result, "cancel")
        sent = {"reason": "x", "key": browser.get(url).context["form"]["key"].value()}
        browser.post(url, sent)
        assert browser.post(url, sent).status_code in (302, 403)
        assert refunds() == [2_500]

    def test_is_offered_only_where_it_can_be_done(self, world: World) -> None:
        result = redeem_one(world)
        browser = sign_in(make_platform_admin())
        address = reverse("admin:redemption_redemption_change", args=[result.redemption_id])
        assert url_of(result, "cancel") in words_of(browser.get(address))
        press(browser, url_of(result, "cancel"))
        assert url_of(result, "cancel") not in words_of(browser.get(address))
        assert browser.get(url_of(result, "cancel")).status_code == 403

    def test_of_who_waits_needs_no_card(self, world: World) -> None:
        result = ask(world.invite()[0])
        page = press(sign_in(make_platform_admin()), url_of(result, "cancel"))
        assert "There was no card." in words_of(page)


class TestReplace:
    def test_exchanges_the_card(self, world: World, supervisor: User) -> None:
        result = redeem_one(world)
        (other,) = world.stock(1)
        browser = sign_in(supervisor)
        page = browser.get(url_of(result, "replace"))
        assert "A new one is sent to where the first was." in words_of(page)
        page = press(browser, url_of(result, "replace"), "The card was empty")
        assert "Replaced: the old card is void. A new link is on its way." in words_of(page)
        assert row(result).card_id == other.pk
        # The page tells of it.
        assert "The card was empty" in words_of(page)
        assert f"…{card_of(result).last4}" in words_of(page)

    def test_pressed_twice_exchanges_once(self, world: World, supervisor: User) -> None:
        result = redeem_one(world)
        world.stock(2)
        browser = sign_in(supervisor)
        url = url_of(result, "replace")
        sent = {"reason": "x", "key": browser.get(url).context["form"]["key"].value()}
        browser.post(url, sent)
        page = browser.post(url, sent, follow=True)
        assert "That was done with the first press." in words_of(page)
        assert Replacement.objects.count() == 1

    def test_says_when_there_is_no_other_card(self, world: World, supervisor: User) -> None:
        result = redeem_one(world)
        before = snapshot()
        page = press(sign_in(supervisor), url_of(result, "replace"))
        assert "There is no other card" in words_of(page)
        assert snapshot() == before

    def test_is_a_supervisors(self, world: World) -> None:
        result = redeem_one(world)
        world.stock(1)
        browser = sign_in(make_platform_admin())
        address = reverse("admin:redemption_redemption_change", args=[result.redemption_id])
        assert url_of(result, "replace") not in words_of(browser.get(address))
        assert browser.get(url_of(result, "replace")).status_code == 403
        sent = {"reason": "x", "key": "k"}
        assert browser.post(url_of(result, "replace"), sent).status_code == 403
        assert Replacement.objects.count() == 0


class TestStrangers:
    @pytest.mark.parametrize("way", ["cancel", "replace"])
    def test_find_nothing(self, world: World, way: str) -> None:
        result = redeem_one(world)
        world.stock(1)
        for user in (make_agency_manager(world.agency), make_user()):
            browser = sign_in(user)
            for answer in (
                browser.get(url_of(result, way)),
                browser.post(url_of(result, way), {"reason": "x", "key": "k"}),
            ):
                assert answer.status_code == 404
        assert Browser().get(url_of(result, way)).status_code in (302, 404)
        assert row(result).state == "issued"

    @pytest.mark.parametrize("way", ["cancel", "replace"])
    def test_and_unknown_redemptions_are_not_there(self, supervisor: User, way: str) -> None:
        browser = sign_in(supervisor)
        for key in ("00000000-0000-4000-8000-000000000000", "nonsense"):
            url = reverse(f"admin:redemption_redemption_{way}", args=[key])
            assert browser.get(url).status_code == 404
        assert Redemption.objects.count() == 0
