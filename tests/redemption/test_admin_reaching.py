"""Sending again, and marking as delivered by hand, from a redemption's page in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from alerts.transactions import transaction
from credit.models import AuditEvent
from giftcards.services.secrets import open_field
from redemption.services.redeem import Contact, RedeemResult
from sms.models import Message, PhoneHealth
from sms.services.consents import Proof, revoke_consent
from tests.redemption.asking import ask, snapshot
from tests.redemption.taking_back import cancel, card_of, live_links, redeem_one, row
from tests.staff import make_agency_manager, make_platform_admin, make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12025550123"
SAID = {
    "resend": {"to": "+12025550199", "reason": "A digit was wrong"},
    "by_hand": {"note": "Read out to Ana on the phone"},
}


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def url_of(result: RedeemResult, way: str) -> str:
    return reverse(f"admin:redemption_redemption_{way}", args=[result.redemption_id])


def words_of(page: Any) -> str:
    return str(page.content.decode()).replace("&#x27;", "'")


def press(browser: Browser, url: str, said: dict[str, str]) -> Any:
    """Open the page and press its button."""
    key = browser.get(url).context["form"]["key"].value()
    return browser.post(url, {**said, "key": key}, follow=True)


class TestResend:
    def test_says_what_will_happen_and_does_it(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        page = browser.get(url_of(result, "resend"))
        assert "The same card goes out once more, and nothing is charged." in words_of(page)
        assert page.context["form"]["to"].value() == PHONE
        assert Message.objects.count() == 1
        page = press(browser, url_of(result, "resend"), SAID["resend"])
        assert "On its way to •••0199. The link that went out before is dead." in words_of(page)
        assert Message.objects.get(purpose="resend").to == "+12025550199"
        assert live_links(result) == [2]
        event = AuditEvent.objects.get(action="redemption.resent")
        assert event.details["reason"] == "A digit was wrong"

    def test_pressed_twice_sends_once(self, world: World, browser: Browser) -> None:
        url = url_of(redeem_one(world), "resend")
        sent = {**SAID["resend"], "key": browser.get(url).context["form"]["key"].value()}
        browser.post(url, sent)
        page = browser.post(url, sent, follow=True)
        assert "That was done with the first press." in words_of(page)
        assert Message.objects.filter(purpose="resend").count() == 1

    def test_says_what_speaks_against_the_number(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        PhoneHealth.objects.create(phone=PHONE, error_code="30005", failed_at=NOW)
        page = browser.get(url_of(result, "resend"))
        assert f"No text reaches {PHONE} (error 30005)" in words_of(page)
        with transaction():
            revoke_consent(
                client_ids=[world.client.pk], phone=PHONE, proof=Proof(way="text: STOP"), now=NOW
            )
        assert "has replied STOP to texts" in words_of(browser.get(url_of(result, "resend")))
        before = snapshot()
        page = press(browser, url_of(result, "resend"), {"to": PHONE, "reason": "x"})
        assert "This person has replied STOP" in words_of(page)
        assert snapshot() == before

    def test_asks_where_to_and_why(self, world: World, browser: Browser) -> None:
        result = redeem_one(world, contact=Contact(method="none"))
        before = snapshot()
        url = url_of(result, "resend")
        assert "No contact was given so far." in words_of(browser.get(url))
        page = words_of(press(browser, url, {"to": "", "reason": ""}))
        assert "Enter a mobile number or an e-mail address." in page
        assert "Say why." in page
        assert "Please check each digit" in words_of(
            press(browser, url, {"to": "12", "reason": "x"})
        )
        code = open_field(card_of(result).code_encrypted, field="code")
        page = words_of(press(browser, url, {"to": PHONE, "reason": f"{code} is wrong"}))
        assert "Leave the code itself out: the reason is kept readable." in page
        page = words_of(press(browser, url, {"to": "ana@example.com", "reason": "x"}))
        # Nobody carries e-mails here.
        assert "Choose a text message." in page
        assert snapshot() == before


class TestByHand:
    def test_says_what_will_happen_and_does_it(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        page = browser.get(url_of(result, "by_hand"))
        assert "It counts as seen from then on" in words_of(page)
        assert card_of(result).disclosed_at is None
        page = press(browser, url_of(result, "by_hand"), SAID["by_hand"])
        assert "Marked as delivered by hand. Nothing more is sent." in words_of(page)
        assert "Delivered by a person" in words_of(page)
        assert (row(result).state, Message.objects.get().state) == (
            "delivered", "manually_delivered",
        )  # fmt: skip
        assert card_of(result).disclosed_at is not None
        event = AuditEvent.objects.get(action="redemption.delivered_by_hand")
        assert event.details["reason"] == SAID["by_hand"]["note"]

    def test_asks_how_it_was_delivered(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        before = snapshot()
        url = url_of(result, "by_hand")
        assert "Say who was told, and how." in words_of(press(browser, url, {"note": " "}))
        code = open_field(card_of(result).code_encrypted, field="code")
        assert "Leave the code itself out" in words_of(press(browser, url, {"note": code}))
        assert snapshot() == before


class TestBoth:
    @pytest.mark.parametrize("way", ["resend", "by_hand"])
    def test_are_offered_only_where_there_is_a_reward(
        self, world: World, browser: Browser, way: str
    ) -> None:
        waiting = ask(world.invite()[0])
        standing = redeem_one(build_world(name="Birch"))
        address = "admin:redemption_redemption_change"
        page = browser.get(reverse(address, args=[standing.redemption_id]))
        assert url_of(standing, way) in words_of(page)
        cancel(standing)
        for result in (waiting, standing):
            page = browser.get(reverse(address, args=[result.redemption_id]))
            assert url_of(result, way) not in words_of(page)
            assert browser.get(url_of(result, way)).status_code == 403

    @pytest.mark.parametrize("way", ["resend", "by_hand"])
    def test_are_not_for_strangers(self, world: World, way: str) -> None:
        result = redeem_one(world)
        before = snapshot()
        for user in (make_agency_manager(world.agency), make_user()):
            stranger = sign_in(user)
            for answer in (
                stranger.get(url_of(result, way)),
                stranger.post(url_of(result, way), {**SAID[way], "key": "k"}),
            ):
                assert answer.status_code == 404
        assert Browser().get(url_of(result, way)).status_code in (302, 404)
        assert snapshot() == before

    @pytest.mark.parametrize("way", ["resend", "by_hand"])
    def test_and_unknown_redemptions_are_not_there(self, browser: Browser, way: str) -> None:
        for key in ("00000000-0000-4000-8000-000000000000", "nonsense"):
            url = reverse(f"admin:redemption_redemption_{way}", args=[key])
            assert browser.get(url).status_code == 404
