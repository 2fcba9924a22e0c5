"""Who guesses is locked out: over HTTP, by the clock, whatever address they claim."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.test import Client as Browser
from django.urls import reverse

from credit.models import UserSession
from tests.people import PASSWORD, code_of, give_app, make_person, sign_in_by_form
from tests.staff import make_platform_admin, sign_in

pytestmark = pytest.mark.django_db
WRONG = "wrong password"
START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def attempt(
    username: str, password: str = WRONG, *, address: str = "192.0.2.1", via: str = ""
) -> Any:
    """Send the log-in form once, from a browser that knows nothing."""
    headers = {"HTTP_X_FORWARDED_FOR": via} if via else {}
    return Browser(REMOTE_ADDR=address, **headers).post(  # type: ignore[arg-type]
        "/login/", {"username": username, "password": password}
    )


def statuses(count: int, username: str, **where: str) -> list[int]:
    return [attempt(username, **where).status_code for _ in range(count)]


class TestLockout:
    def test_comes_with_the_fifth_failure_and_says_until_when(self, clock: Any) -> None:
        person = make_person()
        assert statuses(4, person.username) == [200] * 4
        page = attempt(person.username)
        assert page.status_code == 429
        assert page["Retry-After"] == "900"
        html = page.content.decode()
        assert "Try again in 15 minutes." in html
        assert "10:15 UTC" in html

    def test_refuses_the_right_password_until_the_time_is_over(self, clock: Any) -> None:
        person = make_person()
        statuses(5, person.username)
        clock.shift(timedelta(minutes=14))
        page = attempt(person.username, PASSWORD)
        assert page.status_code == 429
        assert "Try again in 1 minute." in page.content.decode()
        assert UserSession.objects.count() == 0
        clock.shift(timedelta(minutes=1))
        assert attempt(person.username, PASSWORD).status_code == 302

    def test_is_not_made_longer_by_trying_on(self, clock: Any) -> None:
        person = make_person()
        statuses(5, person.username)
        clock.shift(timedelta(minutes=10))
        assert statuses(20, person.username) == [429] * 20
        clock.shift(timedelta(minutes=5))
        assert attempt(person.username, PASSWORD).status_code == 302

    def test_begins_anew_afterwards(self, clock: Any) -> None:
        person = make_person()
        statuses(5, person.username)
        clock.shift(timedelta(minutes=15))
        assert statuses(4, person.username) == [200] * 4
        assert attempt(person.username).status_code == 429

    def test_leaves_others_alone(self, clock: Any) -> None:
        person, other = make_person(), make_person()
        statuses(5, person.username)
        assert attempt(other.username, PASSWORD).status_code == 302
        assert attempt(person.username, PASSWORD, address="192.0.2.77").status_code == 302

    def test_meets_a_name_nobody_has_alike(self, clock: Any) -> None:
        known = make_person().username
        answers = [[(p := attempt(n)).status_code, p["Retry-After"] if p.status_code == 429 else ""]
                   for n in (known, "nobody") for _ in range(6)]  # fmt: skip
        assert answers[:6] == answers[6:]
        assert answers[5] == [429, "900"]

    def test_is_forgotten_after_signing_in(self, clock: Any) -> None:
        person = make_person()
        statuses(4, person.username)
        assert attempt(person.username, PASSWORD).status_code == 302
        assert statuses(4, person.username) == [200] * 4

    def test_of_others_is_not_forgotten_by_signing_in_from_the_same_address(
        self, clock: Any
    ) -> None:
        attacker, victim = make_person(), make_person()
        statuses(4, victim.username)
        attempt(attacker.username, PASSWORD)
        assert attempt(victim.username).status_code == 429

    def test_counts_a_user_name_from_all_addresses(self, clock: Any) -> None:
        person = make_person()
        answers = [
            attempt(person.username, address=f"198.51.100.{number}").status_code
            for number in range(20)
        ]
        assert answers == [200] * 19 + [429]
        assert attempt(person.username, PASSWORD, address="203.0.113.9").status_code == 429

    def test_counts_an_address_with_all_user_names(self, clock: Any) -> None:
        answers = [attempt(f"name-{number}").status_code for number in range(50)]
        assert answers == [200] * 49 + [429]
        person = make_person()
        assert attempt(person.username, PASSWORD).status_code == 429
        assert attempt(person.username, PASSWORD, address="192.0.2.2").status_code == 302

    def test_needs_no_redis(self, clock: Any, settings: Any) -> None:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1/0",
            }
        }
        person = make_person()
        assert statuses(5, person.username) == [200] * 4 + [429]


class TestAddress:
    def test_is_not_what_somebody_claims(self, clock: Any) -> None:
        person = make_person()
        answers = [
            attempt(person.username, via=f"203.0.113.{number}").status_code for number in range(5)
        ]
        assert answers == [200] * 4 + [429]
        assert AccessAttempt.objects.get().ip_address == "192.0.2.1"

    def test_is_what_our_own_proxy_wrote(self, clock: Any, settings: Any) -> None:
        settings.TRUSTED_PROXY_HOPS = 1
        settings.SECURE_PROXY_SSL_HEADER = None
        person = make_person()
        for number in range(5):
            answer = attempt(person.username, via=f"10.9.9.{number}, 203.0.113.5")
        assert answer.status_code == 429
        assert AccessAttempt.objects.get().ip_address == "203.0.113.5"
        assert attempt(person.username, PASSWORD, via="203.0.113.6").status_code == 302

    def test_of_ipv6_is_the_whole_network_of_a_customer(self, clock: Any) -> None:
        person = make_person()
        answers = [
            attempt(person.username, address=f"2001:db8:1:2::{number}").status_code
            for number in range(1, 6)
        ]
        assert answers == [200] * 4 + [429]
        assert AccessAttempt.objects.get().ip_address == "2001:db8:1:2::"
        other = attempt(person.username, PASSWORD, address="2001:db8:1:3::1")
        assert other.status_code == 302


class TestSecondFactor:
    def test_counts_wrong_codes_like_wrong_passwords(self, clock: Any) -> None:
        person = make_person()
        app, _ = give_app(person)
        browser = Browser()
        browser.post("/login/", {"username": person.username, "password": PASSWORD})
        answers = []
        for _ in range(5):
            clock.shift(timedelta(seconds=20))  # wrong codes make wait, up to 8 seconds here
            answers.append(browser.post("/login/code/", {"code": "000000"}).status_code)
        assert answers == [200] * 4 + [429]
        clock.shift(timedelta(seconds=60))
        assert browser.post("/login/code/", {"code": code_of(app)}).status_code == 429
        again = browser.post("/login/", {"username": person.username, "password": PASSWORD})
        assert again.status_code == 429
        assert UserSession.objects.count() == 0

    def test_does_not_forget_wrong_codes_when_the_password_is_typed_again(self, clock: Any) -> None:
        person = make_person()
        give_app(person)
        answers = []
        for _ in range(5):
            browser = Browser()
            browser.post("/login/", {"username": person.username, "password": PASSWORD})
            clock.shift(timedelta(seconds=20))
            answers.append(browser.post("/login/code/", {"code": "000000"}).status_code)
        assert answers[-1] == 429


class TestAccountPages:
    def test_count_a_wrong_password_too(self, clock: Any) -> None:
        browser = sign_in_by_form(make_person())
        form = {"old_password": "guess", "new_password1": "x", "new_password2": "x"}
        answers = [browser.post("/account/password/", form).status_code for _ in range(5)]
        assert answers == [200] * 4 + [429]

    @pytest.mark.parametrize("has_app", [True, False])
    def test_count_a_wrong_code_too(self, clock: Any, has_app: bool) -> None:
        person = make_person()
        browser = Browser()
        app = give_app(person)[0] if has_app else None
        browser.post("/login/", {"username": person.username, "password": PASSWORD})
        if app:
            browser.post("/login/code/", {"code": code_of(app)})
        browser.get("/account/second-factor/")
        answers = []
        for _ in range(5):
            clock.shift(timedelta(seconds=20))
            form = {"password": PASSWORD, "code": "000000"}
            answers.append(browser.post("/account/second-factor/", form).status_code)
        assert answers == [200] * 4 + [429]


class TestRecords:
    def test_hold_nothing_of_what_was_typed(
        self, clock: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        person = make_person()
        _, codes = give_app(person)
        # A password in the field for the name, which happens to everybody once.
        attempt("my-Secret-passphrase", "second-Secret")
        attempt(person.username, "third-Secret")
        browser = Browser()
        browser.post("/login/", {"username": person.username, "password": PASSWORD})
        browser.post("/login/code/?code=fourth-Secret", {"code": "fifth-Secret"})
        browser.post("/login/code/", {"code": codes[0]})
        browser.post(
            "/account/second-factor/", {"password": "sixth-Secret", "code": "seventh-Secret"}
        )
        kept = str(list(AccessAttempt.objects.values())) + caplog.text
        assert AccessAttempt.objects.count() == 3
        assert "Secret" not in kept
        assert PASSWORD not in kept
        assert codes[0] not in kept


class TestLift:
    def test_is_an_action_of_the_admin(self, clock: Any) -> None:
        person = make_person()
        statuses(5, person.username)
        browser = sign_in(make_platform_admin())
        address = reverse("admin:axes_accessattempt_changelist")
        page = browser.get(address).content.decode()
        assert person.username in page
        assert "2026-03-02 10:15" in page
        row = AccessAttempt.objects.get()
        browser.post(address, {"action": "lift", "_selected_action": [str(row.pk)]})
        assert AccessAttempt.objects.count() == 0
        assert attempt(person.username, PASSWORD).status_code == 302

    def test_is_on_the_persons_page(self, clock: Any) -> None:
        person = make_person()
        statuses(5, person.username)
        address = reverse("admin:credit_user_lift_lock", args=[person.pk])
        sign_in(make_platform_admin()).post(address, {"_form_submitted": "True"})
        assert attempt(person.username, PASSWORD).status_code == 302
