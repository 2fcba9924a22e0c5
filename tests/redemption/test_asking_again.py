"""A used code entered again: the card to who proves to be the same, a text to everybody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Http

from alerts.throttling import RateLimitedError
from alerts.transactions import transaction
from redemption.models import AttemptLog, Campaign, Redemption, RevealLink
from redemption.services.asking_again import (
    find_way_back,
    send_link_again,
)
from redemption.services.links import derive_reveal_token
from sms.models import Message
from sms.services.consents import Proof, revoke_consent
from tests.redemption.visiting import plain
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "+12025550123"
# Longer than any window of the limits lets one test see of another.
TODAY = datetime.now(UTC)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def code(world: World) -> str:
    world.stock(2)
    return world.invite()[0]


def enter(http: Http, code: str) -> Any:
    return http.post("/redeem/", {"code": code}, follow=True)


def redeem(http: Http, code: str) -> str:
    """Redeem a code and return the code of its card."""
    enter(http, code)
    page = http.post("/redeem/", {"method": "sms", "phone": "202 555 0123"}, follow=True)
    shown: str = page.context["card"].code
    return shown


def bound_link() -> str:
    """Return the address of the reward's link, which its owner's phone has opened."""
    reward = Redemption.objects.get()
    link = f"/r/{derive_reveal_token(redemption_id=reward.pk, version=1)}/"
    phone = Http()
    assert phone.post(link, follow=True).context["card"].code
    return link


class TestUsedCode:
    def test_shows_its_card_again_in_the_browser_that_redeemed_it(self, code: str) -> None:
        http = Http()
        card = redeem(http, code)
        http.get("/redeem/?again=1")
        assert enter(http, code).context["card"].code == card

    def test_shows_a_stranger_neither_card_nor_number(self, code: str) -> None:
        card = redeem(Http(), code)
        stranger = Http()
        answer = enter(stranger, code)
        words = plain(answer)
        assert answer.status_code == 409
        assert "the phone ending in 23" in words
        for page in (answer, stranger.get("/redeem/"), stranger.get("/redeem/again/")):
            assert card not in page.content.decode()
            assert "5550123" not in page.content.decode()
            assert "0123" not in plain(page).replace(page.context.get("request_id", "-"), "")
        assert Message.objects.count() == 1
        assert RevealLink.objects.get().bound_to is None

    def test_that_can_be_guessed_does_not_even_tell_the_end_of_a_number(self, code: str) -> None:
        redeem(Http(), code)
        Campaign.objects.update(second_factor="last_name")
        stranger = Http()
        answer = enter(stranger, code)
        assert "to where we sent it before" in plain(answer)
        assert "ending in" not in plain(answer)
        answer = stranger.post("/redeem/again/", follow=True)
        assert "ending in" not in plain(answer)
        assert Message.objects.filter(purpose="resend", to=NUMBER).count() == 1

    def test_sends_the_link_again_to_where_it_went_and_shows_nothing(self, code: str) -> None:
        card = redeem(Http(), code)
        link = bound_link()
        stranger = Http()
        enter(stranger, code)
        answer = stranger.post("/redeem/again/", follow=True)
        assert answer.redirect_chain == [("/redeem/again/", 302)]
        assert "texting it to the phone ending in 23" in plain(answer)
        assert card not in answer.content.decode()
        sent = Message.objects.get(purpose="resend")
        assert (sent.to, sent.channel, sent.state) == (NUMBER, "sms", "queued")
        # The owner's old link was another browser's; the text brings a new one.
        assert Http().get(link).status_code == 404
        assert RevealLink.objects.filter(revoked_at=None).get().bound_to is None
        assert Redemption.objects.get().state == "delivered"

    def test_is_not_sent_twice_in_a_quarter_of_an_hour(self, code: str) -> None:
        redeem(Http(), code)
        stranger, other = Http(), Http()
        enter(stranger, code)
        enter(other, code)
        assert stranger.post("/redeem/again/").status_code == 302
        again = other.post("/redeem/again/")
        assert again.status_code == 429
        assert 0 < int(again["Retry-After"]) <= 900
        assert "try again in 15 minutes" in plain(again)
        assert Message.objects.filter(purpose="resend").count() == 1

    def test_is_sent_four_times_in_a_day_at_most(self, code: str) -> None:
        redeem(Http(), code)
        reward = Redemption.objects.get()
        moments = [TODAY + timedelta(minutes=16 * turn) for turn in range(5)]
        for moment in moments[:4]:
            send_link_again(redemption_id=reward.pk, now=moment)
        with pytest.raises(RateLimitedError):
            send_link_again(redemption_id=reward.pk, now=moments[4])
        assert Message.objects.filter(purpose="resend").count() == 4

    def test_counts_as_an_attempt_at_the_code_each_time(self, code: str) -> None:
        redeem(Http(), code)
        stranger = Http()
        for _ in range(2):
            enter(stranger, code)
        assert AttemptLog.objects.filter(action="form", result="tried").count() == 3

    def test_without_its_code_leads_to_the_form(self, code: str) -> None:
        redeem(Http(), code)
        answer = Http().post("/redeem/again/")
        assert (answer.status_code, answer["Location"]) == (302, "/redeem/")
        assert Message.objects.count() == 1

    def test_says_to_call_where_no_text_may_go(self, code: str, world: World) -> None:
        redeem(Http(), code)
        with transaction():
            revoke_consent(
                client_ids=[world.client.pk],
                phone=NUMBER,
                proof=Proof(way="STOP", actor="system"),
                now=TODAY,
            )
        stranger = Http()
        enter(stranger, code)
        answer = stranger.post("/redeem/again/")
        assert answer.status_code == 502
        assert "GC-" not in answer.content.decode()
        assert "can send it to another number, or by e-mail" in plain(answer)
        assert Message.objects.count() == 1

    def test_works_in_spanish(self, code: str) -> None:
        redeem(Http(), code)
        stranger = Http()
        stranger.cookies["django_language"] = "es"
        answer = enter(stranger, code)
        assert 'lang="es"' in answer.content.decode()


class TestFindWayBack:
    def test_finds_none_for_a_card_that_was_taken_back(self, code: str, world: World) -> None:
        with time_machine.travel(TODAY):
            redeem(Http(), code)
        reward = Redemption.objects.get()
        way = find_way_back(redemption_id=reward.pk)
        assert way is not None
        assert (way.method, way.to) == ("sms", NUMBER)
        Redemption.objects.update(contact_to="", contact_method="")
        assert find_way_back(redemption_id=reward.pk) is None

    def test_finds_none_for_what_waits(self, world: World) -> None:
        (code,) = world.invite()
        http = Http()
        enter(http, code)
        http.post("/redeem/", {"method": "sms", "phone": "202 555 0123"})
        assert find_way_back(redemption_id=Redemption.objects.get().pk) is None
