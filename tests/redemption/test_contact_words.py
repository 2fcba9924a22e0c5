"""What a customer reads about the text to them, by what has become of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as HttpClient

from alerts.transactions import transaction
from credit.models import Client
from redemption.models import Campaign, Redemption
from sms.models import Message, OptIn
from sms.services.consents import Proof, revoke_consent
from tests.redemption.visiting import plain
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12025550123"
SENT = "We have sent"


@pytest.fixture
def world() -> World:
    world = build_world()
    world.client.support_phone = "+1 202 555 0100"
    world.client.save()
    return world


def enter(http: HttpClient, code: str) -> None:
    http.post("/redeem/", {"code": code}, follow=True)


def give(http: HttpClient) -> None:
    http.post("/redeem/", {"method": "sms", "phone": "202 555 0123"}, follow=True)


def redeemed(world: World) -> HttpClient:
    world.stock(1)
    http = HttpClient()
    enter(http, world.invite()[0])
    give(http)
    return http


def waiting_for_consent(world: World) -> HttpClient:
    Campaign.objects.filter(pk=world.campaign.pk).update(opt_in_required=True)
    http = redeemed(world)
    assert Redemption.objects.get().state == "waiting_opt_in"
    return http


def move(state: str) -> None:
    """Let the only message come to a state."""
    Message.objects.update(state=state, next_attempt_at=None)


def stop(world: World) -> None:
    with transaction():
        revoke_consent(
            client_ids=[world.client.pk],
            phone=PHONE,
            proof=Proof(way="text: STOP", actor="recipient"),
            now=NOW,
        )


def page(http: HttpClient) -> str:
    return words(http.get("/redeem/"))


def words(answer: Any) -> str:
    return plain(answer).replace("&#x27;", "'")


class TestCardPage:
    @pytest.mark.parametrize(
        ("state", "said"),
        [
            ("queued", "We are sending a link to"),
            ("sending", "We are sending a link to"),
            ("unknown", "We are sending a link to"),
            ("accepted", "We have sent a link to"),
            ("sent", "We have sent a link to"),
            ("delivered", "Your link has arrived at"),
            ("undelivered", "We couldn't reach"),
            ("failed", "We couldn't reach"),
            ("suppressed", "You have replied STOP to our texts, so we have sent none to"),
        ],
    )
    def test_says_what_became_of_the_text(self, world: World, state: str, said: str) -> None:
        http = redeemed(world)
        move(state)
        for shown in (page(http), words(http.get("/redeem/message/"))):
            assert said in shown
            # Nobody is told that something was sent which was not, nor that it is there.
            assert (SENT in shown) is (state in ("accepted", "sent"))
            assert ("has arrived" in shown) is (state == "delivered")

    @pytest.mark.parametrize("state", ["failed", "suppressed"])
    def test_says_how_to_go_on(self, world: World, state: str) -> None:
        http = redeemed(world)
        move(state)
        shown = words(http.get("/redeem/message/"))
        assert "copy or print it now" in shown
        assert "call +1 202 555 0100" in shown
        assert ("send START to the number they came from" in shown) is (state == "suppressed")

    @pytest.mark.parametrize("state", ["failed", "suppressed"])
    def test_names_our_support_where_no_number_is_known(
        self, world: World, settings: Any, state: str
    ) -> None:
        settings.SUPPORT_PHONE_NUMBER = ""
        Client.objects.update(support_phone="")
        http = redeemed(world)
        move(state)
        assert "call our support" in words(http.get("/redeem/message/"))

    def test_asks_no_more_about_what_is_over(self, world: World) -> None:
        http = redeemed(world)
        assert "hx-get" in http.get("/redeem/message/").content.decode()
        move("suppressed")
        assert "hx-get" not in http.get("/redeem/message/").content.decode()


class TestWaitingForConsent:
    @pytest.mark.parametrize(
        ("state", "title", "said"),
        [
            ("queued", "Please answer our text", "We are sending a text message to"),
            ("accepted", "Please answer our text", "We have sent a text message to"),
            ("sent", "Please answer our text", "We have sent a text message to"),
            ("delivered", "Please answer our text", "Our text message has arrived at"),
            ("undelivered", "Our text didn't reach you", "We couldn't reach"),
            ("failed", "Our text didn't reach you", "We couldn't reach"),
            ("suppressed", "You have stopped our texts", "so we have sent none to"),
        ],
    )
    def test_says_what_became_of_our_question(
        self, world: World, state: str, title: str, said: str
    ) -> None:
        http = waiting_for_consent(world)
        move(state)
        shown = page(http)
        assert title in shown
        assert said in shown
        assert (SENT in shown) is (state in ("accepted", "sent"))
        assert ("Reply YES" in shown) is (state not in ("undelivered", "failed", "suppressed"))

    def test_after_a_stop_says_how_to_go_on(self, world: World) -> None:
        http = waiting_for_consent(world)
        move("delivered")
        stop(world)
        assert OptIn.objects.get().state == "revoked"
        shown = page(http)
        assert "You have stopped our texts" in shown
        assert "send START to the number our texts came from" in shown
        assert "call +1 202 555 0100: we can send it to another number, or by e-mail" in shown
        for wrong in (SENT, "Reply YES", "We will send it to", "We send you a link"):
            assert wrong not in shown

    def test_names_our_support_where_no_number_is_known(self, world: World, settings: Any) -> None:
        settings.SUPPORT_PHONE_NUMBER = ""
        Client.objects.update(support_phone="")
        http = waiting_for_consent(world)
        for state in ("failed", "suppressed"):
            move(state)
            assert "all our support: we can send it to another number" in page(http)

    def test_who_had_stopped_before_is_told_of_no_text(self, world: World) -> None:
        stop(world)
        http = waiting_for_consent(world)
        assert not Message.objects.filter(state__in=["accepted", "sent", "delivered"]).exists()
        shown = page(http)
        assert "You have stopped our texts" in shown
        assert SENT not in shown


class TestWaitingForACard:
    def empty(self, world: World) -> HttpClient:
        http = HttpClient()
        enter(http, world.invite()[0])
        give(http)
        assert Redemption.objects.get().state == "waiting_stock"
        return http

    def test_says_that_a_link_follows(self, world: World) -> None:
        shown = page(self.empty(world))
        assert "We send you a link to your card" in shown
        assert "STOP" not in shown

    def test_after_a_stop_promises_no_text(self, world: World) -> None:
        http = self.empty(world)
        stop(world)
        shown = page(http)
        assert "Yours is reserved" in shown
        assert "we can't text you when it is ready" in shown
        assert "send START to the number our texts came from" in shown
        for wrong in ("We will send it to", "We send you a link", SENT):
            assert wrong not in shown

    def test_by_e_mail_is_not_concerned(self, world: World, settings: Any) -> None:
        settings.EMAIL_ENABLED = True
        http = HttpClient()
        enter(http, world.invite()[0])
        http.post("/redeem/", {"method": "email", "email": "ada@example.com"}, follow=True)
        stop(world)
        assert "STOP" not in page(http)
