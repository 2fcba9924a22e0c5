"""Sitting down at the desk in a real browser."""

from __future__ import annotations

from playwright.sync_api import Browser, BrowserContext

from credit.models import User
from tests.browser.conftest import Scheme, Visitor


def sit_at_desk(
    browser: Browser,
    contexts: list[BrowserContext],
    site: str,
    user: User,
    *,
    width: int = 1280,
    scheme: Scheme = "light",
    js: bool = True,
) -> Visitor:
    """Let an agent who is signed in open the desk."""
    visitor = Visitor(browser, contexts, width=width, js=js)
    visitor.be(user, site)
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.page.goto(f"{site}/desk/")
    return visitor
