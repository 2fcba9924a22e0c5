"""Where people are signed in, for how long, and how it ends; and how passwords change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.urls import reverse

from credit.models import Authenticator, User, UserSession
from credit.selectors.sessions import describe_device
from credit.services.sessions import clear_sign_ins
from tests.people import PASSWORD, code_of, give_app, make_person, sign_in_by_form
from tests.staff import make_platform_admin, sign_in

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
    " Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
NEW = "an entirely new passphrase"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def is_in(browser: Browser) -> bool:
    return browser.get("/account/").status_code == 200


class TestList:
    def test_shows_where_one_is_signed_in_this_browser_first(self, clock: Any) -> None:
        person = make_person()
        here = sign_in_by_form(person, Browser(HTTP_USER_AGENT=FIREFOX))
        clock.shift(timedelta(minutes=5))
        sign_in_by_form(person, Browser(HTTP_USER_AGENT=SAFARI, REMOTE_ADDR="2001:db8::7"))
        sign_in_by_form(make_person(), Browser(HTTP_USER_AGENT="a stranger's"))
        page = here.get("/account/")
        places = page.context["sessions"]
        assert [(p.device, p.address, p.is_current) for p in places] == [
            ("Firefox on Windows", "127.0.0.1", True),
            ("Safari on iPhone", "2001:db8::7", False),
        ]
        assert [p.signed_in_at for p in places] == [START, START + timedelta(minutes=5)]
        assert "This browser" in page.content.decode()

    def test_is_brought_up_to_date_once_a_minute(self, clock: Any) -> None:
        browser = sign_in_by_form(make_person())
        clock.shift(timedelta(seconds=59))
        browser.get("/account/")
        assert UserSession.objects.get().last_seen_at == START
        clock.shift(timedelta(seconds=1))
        browser.get("/account/")
        assert UserSession.objects.get().last_seen_at == START + timedelta(minutes=1)
        assert UserSession.objects.get().signed_in_at == START

    def test_leaves_out_what_is_too_old(self, clock: Any) -> None:
        person = make_person()
        sign_in_by_form(person)
        clock.shift(timedelta(hours=9))
        page = sign_in_by_form(person).get("/account/")
        assert len(page.context["sessions"]) == 1

    @pytest.mark.parametrize(
        ("user_agent", "words"),
        [
            (FIREFOX, "Firefox on Windows"),
            (SAFARI, "Safari on iPhone"),
            ("X (Linux; Android 15) AppleWebKit Chrome/126 Mobile Safari", "Chrome on Android"),
            ("X (Macintosh; Intel Mac OS X) Chrome/126 Safari/537 Edg/126", "Edge on Mac"),
            ("X (X11; CrOS x86_64) Chrome/126 Safari/537", "Chrome on ChromeOS"),
            ("curl/8.5", "Unknown device"),
            ("", "Unknown device"),
            ("<script>alert(1)</script> Linux", "Linux"),
        ],
    )
    def test_says_the_device_in_words(self, user_agent: str, words: str) -> None:
        assert describe_device(user_agent) == words


class TestEnd:
    def test_signs_one_other_browser_out(self) -> None:
        person = make_person()
        here, there = sign_in_by_form(person), sign_in_by_form(person)
        third = sign_in_by_form(person)
        other = UserSession.objects.get(session_id=there.session.session_key)
        assert here.post(f"/account/sessions/{other.pk}/end/").status_code == 302
        assert (is_in(here), is_in(there), is_in(third)) == (True, False, True)
        assert not Session.objects.filter(session_key=other.session_id).exists()

    def test_signs_all_others_out(self) -> None:
        person, stranger = make_person(), make_person()
        here, there, third = (sign_in_by_form(person) for _ in range(3))
        apart = sign_in_by_form(stranger)
        assert here.post("/account/sessions/end/").status_code == 302
        assert [is_in(b) for b in (here, there, third, apart)] == [True, False, False, True]

    def test_does_not_reach_a_strangers(self) -> None:
        apart = sign_in_by_form(make_person())
        theirs = UserSession.objects.get()
        here = sign_in_by_form(make_person())
        assert here.post(f"/account/sessions/{theirs.pk}/end/").status_code == 404
        assert is_in(apart)

    def test_takes_a_post(self) -> None:
        here = sign_in_by_form(make_person())
        session = UserSession.objects.get()
        assert here.get("/account/sessions/end/").status_code == 405
        assert here.get(f"/account/sessions/{session.pk}/end/").status_code == 405

    def test_is_an_admins_right_for_everybody(self) -> None:
        there = sign_in_by_form(person := make_person())
        admin = sign_in(make_platform_admin())
        address = reverse("admin:credit_usersession_changelist")
        assert person.username in admin.get(address).content.decode()
        row = UserSession.objects.get(user=person)
        admin.post(address, {"action": "end", "_selected_action": [str(row.pk)]})
        assert not is_in(there)
        again = sign_in_by_form(person)
        admin.post(
            reverse("admin:credit_user_sign_out", args=[person.pk]), {"_form_submitted": "True"}
        )
        assert not is_in(again)
        assert admin.get("/admin/").status_code == 200


class TestTimeouts:
    def test_end_what_is_idle_for_eight_hours(self, clock: Any) -> None:
        browser = sign_in_by_form(make_person())
        clock.shift(timedelta(hours=7, minutes=59))
        assert is_in(browser)
        clock.shift(timedelta(hours=8, seconds=1))
        assert not is_in(browser)
        assert UserSession.objects.count() == 0
        assert "You were away for a while" in browser.get("/login/").content.decode()
        assert "You were away" not in browser.get("/login/").content.decode()

    def test_end_everything_after_a_day(self, clock: Any) -> None:
        browser = sign_in_by_form(make_person())
        for _ in range(4):
            clock.shift(timedelta(hours=6))
            assert is_in(browser)
        clock.shift(timedelta(seconds=1))
        assert not is_in(browser)
        assert "everybody signs in anew" in browser.get("/login/").content.decode()

    def test_take_the_settings(self, clock: Any, settings: Any) -> None:
        settings.SESSION_IDLE = 600.0
        browser = sign_in_by_form(make_person())
        clock.shift(timedelta(seconds=601))
        assert not is_in(browser)


class TestClearSignIns:
    def test_deletes_sessions_that_have_expired_and_set_ups_that_were_left(
        self, clock: Any
    ) -> None:
        sign_in_by_form(make_person()).get("/account/second-factor/")
        give_app(make_person())
        Authenticator.objects.update(created_at=START)
        clock.shift(timedelta(hours=23))
        alive = sign_in_by_form(make_person())
        clock.shift(timedelta(hours=1, seconds=1))
        clear_sign_ins(now=START + timedelta(hours=24, seconds=1))
        assert UserSession.objects.get().session_id == alive.session.session_key
        assert Session.objects.count() == 1
        assert [app.confirmed for app in Authenticator.objects.all()] == [True]
        assert is_in(alive)


class TestDeactivation:
    def test_throws_out_at_once_and_for_good(self) -> None:
        person = make_person()
        browser = sign_in_by_form(person)
        User.objects.filter(pk=person.pk).update(is_active=False)
        assert not is_in(browser)
        User.objects.filter(pk=person.pk).update(is_active=True)
        assert not is_in(browser)

    def test_in_the_admin_ends_the_sessions(self) -> None:
        person = make_person()
        sign_in_by_form(person)
        admin = sign_in(make_platform_admin())
        address = reverse("admin:credit_user_change", args=[person.pk])
        form = {
            "username": person.username,
            "memberships-TOTAL_FORMS": "0",
            "memberships-INITIAL_FORMS": "0",
        }
        assert admin.post(address, form).status_code == 302
        person.refresh_from_db()
        assert not person.is_active
        assert UserSession.objects.filter(user=person).count() == 0


class TestName:
    def test_is_changed_on_the_page(self) -> None:
        person = make_person()
        browser = sign_in_by_form(person)
        form = {"first_name": "Grace", "last_name": "Hopper", "is_superuser": "on"}
        page = browser.post("/account/", form, follow=True)
        assert "Your name is saved." in page.content.decode()
        person.refresh_from_db()
        assert (person.get_full_name(), person.is_superuser) == ("Grace Hopper", False)


class TestChangePassword:
    def change(self, browser: Browser, **fields: str) -> Any:
        form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
        return browser.post("/account/password/", {**form, **fields})

    def test_takes_the_old_one_and_ends_all_other_sessions(self) -> None:
        person = make_person()
        here, there = sign_in_by_form(person), sign_in_by_form(person)
        before = here.session.session_key
        assert self.change(here)["Location"] == "/account/"
        assert (is_in(here), is_in(there)) == (True, False)
        assert here.session.session_key != before
        assert UserSession.objects.get().session_id == here.session.session_key
        person.refresh_from_db()
        assert person.check_password(NEW)

    def test_keeps_the_second_factor_of_this_session(self) -> None:
        app, _ = give_app(person := make_person())
        browser = Browser()
        browser.post("/login/", {"username": person.username, "password": PASSWORD})
        browser.post("/login/code/", {"code": code_of(app)})
        self.change(browser)
        assert browser.get("/account/").wsgi_request.user.is_verified()  # type: ignore[union-attr]

    def test_says_the_rules_before_anything_is_typed(self) -> None:
        page = sign_in_by_form(make_person()).get("/account/password/").content.decode()
        for words in ("12 characters or more", "many people use", "digits alone"):
            assert words in page

    @pytest.mark.parametrize(
        ("password", "words"),
        [
            ("short", "too short"),
            ("elevenchars", "too short"),
            ("749201846523", "entirely numeric"),
            ("1234567890qwertyuiop", "too common"),
            ("grace.hopper", "too similar"),
        ],
    )
    def test_refuses_a_weak_one(self, password: str, words: str) -> None:
        person = make_person(username="grace.hopper1")
        browser = sign_in_by_form(person)
        page = self.change(browser, new_password1=password, new_password2=password)
        assert words in page.content.decode()
        person.refresh_from_db()
        assert person.check_password(PASSWORD)

    def test_refuses_a_wrong_old_one_and_two_that_differ(self) -> None:
        browser = sign_in_by_form(person := make_person())
        assert "not your password" in self.change(browser, old_password="x").content.decode()
        assert "match" in self.change(browser, new_password2="another").content.decode()
        person.refresh_from_db()
        assert person.check_password(PASSWORD)


class TestPasswordLink:
    def make(self, person: User) -> str:
        admin = sign_in(make_platform_admin())
        address = reverse("admin:credit_user_password_link", args=[person.pk])
        assert "password-link" not in admin.get(address).content.decode()
        page = admin.post(address)
        assert "no-store" in page["Cache-Control"]
        found = re.search(r'id="password-link">http://testserver(/[^<]+)<', page.content.decode())
        assert found is not None
        return found[1]

    def use(self, link: str) -> Any:
        browser = Browser()
        page = browser.get(link, follow=True)
        form = {"new_password1": NEW, "new_password2": NEW}
        return browser.post(page.request["PATH_INFO"], form, follow=True)

    def test_sets_a_password_once_and_ends_sessions_and_locks(self) -> None:
        person = make_person()
        there = sign_in_by_form(person)
        link = self.make(person)
        for _ in range(5):
            Browser().post("/login/", {"username": person.username, "password": "x"})
        page = self.use(link)
        assert page.redirect_chain[-1][0] == "/login/"
        assert "Your password is set." in page.content.decode()
        person.refresh_from_db()
        assert person.check_password(NEW)
        assert UserSession.objects.filter(user=person).count() == 0
        assert not is_in(there)
        form = {"username": person.username, "password": NEW}
        assert Browser().post("/login/", form).status_code == 302
        assert "no longer works" in Browser().get(link, follow=True).content.decode()

    def test_works_for_24_hours(self, clock: Any) -> None:
        person = make_person()
        link = self.make(person)
        clock.shift(timedelta(hours=24))
        assert "Set your password" in Browser().get(link, follow=True).content.decode()
        clock.shift(timedelta(seconds=1))
        assert "no longer works" in Browser().get(link, follow=True).content.decode()

    def test_still_asks_for_the_second_factor(self) -> None:
        give_app(person := make_person())
        self.use(self.make(person))
        page = Browser().post("/login/", {"username": person.username, "password": NEW})
        assert page["Location"] == "/login/code/"

    def test_serves_somebody_who_never_had_a_password(self) -> None:
        person = User.objects.create(username="invited")
        person.set_unusable_password()
        person.save()
        self.use(self.make(person))
        person.refresh_from_db()
        assert person.check_password(NEW)

    def test_is_not_made_for_the_deactivated_or_by_a_stranger(self) -> None:
        person = make_person(is_active=False)
        address = reverse("admin:credit_user_password_link", args=[person.pk])
        page = sign_in(make_platform_admin()).post(address)
        assert "/password/" not in page.content.decode().replace("/account/password/", "")
        assert sign_in(make_person(is_staff=True)).post(address).status_code == 404


class TestAdminsPasswordForm:
    def test_ends_the_sessions_of_the_person(self) -> None:
        person = make_person()
        there = sign_in_by_form(person)
        admin = sign_in(make_platform_admin())
        address = reverse("admin:auth_user_password_change", args=[person.pk])
        form = {"password1": NEW, "password2": NEW, "usable_password": "true", "set-password": "1"}
        assert admin.post(address, form).status_code == 302
        assert not is_in(there)
        assert UserSession.objects.filter(user=person).count() == 0
        assert admin.get("/admin/").status_code == 200


class TestResetSecondFactor:
    def test_is_an_admins_right(self) -> None:
        give_app(person := make_person())
        address = reverse("admin:credit_user_reset_second_factor", args=[person.pk])
        sign_in(make_platform_admin()).post(address, {"_form_submitted": "True"})
        sign_in_by_form(person)
