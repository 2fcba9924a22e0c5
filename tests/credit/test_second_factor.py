"""The second factor over HTTP: set up, asked for, spent, renewed, taken away, insisted on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client as Browser
from django.urls import reverse

from credit.models import Authenticator, Membership, User, UserSession
from credit.models.sign_in import decrypt_secret
from tests.people import PASSWORD, code_of, give_app, make_person, sign_in_by_form
from tests.staff import make_agency_manager, make_platform_admin, make_user, sign_in
from tests.world import build_world

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PAGE = "/account/second-factor/"
CODES = re.compile(r"\b[A-Z2-9]{5}-[A-Z2-9]{5}\b")


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def first_step(person: User, **where: str) -> Browser:
    """Return the browser of somebody whose password was right and who is asked for the code."""
    browser = Browser()
    page = browser.post(
        "/login/", {"username": person.username, "password": PASSWORD, "next": "/account/"}
    )
    assert page["Location"] == "/login/code/?next=%2Faccount%2F"
    return browser


def enter(browser: Browser, code: str) -> Any:
    return browser.post("/login/code/?next=/account/", {"code": code})


class TestSetUp:
    def test_shows_a_key_as_a_picture_and_as_text(self) -> None:
        browser = sign_in_by_form(make_person(username="ada"))
        page = browser.get(PAGE).content.decode()
        app = Authenticator.objects.get()
        assert not app.confirmed
        assert len(decrypt_secret(app)) == 20
        assert re.search(r"<svg [^>]*>", page)
        assert "style=" not in page
        shown = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
        assert shown is not None
        assert browser.get(PAGE).content.decode().count(shown[1]) == 1

    def test_keeps_the_key_encrypted(self) -> None:
        sign_in_by_form(make_person()).get(PAGE)
        app = Authenticator.objects.get()
        assert app.secret_encrypted.startswith("v1:test:")
        assert decrypt_secret(app).hex() not in app.secret_encrypted

    def test_is_done_by_password_and_code_and_shows_ten_codes_once(self) -> None:
        person = make_person()
        browser = sign_in_by_form(person)
        other = sign_in_by_form(person)
        browser.get(PAGE)
        app = Authenticator.objects.get()
        page = browser.post(PAGE, {"password": PASSWORD, "code": code_of(app)})
        codes = CODES.findall(page.content.decode())
        assert len(set(codes)) == 10
        assert "no-store" in page["Cache-Control"]
        app.refresh_from_db()
        assert app.confirmed
        assert not set(codes) & set(app.recovery_digests)
        assert not any(code.replace("-", "") in str(app.recovery_digests) for code in codes)
        assert CODES.findall(browser.get(PAGE).content.decode()) == []
        assert browser.get("/account/").status_code == 200
        assert other.get("/account/").status_code == 302

    def test_takes_a_new_key_after_an_hour(self, clock: Any) -> None:
        browser = sign_in_by_form(make_person())
        browser.get(PAGE)
        before = Authenticator.objects.get()
        clock.shift(timedelta(minutes=61))
        browser.get(PAGE)
        assert decrypt_secret(Authenticator.objects.get()) != decrypt_secret(before)

    @pytest.mark.parametrize("wrong", ["password", "code"])
    def test_refuses_a_wrong_password_or_code(self, wrong: str) -> None:
        browser = sign_in_by_form(make_person())
        browser.get(PAGE)
        form = {"password": PASSWORD, "code": code_of(Authenticator.objects.get())}
        page = browser.post(PAGE, {**form, wrong: "000000"})
        assert page.status_code == 200
        assert f'id="id_{wrong}"' in page.content.decode()
        assert page.content.decode().count('aria-invalid="true"') == 1
        assert not Authenticator.objects.get().confirmed


class TestSecondStep:
    def test_comes_after_the_password_and_lets_nobody_in_before(self) -> None:
        person = make_person()
        app, _ = give_app(person)
        browser = first_step(person)
        assert browser.get("/account/")["Location"].startswith("/login/")
        assert UserSession.objects.count() == 0
        page = browser.get("/login/code/").content.decode()
        for attribute in ('inputmode="numeric"', 'autocomplete="one-time-code"', "autofocus"):
            assert attribute in page
        assert enter(browser, code_of(app))["Location"] == "/account/"
        assert browser.get("/account/").status_code == 200
        assert UserSession.objects.get().user == person

    @pytest.mark.parametrize("steps", [-1, 0, 1])
    def test_takes_the_code_before_and_the_next_one(self, clock: Any, steps: int) -> None:
        app, _ = give_app(person := make_person())
        clock.shift(timedelta(minutes=5))
        code = code_of(app, steps=steps)
        assert enter(first_step(person), f" {code[:3]} {code[3:]} ").status_code == 302

    @pytest.mark.parametrize("steps", [-2, 2])
    def test_takes_none_further_away(self, clock: Any, steps: int) -> None:
        app, _ = give_app(person := make_person())
        clock.shift(timedelta(minutes=5))
        page = enter(first_step(person), code_of(app, steps=steps))
        assert page.status_code == 200
        assert "That code is not right" in page.content.decode()
        assert UserSession.objects.count() == 0

    def test_takes_no_code_twice(self) -> None:
        app, _ = give_app(person := make_person())
        code = code_of(app)
        assert enter(first_step(person), code).status_code == 302
        assert enter(first_step(person), code).status_code == 200

    def test_takes_no_code_older_than_the_last(self) -> None:
        app, _ = give_app(person := make_person())
        assert enter(first_step(person), code_of(app, steps=1)).status_code == 302
        assert enter(first_step(person), code_of(app)).status_code == 200

    def test_makes_wait_after_a_wrong_code(self, clock: Any) -> None:
        app, _ = give_app(person := make_person())
        browser = first_step(person)
        enter(browser, "000000")
        clock.shift(timedelta(seconds=2))
        enter(browser, "000001")
        page = enter(browser, code_of(app))
        assert "there is a short wait" in page.content.decode()
        clock.shift(timedelta(seconds=2))
        assert enter(browser, code_of(app)).status_code == 302

    def test_never_makes_wait_for_more_than_a_quarter_of_an_hour_or_so(self) -> None:
        app, _ = give_app(make_person())
        for _ in range(40):
            app.throttle_increment()
        assert app.throttling_failure_count == 11  # 2 ** 10 seconds, 17 minutes

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-1", "1e5"])
    def test_refuses_what_is_no_code(self, code: str) -> None:
        give_app(person := make_person())
        assert enter(first_step(person), code).status_code == 200
        assert UserSession.objects.count() == 0

    def test_takes_a_recovery_code_once_however_it_is_written(self, clock: Any) -> None:
        app, codes = give_app(person := make_person())
        browser = first_step(person)
        assert "Recovery code" in browser.get("/login/code/?recovery").content.decode()
        written = codes[3].lower().replace("-", " ")
        page = browser.post("/login/code/?recovery", {"code": written, "next": "/account/"})
        assert page["Location"] == "/account/"
        assert "9 are left" in browser.get("/account/").content.decode()
        assert enter(first_step(person), codes[3]).status_code == 200
        assert enter(first_step(person), codes[4]).status_code == 302
        app.refresh_from_db()
        assert len(app.recovery_digests) == 8

    def test_takes_no_recovery_code_of_somebody_else(self) -> None:
        _, codes = give_app(make_person())
        give_app(person := make_person())
        assert enter(first_step(person), codes[0]).status_code == 200

    def test_begins_anew_when_it_took_too_long(self, clock: Any) -> None:
        app, _ = give_app(person := make_person())
        browser = first_step(person)
        clock.shift(timedelta(seconds=301))
        assert enter(browser, code_of(app))["Location"] == "/login/"
        assert "That took too long" in browser.get("/login/").content.decode()

    @pytest.mark.parametrize("change", ["password", "is_active"])
    def test_begins_anew_when_the_password_or_the_person_changed(self, change: str) -> None:
        app, _ = give_app(person := make_person())
        browser = first_step(person)
        if change == "password":
            person.set_password("quite another pass phrase")
        else:
            person.is_active = False
        person.save()
        assert enter(browser, code_of(app))["Location"] == "/login/"
        assert UserSession.objects.count() == 0

    def test_is_nothing_without_the_first(self) -> None:
        assert Browser().get("/login/code/")["Location"] == "/login/"
        assert Browser().post("/login/code/", {"code": "123456"})["Location"] == "/login/"


class TestChange:
    def proof(self, app: Authenticator) -> dict[str, str]:
        return {"password": PASSWORD, "code": code_of(app)}

    def enter_with_app(self, person: User, app: Authenticator) -> Browser:
        browser = first_step(person)
        enter(browser, code_of(app))
        return browser

    def test_renews_the_recovery_codes(self, clock: Any) -> None:
        app, before = give_app(person := make_person())
        browser = self.enter_with_app(person, app)
        clock.shift(timedelta(seconds=30))
        page = browser.post(PAGE, {**self.proof(app), "renew": ""})
        after = CODES.findall(page.content.decode())
        assert len(set(after)) == 10
        assert not set(after) & set(before)
        assert enter(first_step(person), before[0]).status_code == 200
        assert enter(first_step(person), after[0]).status_code == 302

    def test_takes_it_away(self, clock: Any) -> None:
        app, _ = give_app(person := make_person())
        browser = self.enter_with_app(person, app)
        clock.shift(timedelta(seconds=30))
        assert browser.post(PAGE, {**self.proof(app), "remove": ""}).status_code == 302
        assert Authenticator.objects.count() == 0
        sign_in_by_form(person)

    @pytest.mark.parametrize("missing", ["password", "code"])
    @pytest.mark.parametrize("what", ["renew", "remove"])
    def test_needs_password_and_code(self, clock: Any, missing: str, what: str) -> None:
        app, _ = give_app(person := make_person())
        browser = self.enter_with_app(person, app)
        clock.shift(timedelta(seconds=30))
        page = browser.post(PAGE, {**self.proof(app), missing: "000000", what: ""})
        assert page.status_code == 200
        assert CODES.findall(page.content.decode()) == []
        app.refresh_from_db()
        assert len(app.recovery_digests) == 10


@pytest.fixture
def required(settings: Any) -> None:
    settings.OTP_REQUIRED = True


@pytest.mark.usefixtures("required")
class TestOtpRequired:
    def test_opens_no_page_to_who_moves_money_before_it_is_set_up(self) -> None:
        world = build_world()
        people = [make_platform_admin(), make_agency_manager(world.agency)]
        people.append(make_user(is_superuser=True))
        manager = make_user()
        Membership.objects.create(
            user=manager, role=Membership.Role.CLIENT_MANAGER, client=world.client
        )
        for person in (*people, manager):
            browser = sign_in(person)
            for address in ("/", "/welcome/", "/account/", "/admin/", "/admin/credit/account/"):
                page = browser.get(address)
                assert (page.status_code, page["Location"]) == (302, PAGE), address
            assert browser.get(PAGE).status_code == 200
            assert browser.post("/logout/").status_code == 302

    def test_opens_them_after_it_is_set_up(self) -> None:
        person = make_person(role="platform_admin", is_staff=True)
        browser = Browser()
        browser.post("/login/", {"username": person.username, "password": PASSWORD})
        assert browser.get("/admin/")["Location"] == PAGE
        page = browser.get(PAGE).content.decode()
        assert "everybody who can move money" in page
        code = code_of(Authenticator.objects.get())
        assert browser.post(PAGE, {"password": PASSWORD, "code": code}).status_code == 200
        assert browser.get("/admin/").status_code == 200

    def test_lets_agents_and_auditors_choose(self) -> None:
        world = build_world()
        for role in (Membership.Role.AGENT, Membership.Role.AUDITOR):
            person = make_user(is_staff=False)
            Membership.objects.create(user=person, role=role, client=world.client)
            assert sign_in(person).get("/account/").status_code == 200

    def test_sends_a_session_from_before_to_sign_in_anew(self) -> None:
        person = make_platform_admin()
        browser = sign_in(person)
        give_app(person)
        assert browser.get("/admin/")["Location"] == "/login/"
        assert browser.get(reverse("your-account")).status_code == 302


class TestOtpOptional:
    def test_is_asked_of_who_has_set_it_up_nevertheless(self) -> None:
        give_app(person := make_person())
        browser = Browser()
        page = browser.post("/login/", {"username": person.username, "password": PASSWORD})
        assert page["Location"] == "/login/code/"
