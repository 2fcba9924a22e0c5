"""Sitting down at the desk in a real browser."""

from __future__ import annotations

from typing import Literal

from django.conf import settings as django_settings
from django.test import Client as HttpClient
from playwright.sync_api import Browser, BrowserContext

from credit.models import User
from tests.browser.conftest import Visitor

Scheme = Literal["light", "dark"]


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
    http = HttpClient()
    http.force_login(user)
    name = django_settings.SESSION_COOKIE_NAME
    visitor.context.add_cookies([{"name": name, "value": http.cookies[name].value, "url": site}])
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.page.goto(f"{site}/desk/")
    return visitor
