"""A real Chromium against a real server, with texts that go to the shipped emulator."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from credit.models import User
from sms.emulator import Emulator
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER
from tests.staff import make_platform_admin, sign_in

# Where somebody wants to look at the pages: PICTURES=/some/folder pytest tests/browser
PICTURES = os.environ.get("PICTURES", "")
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# A machine that also does other things answers late; nobody is told sooner that a page is wrong.
expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    # Playwright's own event loop runs in this thread, which Django takes for asynchronous code.
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def site(live_server: LiveServer, settings: Settings, twilio_emulator: Emulator) -> str:
    """The address of the running site, whose texts go to the emulator."""
    settings.PUBLIC_BASE_URL = live_server.url
    settings.TWILIO_API_BASE_URL = twilio_emulator.base_url
    settings.TWILIO_ACCOUNT_SID = ACCOUNT_SID
    settings.TWILIO_AUTH_TOKENS = [AUTH_TOKEN]
    settings.TWILIO_FROM_NUMBER = FROM_NUMBER
    return str(live_server.url)


@pytest.fixture
def contexts(browser: Browser) -> Iterator[list[BrowserContext]]:
    """Browsers of different people; closed at the end."""
    opened: list[BrowserContext] = []
    yield opened
    for context in opened:
        context.close()


class Visitor:
    """Somebody at a screen; whatever their browser complains about fails the test."""

    def __init__(
        self, browser: Browser, contexts: list[BrowserContext], *, width: int, js: bool = True
    ) -> None:
        self.width = width
        self.context = browser.new_context(
            viewport={"width": width, "height": 844},
            java_script_enabled=js,
            is_mobile=width < 600,
            has_touch=width < 600,
        )
        contexts.append(self.context)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def fits(self) -> bool:
        """Tell whether nothing sticks out to the side."""
        size = self.page.viewport_size
        assert size is not None
        self.page.wait_for_load_state()
        # On a busy machine a page may still be settling; what counts is how it ends.
        for _ in range(30):
            # Not window.innerWidth: a phone's grows with what sticks out. A page that is only
            # arriving has no element to measure yet.
            wide: float = self.page.evaluate("document.scrollingElement?.scrollWidth ?? Infinity")
            if wide <= size["width"]:
                return True
            self.page.wait_for_timeout(100)
        return False

    def be(self, user: User, site: str) -> None:
        """Be signed in already; the form is tested in test_sign_in."""
        name = django_settings.SESSION_COOKIE_NAME
        value = sign_in(user).cookies[name].value
        self.context.add_cookies([{"name": name, "value": value, "url": site}])

    def look_at(self, address: str, *, picture: str = "") -> None:
        """Open a page, with all that it folds, and hold it to its width in light and in dark.

        It is there, and complains about nothing; ``picture`` is the name it may be kept under.
        """
        for scheme in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            # The admin looks for the scheme as it loads, and then no more.
            if scheme == SCHEMES[0] or "/admin/" in address:
                answer = self.page.goto(address)
                assert answer is not None
                assert answer.status == 200, address
                for summary in self.page.locator("summary:visible").all():
                    summary.click()
            assert self.fits(), (address, scheme)
            if picture:
                self.keep_picture(f"{picture}-{scheme}")
        self.page.emulate_media(color_scheme="light")
        assert self.complaints == [], address

    def keep_picture(self, name: str) -> None:
        """Keep what is on screen where PICTURES names a folder."""
        if PICTURES:
            path = Path(PICTURES) / f"{name}-{self.width}.png"
            # Hiding the caret would need a style that the pages' policy refuses.
            self.page.screenshot(path=path, full_page=True, caret="initial")

    def open_actions(self) -> None:
        """Show the buttons of a page of the admin: on a phone they are behind one."""
        size = self.page.viewport_size
        if size is not None and size["width"] < 600:
            self.page.get_by_text("more_horiz").click()


@pytest.fixture(params=[1280, 390], ids=["desk", "phone"])
def operator(
    request: pytest.FixtureRequest, browser: Browser, contexts: list[BrowserContext], site: str
) -> Visitor:
    """A platform admin who is signed in."""
    visitor = Visitor(browser, contexts, width=request.param)
    visitor.be(make_platform_admin(), site)
    return visitor
