"""The customer's form and the link of the text, through Django's test client."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client as HttpClient

from giftcards.models import GiftCard
from redemption.models import Campaign, Condition, Redemption, RevealLink
from redemption.services.links import derive_reveal_token
from redemption.services.serving import serve_waiting
from sms.models import Message
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

FROM_HTMX = {"HX-Request": "true"}
PHONE = {"method": "sms", "phone": "202 555 0123"}


@pytest.fixture
def world() -> World:
    return build_world()


def enter(http: HttpClient, code: str) -> Any:
    return http.post("/redeem/", {"code": code}, follow=True)


def give(http: HttpClient, **fields: str) -> Any:
    return http.post("/redeem/", {**PHONE, **fields}, follow=True)


def tone_in(response: Any) -> str:
    found = re.search(r'data-tone="(\d)"', text_of(response))
    assert found is not None
    return found[1]


def text_of(response: Any) -> str:
    content: bytes = response.content
    return content.decode()


class TestCode:
    def test_is_asked_for_first(self) -> None:
        response = HttpClient().get("/redeem/")
        assert response.status_code == 200
        assert 'name="code"' in text_of(response)
        assert "no-store" in response["Cache-Control"]

    def test_leads_to_the_question_where_to_send_the_card(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        page = text_of(enter(HttpClient(), code.lower()))
        assert 'name="phone"' in page
        assert "$25.00" in page
        assert "Acorn Shop" in page
        assert Redemption.objects.count() == 0

    @pytest.mark.parametrize(
        "typed", ["NOPE", "0000-0000-00000", "' OR 1=1 --", "a\x00b", "é" * 90]
    )
    def test_that_is_unknown_is_said_in_a_customers_words(self, world: World, typed: str) -> None:
        response = enter(HttpClient(), typed)
        assert response.status_code == 404
        assert "GC-" not in text_of(response)
        assert "try again" in text_of(response)

    def test_that_is_empty_is_asked_for_again(self) -> None:
        response = enter(HttpClient(), "  ")
        assert response.status_code == 400
        assert "Please enter the code" in text_of(response)

    def test_never_stands_in_an_address(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        chain = enter(http, code).redirect_chain + give(http).redirect_chain
        assert chain
        assert all(code not in str(url) for url, _ in chain)

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"status": Campaign.Status.PAUSED}, 409),
            ({"claim_expires_at": datetime.now(UTC) - timedelta(days=1)}, 410),
        ],
    )
    def test_of_a_closed_campaign_is_refused(
        self, world: World, change: dict[str, Any], status: int
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        Campaign.objects.update(**change)
        response = enter(HttpClient(), code)
        assert response.status_code == status
        assert "GC-" not in text_of(response)


class TestContact:
    def test_brings_the_card_on_screen_and_a_text(self, world: World) -> None:
        (card,) = world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        page = text_of(give(http))
        assert "Here is your gift card" in page
        assert "4321" in page
        assert card.last4 in page
        card.refresh_from_db()
        assert (card.status, card.disclosed_at is not None) == ("delivered", True)
        message = Message.objects.get()
        assert (message.to, message.channel, message.state) == ("+12025550123", "sms", "queued")
        assert Redemption.objects.get().door == "web"

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"phone": ""}, "phone"),
            ({"phone": "12"}, "phone"),
            ({"method": "pigeon"}, "Choose"),
            ({"method": "email", "email": "a@example.com"}, "Choose a text message."),
        ],
    )
    def test_that_is_wrong_is_asked_for_again_with_what_was_typed(
        self, world: World, fields: dict[str, str], words: str
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        response = give(http, **fields)
        assert response.status_code == 400
        assert words in text_of(response)
        assert Redemption.objects.count() == 0
        assert GiftCard.objects.get().status == "available"

    def test_without_a_code_leads_back_to_the_code(self, world: World) -> None:
        page = text_of(give(HttpClient()))
        assert 'name="code"' in page
        assert Redemption.objects.count() == 0

    def test_sent_twice_brings_the_same_card(self, world: World) -> None:
        world.stock(2)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        session = http.session
        first = text_of(give(http))
        session.save()  # the second press still carries what the first one knew
        assert "Here is your gift card" in text_of(give(http))
        assert "Here is your gift card" in first
        assert Redemption.objects.count() == 1
        assert GiftCard.objects.filter(status="available").count() == 1
        assert Message.objects.count() == 1

    def test_waits_for_stock_with_a_promise(self, world: World) -> None:
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        page = text_of(give(http))
        assert "Yours is reserved" in page
        assert "GC-" not in page
        assert [message.purpose for message in Message.objects.all()] == ["delay_notice"]

    def test_says_so_when_the_credit_is_gone_and_keeps_the_card(self) -> None:
        world = build_world(credit_minor=0)
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        response = give(http)
        assert response.status_code == 402
        assert "GC-" not in text_of(response)
        assert GiftCard.objects.get().status == "available"

    def test_asks_for_the_card_where_the_campaign_offers_several(self, world: World) -> None:
        world.stock(1)
        second = world.condition
        Condition.objects.create(
            campaign=second.campaign,
            number=2,
            name="Brought a friend",
            brand=second.brand,
            card_value_minor=second.card_value_minor,
        )
        (code,) = world.invite()
        http = HttpClient()
        assert "Choose your card" in text_of(enter(http, code))
        response = give(http)
        assert response.status_code == 400
        assert "Please choose your card." in text_of(response)
        assert Redemption.objects.count() == 0
        assert "Here is your gift card" in text_of(give(http, condition_number="1"))


class TestWaiting:
    def test_page_asks_again_without_seeing_a_card(self, world: World) -> None:
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        give(http)
        response = http.get("/redeem/", headers=FROM_HTMX)
        assert "HX-Refresh" not in response
        assert 'id="waiting"' in text_of(response)

    def test_page_turns_into_the_card_once_it_is_there(self, world: World) -> None:
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        give(http)
        world.stock(1)
        serve_waiting(now=datetime.now(UTC), limit=10)
        response = http.get("/redeem/", headers=FROM_HTMX)
        assert response["HX-Refresh"] == "true"
        # Asking is not seeing: the card is disclosed to the page that shows it.
        assert GiftCard.objects.get().disclosed_at is None
        assert "Here is your gift card" in text_of(http.get("/redeem/"))

    def test_page_starts_over_when_the_session_is_gone(self) -> None:
        response = HttpClient().get("/redeem/", headers=FROM_HTMX)
        assert response["HX-Refresh"] == "true"


class TestSeeingTheCardAgain:
    def test_keeps_its_colour_from_the_choice_to_the_link(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        tones = {tone_in(enter(http, code)), tone_in(give(http))}
        token = derive_reveal_token(redemption_id=Redemption.objects.get().pk, version=1)
        tones.add(tone_in(HttpClient().get(f"/r/{token}/")))
        assert len(tones) == 1

    def test_says_whom_to_ask_when_the_card_was_taken_out_of_use(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        give(http)
        GiftCard.objects.update(status="void")
        token = derive_reveal_token(redemption_id=Redemption.objects.get().pk, version=1)
        for address in ("/redeem/", f"/r/{token}/"):
            response = http.get(address)
            assert response.status_code in (409, 410)
            assert "4321" not in text_of(response)
            assert 'id="waiting"' not in text_of(response)

    def test_needs_no_more_than_a_reload(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        give(http)
        assert "Here is your gift card" in text_of(http.get("/redeem/"))

    def test_works_with_the_code_in_the_same_browser(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        give(http)
        http.get("/redeem/?again=1")
        assert "Here is your gift card" in text_of(enter(http, code))

    def test_is_refused_to_a_stranger_with_the_code(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        shown = text_of(give(http))
        response = enter(HttpClient(), code)
        assert response.status_code == 409
        assert "4321" in shown
        assert "4321" not in text_of(response)

    def test_is_refused_to_a_stolen_session_in_another_browser(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        give(http)
        thief = HttpClient()
        thief.cookies["sessionid"] = http.cookies["sessionid"].value
        assert "4321" not in text_of(thief.get("/redeem/"))

    def test_shows_a_test_card_with_its_mark(self, world: World) -> None:
        (code,) = world.invite(is_test=True)
        http = HttpClient()
        enter(http, code)
        page = text_of(give(http))
        assert "This is a test card." in page
        assert "TEST-" in page
        assert world.balance() == 100_000


class TestReveal:
    @pytest.fixture
    def token(self, world: World) -> str:
        world.client.support_phone = "+1 202 555 0199"
        world.client.save()
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        http.post("/redeem/", PHONE)  # the card's page itself is not looked at
        return derive_reveal_token(redemption_id=Redemption.objects.get().pk, version=1)

    def test_shows_nothing_before_the_button_is_pressed(self, token: str) -> None:
        response = HttpClient().get(f"/r/{token}/")
        assert response.status_code == 200
        assert "Show my gift card" in text_of(response)
        assert "4321" not in text_of(response)
        card = GiftCard.objects.get()
        assert (card.status, card.disclosed_at) == ("claimed", None)
        assert RevealLink.objects.get().bound_to is None
        assert "giftline_browser" not in response.cookies

    def test_shows_the_card_to_who_presses_it_and_to_nobody_else(self, token: str) -> None:
        http = HttpClient()
        assert "4321" in text_of(http.post(f"/r/{token}/", follow=True))
        assert "4321" in text_of(http.get(f"/r/{token}/"))
        assert GiftCard.objects.get().status == "delivered"
        stranger = HttpClient()
        for response in (stranger.get(f"/r/{token}/"), stranger.post(f"/r/{token}/")):
            assert response.status_code == 403
            assert "4321" not in text_of(response)
            assert "+1 202 555 0199" in text_of(response)

    @pytest.mark.parametrize("change", ["unknown", "revoked", "expired"])
    def test_shows_nothing_when_it_leads_nowhere(self, token: str, change: str) -> None:
        if change == "unknown":
            token = token[:-1] + ("A" if token[-1] != "A" else "B")
        elif change == "revoked":
            RevealLink.objects.update(revoked_at=datetime.now(UTC))
        else:
            RevealLink.objects.update(expires_at=datetime.now(UTC))
        response = HttpClient().post(f"/r/{token}/")
        assert response.status_code == (410 if change == "expired" else 404)
        assert GiftCard.objects.get().disclosed_at is None


class TestMessageStatus:
    def test_tells_the_browser_that_redeemed_and_nobody_else(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        http = HttpClient()
        enter(http, code)
        give(http)
        assert "We are sending a link" in text_of(http.get("/redeem/message/"))
        assert HttpClient().get("/redeem/message/").status_code == 204
