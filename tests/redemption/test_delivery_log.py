"""The operators' delivery log: found by what a caller tells, with what to do."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.urls import reverse

from redemption.models import Recipient, Redemption
from redemption.services.redeem import Contact, RedeemResult
from sms.models import DeliveryAttempt, Message, StatusEvent
from tests.redemption.taking_back import cancel, card_of, redeem_one, row
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


def found(browser: Browser, term: str) -> set[Any]:
    page = browser.get(reverse("admin:sms_message_changelist"), {"q": term})
    assert page.status_code == 200
    return {message.reference_id for message in page.context["cl"].result_list}


def page_of(browser: Browser, result: RedeemResult) -> str:
    message = Message.objects.get(reference_id=result.redemption_id)
    page = browser.get(reverse("admin:sms_message_change", args=[message.pk]))
    return str(page.content.decode()).replace("&#x27;", "'")


def fail(result: RedeemResult, code: str) -> None:
    message = Message.objects.get(reference_id=result.redemption_id)
    DeliveryAttempt.objects.create(
        message=message,
        number=1,
        status="failed",
        provider_id=f"SM{code}",
        error_code=code,
        error_message="Said by the carrier",
        requested_at=NOW,
    )
    StatusEvent.objects.create(
        message=message, provider_id=f"SM{code}", status="undelivered", error_code=code
    )
    Message.objects.filter(pk=message.pk).update(
        state="failed", error_code=code, next_attempt_at=None
    )


class TestSearch:
    def test_finds_by_what_a_caller_tells(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        other = redeem_one(world, contact=Contact(method="sms", to="+12025550177"))
        recipient = Recipient.objects.get(pk=row(result).recipient_id)
        Recipient.objects.filter(pk=recipient.pk).update(phone="+12065550111")
        fail(result, "30005")
        fail(other, "30007")
        for term in (
            card_of(result).last4,
            "(202) 555-0123",
            PHONE,
            "+1 206 555 0111",
            str(recipient.pk),
            str(result.redemption_id),
            "30005",
        ):
            assert found(browser, term) == {result.redemption_id}, term

    def test_finds_nothing_by_what_is_nobodys(self, world: World, browser: Browser) -> None:
        redeem_one(world)
        for term in ("ZZZZ", "30006", "+12025550100", "00000000-0000-4000-8000-000000000000"):
            assert found(browser, term) == set(), term

    def test_is_not_for_strangers(self, world: World) -> None:
        stranger = sign_in(make_agency_manager(world.agency))
        assert stranger.get(reverse("admin:sms_message_changelist")).status_code == 404


class TestPage:
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("30005", "Ask for another number or address"),
            ("21610", "only they can take back by texting START"),
            ("30007", "look at the template"),
            ("30003", "The phone is off or out of reach"),
            ("20003", "Our own set-up is broken"),
            ("99999", "A passing fault"),
        ],
    )
    def test_says_what_to_do(self, world: World, browser: Browser, code: str, words: str) -> None:
        result = redeem_one(world)
        fail(result, code)
        page = page_of(browser, result)
        assert words in page
        # Its tries and what was reported are there too.
        assert "Said by the carrier" in page
        assert "undelivered" in page

    def test_leads_to_what_can_be_done(self, world: World, browser: Browser) -> None:
        result = redeem_one(world)
        ways = [
            reverse(f"admin:redemption_redemption_{way}", args=[result.redemption_id])
            for way in ("resend", "by_hand")
        ]
        page = page_of(browser, result)
        assert all(way in page for way in ways)
        cancel(result)
        assert Redemption.objects.get().state == "cancelled"
        page = page_of(browser, result)
        assert not any(way in page for way in ways)
