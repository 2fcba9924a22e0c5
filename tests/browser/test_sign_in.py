"""Signing in with two steps, in a real browser: by keyboard, on a phone's width, in the dark."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from credit.models import Authenticator, User
from tests.browser.conftest import Visitor
from tests.people import PASSWORD, code_of, make_person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def person() -> User:
    return make_person(username="grace", first_name="Grace", email="grace@example.com")


def first_step(page: Page, site: str) -> None:
    """Type user name and password, with the keyboard alone."""
    page.goto(f"{site}/login/?next=/account/")
    # The browser moves the focus to the first field after the page has loaded, not with it.
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("grace")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")


def sign_out(page: Page) -> None:
    """Use the header's menu, which a narrow screen folds away."""
    menu = page.get_by_role("button", name="Menu")
    if menu.is_visible():
        menu.click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


class TestSignInInABrowser:
    @pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
    def test_sets_up_uses_and_survives_the_loss_of_a_second_factor(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        person: User,
        width: int,
        scheme: str,
    ) -> None:
        visitor = Visitor(browser, contexts, width=width)
        page = visitor.page
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        first_step(page, site)
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()
        assert visitor.fits()

        page.get_by_role("link", name="Set up two-step sign-in").click()
        expect(page.get_by_role("img", name=re.compile("QR code"))).to_be_visible()
        assert visitor.fits()
        app = Authenticator.objects.get()
        page.get_by_label("Your password").fill(PASSWORD)
        page.get_by_label("The six digits your app shows").fill(code_of(app))
        page.get_by_role("button", name="Turn on two-step sign-in").click()
        expect(page.get_by_role("button", name="Print")).to_be_visible()
        codes = page.locator("#codes").inner_text().split()
        assert len(codes) == 10
        assert visitor.fits()
        page.emulate_media(media="print")
        expect(page.locator("#codes")).to_have_css("background-color", "rgba(0, 0, 0, 0)")
        expect(page.locator("#codes")).to_have_css("color", "rgb(0, 0, 0)")
        page.emulate_media(media="screen")
        page.get_by_role("link", name="I have kept them, go on").click()

        sign_out(page)
        first_step(page, site)
        field = page.get_by_label("Code", exact=True)
        expect(field).to_be_focused()
        assert visitor.fits()
        app.refresh_from_db()
        code = code_of(app, steps=1)  # the present one is spent
        page.keyboard.type(f"{code[:3]} {code[3:]}")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Your account")).to_be_visible()

        for is_first in (True, False):
            sign_out(page)
            first_step(page, site)
            page.get_by_role("link", name=re.compile("Use a recovery code")).click()
            page.get_by_label("Recovery code").fill(codes[0].lower())
            page.keyboard.press("Enter")
            if is_first:
                expect(page.get_by_text("9 are left", exact=False)).to_be_visible()
            else:
                expect(page.get_by_text("That code is not right")).to_be_visible()
                assert visitor.fits()
        assert visitor.complaints == []

    def test_ends_another_session(
        self, browser: Browser, contexts: list[BrowserContext], site: str, person: User
    ) -> None:
        here = Visitor(browser, contexts, width=1280)
        there = Visitor(browser, contexts, width=320)
        for visitor in (here, there):
            first_step(visitor.page, site)
            expect(visitor.page.get_by_role("heading", name="Your account")).to_be_visible()
        here.page.reload()
        places = here.page.get_by_role("region", name="Where you are signed in")
        expect(places.get_by_role("listitem")).to_have_count(2)
        places.get_by_role("button", name=re.compile("Sign out there")).click()
        expect(here.page.get_by_text("You are signed out there.")).to_be_visible()
        expect(places.get_by_role("listitem")).to_have_count(1)
        there.page.reload()
        expect(there.page.get_by_role("heading", name="Sign in")).to_be_visible()
        here.page.reload()
        expect(here.page.get_by_role("heading", name="Your account")).to_be_visible()
        assert here.complaints == there.complaints == []

    def test_works_without_scripts(
        self, browser: Browser, contexts: list[BrowserContext], site: str, person: User
    ) -> None:
        visitor = Visitor(browser, contexts, width=1280, js=False)
        first_step(visitor.page, site)
        visitor.page.get_by_role("link", name="Change the password").click()
        visitor.page.get_by_label("Your password now").fill(PASSWORD)
        visitor.page.get_by_label("New password", exact=True).fill("short")
        visitor.page.get_by_label("New password once more").fill("short")
        visitor.page.get_by_role("button", name="Change the password").click()
        expect(visitor.page.get_by_text("too short")).to_be_visible()
        person.refresh_from_db()
        assert person.check_password(PASSWORD)
