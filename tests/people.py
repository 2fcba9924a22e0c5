"""People who sign in by the form, with a password and perhaps an app."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from django.test import Client as Browser
from django_otp.oath import TOTP

from credit.models import Authenticator, Membership, User
from credit.models.sign_in import decrypt_secret
from credit.services.second_factor import Verdict, begin_set_up, finish_set_up
from tests.world import NOW

PASSWORD = "correct horse battery staple"


def make_person(*, role: str | None = None, **fields: Any) -> User:
    """Make somebody with a password, and a role of the platform when one is named."""
    user = User.objects.create_user(
        fields.pop("username", f"person-{uuid4().hex[:8]}"), password=PASSWORD, **fields
    )
    if role:
        Membership.objects.create(user=user, role=role)
    return user


def sign_in_by_form(person: User, browser: Browser | None = None) -> Browser:
    """Sign somebody in who has no second factor; return their browser."""
    browser = browser or Browser()
    page = browser.post("/login/", {"username": person.username, "password": PASSWORD})
    assert page.status_code == 302, page.content.decode()
    return browser


def code_of(app: Authenticator, *, steps: int = 0) -> str:
    """Return what the app shows now, or some steps of 30 seconds from now."""
    totp = TOTP(decrypt_secret(app))
    totp.time = time.time() + 30 * steps
    return f"{totp.token():06}"


def give_app(person: User) -> tuple[Authenticator, list[str]]:
    """Set a second factor up; return the app and the recovery codes.

    The code of the step before is spent by it, so that the present one is still good.
    """
    app = begin_set_up(user=person, now=NOW)
    verdict, codes = finish_set_up(user=person, code=code_of(app, steps=-1))
    assert verdict is Verdict.GOOD
    app.refresh_from_db()
    return app, codes
