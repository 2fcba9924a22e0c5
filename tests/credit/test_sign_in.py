"""Signing in over HTTP: passwords, lockouts, and what an outsider can learn from the answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from axes.models import AccessAttempt
from django.conf import settings as django_settings
from django.test import Client as Browser
from django.test import override_settings
from pytest_django import Settings

from credit.models import Authenticator, User, UserSession
from tests.people import PASSWORD, make_person, sign_in_by_form
from tests.world import NOW

pytestmark = pytest.mark.django_db
WRONG = "This user name and password don’t go together."


def attempt(
    username: str, password: str = "wrong password", *, address: str = "192.0.2.1", **meta: str
) -> Any:
    """Send the log-in form once, from a browser that knows nothing."""
    return Browser(REMOTE_ADDR=address, **meta).post(
        "/login/", {"username": username, "password": password}
    )


class TestSignIn:
    def test_leads_home_and_notes_the_session(self) -> None:
        person = make_person()
        browser = Browser(HTTP_USER_AGENT="Mozilla/5.0 (X11; Linux) Firefox/140.0")
        page = browser.post("/login/", {"username": person.username, "password": PASSWORD})
        assert (page.status_code, page["Location"]) == (302, "/")
        session = UserSession.objects.get()
        assert session.user == person
        assert session.session_id == browser.session.session_key
        assert session.address == "127.0.0.1"

    def test_goes_where_somebody_was_going_but_to_no_other_site(self) -> None:
        person = make_person()
        form = {"username": person.username, "password": PASSWORD}
        page = Browser().post("/login/", {**form, "next": "/account/"})
        assert page["Location"] == "/account/"
        page = Browser().post("/login/", {**form, "next": "https://evil.example/"})
        assert page["Location"] == "/"

    def test_gives_the_session_a_new_key(self) -> None:
        person = make_person()
        browser = Browser()
        session = browser.session
        session["planted"] = True
        session.save()
        planted = session.session_key
        browser.cookies[django_settings.SESSION_COOKIE_NAME] = planted
        sign_in_by_form(person, browser)
        assert browser.session.session_key != planted
        assert (
            not Browser(headers={"cookie": f"{django_settings.SESSION_COOKIE_NAME}={planted}"})
            .get("/account/")
            .status_code
            == 200
        )
