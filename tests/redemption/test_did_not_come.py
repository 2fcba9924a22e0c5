"""One page for "The text did not come", and the delivery log found by names and ids."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client as Browser
from django.urls import reverse

from alerts.transactions import transaction
from credit.selectors.viewers import SYSTEM
from giftcards.services.secrets import open_field
from redemption.models import Recipient, RevealLink
from redemption.selectors.people import find_named
from redemption.services.redeem import Contact, RedeemResult
from redemption.services.resending import resend_reward
from sms.models import DeliveryAttempt, Message, PhoneHealth, StatusEvent
from sms.services.consents import Proof, revoke_consent
from tests.guards.raw import as_application
from tests.redemption.taking_back import LATER, cancel, card_of, redeem_one, row
from tests.redemption.visiting import plain
from tests.staff import make_agency_manager, make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12025550123"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def browser() -> Browser:
    return sign_in(make_platform_admin())


def named(result: RedeemResult, first: str, last: str) -> RedeemResult:
    Recipient.objects.filter(pk=row(result).recipient_id).update(
        first_name=first, last_name=last, email="ada@example.com"
    )
    return result


def fail(result: RedeemResult, code: str = "30005") -> Message:
    message = Message.objects.get(reference_id=result.redemption_id)
    for number, error in enumerate(("30008", code), start=1):
        DeliveryAttempt.objects.create(
            message=message,
            number=number,
            status="undelivered",
            provider_id=f"SM{number}{code}",
            error_code=error,
            error_message="Said by the carrier",
            requested_at=NOW,
        )
    StatusEvent.objects.create(
        message=message, provider_id=f"SM2{code}", status="undelivered", error_code=code
    )
    Message.objects.filter(pk=message.pk).update(
        state="undelivered", error_code=code, provider_id=f"SM2{code}", next_attempt_at=None
    )
    return message


def address(result: RedeemResult, way: str = "did_not_come") -> str:
    return reverse(f"admin:redemption_redemption_{way}", args=[result.redemption_id])


def page(browser: Browser, result: RedeemResult) -> str:
    answer = browser.get(address(result))
    assert answer.status_code == 200
    return plain(answer).replace("&#x27;", "'")


def found(browser: Browser, term: str) -> set[Any]:
    answer = browser.get(reverse("admin:sms_message_changelist"), {"q": term})
    assert answer.status_code == 200
    return {message.reference_id for message in answer.context["cl"].result_list}


class TestSearch:
    @pytest.mark.parametrize(
        "term",
        ["Ada", "ada", "LOVELACE", "lovel", "Ada Lovelace", "lovelace ADA", "Lovelace, Ada",
         "  ada   lovelace "],
    )  # fmt: skip
    def test_finds_by_name_in_any_case(self, world: World, browser: Browser, term: str) -> None:
        ada = named(redeem_one(world), "Ada", "Lovelace")
        named(
            redeem_one(world, contact=Contact(method="sms", to="+12025550177")), "Grace", "Hopper"
        )
        assert found(browser, term) == {ada.redemption_id}

    @pytest.mark.parametrize(
        ("first", "last", "term"),
        [
            ("Ana Maria", "de la Cruz", "ana maria de la cruz"),
            ("Zoë", "Ångström", "zoë ångström"),
            ("Jean-Luc", "O'Neil", "o'neil"),
        ],
    )
    def test_finds_names_of_any_kind(
        self, world: World, browser: Browser, first: str, last: str, term: str
    ) -> None:
        result = named(redeem_one(world), first, last)
        assert found(browser, term) == {result.redemption_id}

    @pytest.mark.parametrize("term", ["%", "_", "Love%", "L_velace", "Ada Hopper", "Lovelaces"])
    def test_by_what_is_nobodys_name_finds_nothing(
        self, world: World, browser: Browser, term: str
    ) -> None:
        named(redeem_one(world), "Ada", "Lovelace")
        assert found(browser, term) == set()

    def test_finds_by_every_id(self, world: World, browser: Browser) -> None:
        result, other = redeem_one(world), redeem_one(world)
        message = fail(result)
        for term in (
            str(result.redemption_id),
            str(message.pk),
            "SM230005",
            # An earlier try's, which the message has forgotten.
            "SM130005",
        ):
            assert found(browser, term) == {result.redemption_id}, term
        assert found(browser, str(other.redemption_id)) == {other.redemption_id}


class TestFindNamed:
    def test_sees_nobody_unless_everybody_may_be_seen(self, world: World) -> None:
        result = named(redeem_one(world), "Ada", "Lovelace")
        assert find_named(text="Ada", limit=5) == {row(result).recipient_id}
        statement = "SELECT count(*) FROM redemption_find_first_name('Ada', 5)"
        for scope, count in (("*", 1), (str(world.client.pk), 0), ("", 0)):
            with as_application(scope) as database:
                assert database.execute(statement).fetchone() == (count,), scope


class TestPage:
    def test_says_who_and_what(self, world: World, browser: Browser) -> None:
        result = named(redeem_one(world), "Ada", "Lovelace")
        shown = page(browser, result)
        for words in (
            "Recipient Ada Lovelace",
            f"Asked to send it to {PHONE}",
            f"Card …{card_of(result).last4}, claimed",
            "Card seen not yet",
        ):
            assert words in shown, words
        # Of the card its end alone.
        assert open_field(card_of(result).code_encrypted, field="code") not in shown

    def test_says_what_happened_and_what_to_do(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        fail(result)
        shown = page(browser, result)
        assert f"The last message, to {PHONE}: It was given up." in shown
        assert "Error 30005: Unknown handset. Nothing arrives there. Ask for another" in shown
        # Every try with the provider's words, and what was reported later.
        assert shown.count("Said by the carrier") == 2
        assert "30008: Unknown error at the carrier." in shown
        assert "SM130005" in shown
        assert "undelivered 30005 SM230005" in shown

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            ("queued", "It waits for its next attempt"),
            ("accepted", "no phone has confirmed it"),
            ("delivered", "it is on that phone"),
            ("unknown", "has not said whether it has it"),
            ("suppressed", "the person has replied STOP"),
            ("manually_delivered", "brought it by hand"),
            ("cancelled", "not wanted any more"),
        ],
    )
    def test_says_how_the_last_message_stands(
        self, world: World, browser: Browser, state: str, words: str
    ) -> None:
        result = redeem_one(world)
        Message.objects.update(state=state, next_attempt_at=None)
        assert words in page(browser, result)

    def test_says_so_where_no_message_was_asked_for(self, world: World, browser: Browser) -> None:
        result = redeem_one(world, contact=Contact(method="none"))
        shown = page(browser, result)
        assert "No message was asked for" in shown
        assert "The reward does not go by text." in shown

    def test_shows_consent_and_health_of_the_number(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        shown = page(browser, result)
        assert "Texts arrive nothing speaks against it" in shown
        assert "Consent to texts never asked" in shown
        PhoneHealth.objects.create(phone=PHONE, error_code="30006", failed_at=NOW)
        with transaction():
            revoke_consent(
                client_ids=[world.client.pk],
                phone=PHONE,
                proof=Proof(way="text: STOP", actor="recipient"),
                now=NOW,
            )
        shown = page(browser, result)
        assert "No text arrives there: error 30006" in shown
        assert "Consent to texts Revoked" in shown
        assert "text: STOP" in shown

    def test_shows_links_and_whether_they_were_opened(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        assert "not yet" in page(browser, result)
        RevealLink.objects.update(bound_to=b"x" * 32, bound_at=NOW)
        resend_reward(
            viewer=SYSTEM, redemption_id=result.redemption_id, to="+12025550199", now=LATER
        )
        shown = page(browser, result)
        assert "2026-03-02 15:30" in shown  # opened
        assert "+12025550199" in shown
        assert Message.objects.count() == 2

    def test_leads_to_every_button_with_what_it_does(self, world: World, browser: Browser) -> None:
        result = named(redeem_one(world), "Ada", "Lovelace")
        assert f'href="{address(result, "replace")}"' not in (
            browser.get(address(result)).content.decode()
        )
        user = make_platform_admin()
        user.user_permissions.add(Permission.objects.get(codename="replace_card"))
        browser = sign_in(user)
        html = browser.get(address(result)).content.decode()
        resend = address(result, "resend")
        for url in (
            f"{resend}?to=same",
            f"{resend}?to=other",
            f"{resend}?to=email",
            address(result, "by_hand"),
            address(result, "replace"),
        ):
            assert f'href="{url}"' in html, url
            assert browser.get(url).status_code == 200
        assert "The same card to ada@example.com, with a new link" in html

    @pytest.mark.parametrize(
        ("way", "value"), [("same", PHONE), ("other", ""), ("email", "ada@example.com")]
    )
    def test_fills_in_where_to_send_it(
        self, world: World, browser: Browser, way: str, value: str
    ) -> None:
        result = named(redeem_one(world), "Ada", "Lovelace")
        form = browser.get(f"{address(result, 'resend')}?to={way}").context["form"]
        assert form.initial["to"] == value

    def test_after_a_cancel_offers_nothing(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        cancel(result)
        html = browser.get(address(result)).content.decode()
        for way in ("resend", "by_hand", "replace"):
            assert f'href="{address(result, way)}' not in html
        assert html.count("(not possible now)") == 5

    def test_is_reached_from_the_log_and_from_the_redemption(
        self, world: World, browser: Browser
    ) -> None:
        result = redeem_one(world)
        message = Message.objects.get()
        for url in (
            reverse("admin:sms_message_change", args=[message.pk]),
            reverse("admin:redemption_redemption_change", args=[result.redemption_id]),
        ):
            assert address(result) in browser.get(url).content.decode()

    def test_is_not_for_strangers(self, world: World) -> None:
        result = redeem_one(world)
        assert sign_in(make_agency_manager(world.agency)).get(address(result)).status_code == 404
        assert sign_in(make_agency_manager(world.agency)).get("/admin/").status_code == 404
