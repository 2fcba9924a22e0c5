"""A real Chromium against a real server, with texts that go to the shipped emulator."""

import os
import shutil
from collections.abc import Iterator

import pytest
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

from sms.emulator import Emulator
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER

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
        # Not window.innerWidth: a phone's grows with what sticks out.
        wide: int = self.page.evaluate("document.scrollingElement.scrollWidth")
        size = self.page.viewport_size
        return size is not None and wide <= size["width"]
