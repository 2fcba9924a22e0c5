"""A campaign that asks first: the request, its answer from the phone, the reward."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from pytest_django import Settings

from redemption.services.serving import serve_waiting
from sms.emulator import Emulator
from sms.models import OptIn
from sms.services.sending import send_due_messages
from tests.browser.conftest import Visitor
from tests.browser.test_main_job import give_code, give_phone
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(1)
    world.campaign.opt_in_required = True
    world.campaign.save()
    return world


class TestOptIn:
    @pytest.mark.parametrize("width", [390, 1280])
    def test_is_given_by_a_tap_on_the_link(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        twilio_emulator: Emulator,
        width: int,
    ) -> None:
        visitor = Visitor(browser, contexts, width=width)
        give_code(visitor, site, world.invite()[0])
        give_phone(visitor)
        expect(visitor.page.get_by_text("Reply YES to it, or tap its link")).to_be_visible()
        send_due_messages(now=datetime.now(UTC))
        (request,) = twilio_emulator.messages(to="+12025550123")
        link = request.body.partition("tap ")[2].split()[0]
        phone = Visitor(browser, contexts, width=width)
        phone.page.goto(link)
        assert phone.fits()
        assert OptIn.objects.get().state == "requested"
        phone.page.get_by_role("button", name="Yes, text me").click()
        expect(phone.page.get_by_role("heading", name="Thank you")).to_be_visible()
        assert phone.fits()
        serve_waiting(now=datetime.now(UTC), limit=10)
        expect(visitor.page.get_by_role("heading", name="Here is your gift card")).to_be_visible()

    def test_is_given_by_a_yes_from_the_sandbox_phone(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        settings: Settings,
    ) -> None:
        settings.SANDBOX = True
        visitor = Visitor(browser, contexts, width=390)
        give_code(visitor, site, world.invite()[0])
        give_phone(visitor)
        expect(visitor.page.get_by_text("Reply YES to it, or tap its link")).to_be_visible()
        send_due_messages(now=datetime.now(UTC))
        phone = Visitor(browser, contexts, width=390)
        phone.page.goto(f"{site}/sandbox/phone/")
        phone.page.get_by_label("Reply from +12025550123").fill("Yes")
        phone.page.get_by_role("button", name="Send").click()
        expect(phone.page.locator(".bubble.own")).to_have_text("Yes")
        assert phone.fits()
        assert OptIn.objects.get().state == "granted"
