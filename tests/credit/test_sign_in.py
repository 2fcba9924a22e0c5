"""Signing in over HTTP: what an outsider can do, and what the answers tell them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client as Browser
from django.urls import reverse

from credit.models import User, UserSession
from tests.people import PASSWORD, make_person, sign_in_by_form

pytestmark = pytest.mark.django_db
GUESS = "wrong password"
WRONG = "This user name and password don&#x27;t go together."


def attempt(username: str, password: str = GUESS) -> Any:
    """Send the log-in form once, from a browser that knows nothing."""
    return Browser().post("/login/", {"username": username, "password": password})


def without_token(page: Any) -> str:
    """Return a page as everybody would see it."""
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.content.decode())


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
        form = {"username": make_person().username, "password": PASSWORD}
        page = Browser().post("/login/", {**form, "next": "/account/"})
        assert page["Location"] == "/account/"
        for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)"):
            assert Browser().post("/login/", {**form, "next": elsewhere})["Location"] == "/"

    def test_gives_the_session_a_new_key(self) -> None:
        cookie = django_settings.SESSION_COOKIE_NAME
        browser = Browser()
        session = browser.session
        session["planted"] = True
        session.save()
        planted = str(session.session_key)
        sign_in_by_form(make_person(), browser)
        assert browser.session.session_key != planted
        attacker = Browser()
        attacker.cookies[cookie] = planted
        assert attacker.get("/account/").status_code == 302

    def test_sends_who_is_signed_in_already_home(self) -> None:
        browser = sign_in_by_form(make_person())
        assert browser.get("/login/")["Location"] == "/"

    def test_says_the_same_of_a_wrong_password_and_an_unknown_or_deactivated_user(self) -> None:
        make_person(username="known")
        make_person(username="former", is_active=False)
        User.objects.create(username="invited")  # no password yet
        pages = {
            name: without_token(attempt(name)).replace(name, "…")
            for name in ("known", "former", "invited", "nobody")
        }
        assert WRONG in pages["known"]
        assert len(set(pages.values())) == 1
        assert WRONG in attempt("former", PASSWORD).content.decode()
        assert UserSession.objects.count() == 0

    def test_hashes_once_whoever_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The hash takes nearly all the time: the same number of them is about the same time."""
        from django.contrib.auth.hashers import MD5PasswordHasher

        made: list[str] = []
        encode = MD5PasswordHasher.encode

        def count(self: Any, password: str, salt: str) -> str:
            made.append("hash")
            return encode(self, password, salt)

        make_person(username="known")
        make_person(username="former", is_active=False)
        User.objects.create(username="invited", password="!unusable")
        monkeypatch.setattr(MD5PasswordHasher, "encode", count)
        counts = []
        for name in ("known", "former", "invited", "nobody"):
            made.clear()
            attempt(name)
            counts.append(len(made))
        assert counts == [1, 1, 1, 1]

    def test_asks_for_what_is_missing(self) -> None:
        page = attempt("", "").content.decode()
        assert page.count("This field is required.") == 2
        assert page.count('aria-invalid="true"') == 2

    def test_survives_what_is_no_name(self) -> None:
        for name in ("a\0b", "x" * 5000, "ｔｅｓｔ", "‮\ud7ff"):
            assert attempt(name).status_code == 200
        assert User.objects.count() == 0

    def test_needs_the_token_of_its_own_form(self) -> None:
        browser = Browser(enforce_csrf_checks=True)
        form = {"username": make_person().username, "password": PASSWORD}
        assert browser.post("/login/", form).status_code == 403
        assert UserSession.objects.count() == 0

    def test_names_the_demos_people_only_in_a_sandbox(self, settings: Any) -> None:
        make_person(username="admin", first_name="Ada", last_name="Castellan")
        make_person(username="somebody")
        page = Browser().get("/login/").content.decode()
        assert "Ada Castellan" in page
        assert "somebody" not in page
        settings.SANDBOX = False
        assert "Ada Castellan" not in Browser().get("/login/").content.decode()


class TestSignOut:
    def test_takes_a_post_and_ends_the_session(self) -> None:
        browser = sign_in_by_form(make_person())
        assert browser.get("/logout/").status_code == 405
        assert browser.post("/logout/")["Location"] == "/login/"
        assert browser.get("/account/").status_code == 302
        assert UserSession.objects.count() == 0


class TestEveryPageOfTheAccount:
    @pytest.mark.parametrize("name", ["your-account", "change-password", "second-factor"])
    def test_asks_a_stranger_to_sign_in(self, name: str) -> None:
        page = Browser().get(reverse(name))
        assert page["Location"] == f"/login/?next={reverse(name)}"

    @pytest.mark.parametrize("name", ["your-account", "change-password", "second-factor"])
    def test_has_no_inline_style_and_is_not_kept(self, name: str) -> None:
        page = sign_in_by_form(make_person()).get(reverse(name))
        assert page.status_code == 200
        assert " style=" not in page.content.decode()
        assert "no-store" in page["Cache-Control"]
        assert "unsafe" not in page["Content-Security-Policy"]
