"""One code, many who send it at once: it signs one of them in."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from axes.models import AccessAttempt
from django.test import Client as Browser

from credit.models import Authenticator, User, UserSession
from credit.services.second_factor import Verdict, check_second_factor
from tests.people import PASSWORD, code_of, give_app, make_person
from tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)
CROWD = 8


@pytest.fixture
def person() -> User:
    return make_person()


class TestCheckSecondFactor:
    def test_accepts_a_code_of_the_app_once(self, person: User) -> None:
        app, _ = give_app(person)
        code = code_of(app, steps=1)
        verdicts = run_at_once(CROWD, lambda: check_second_factor(user=person, code=code))
        assert verdicts.count(Verdict.GOOD) == 1
        assert set(verdicts) <= {Verdict.GOOD, Verdict.WRONG, Verdict.TOO_SOON}

    def test_accepts_a_recovery_code_once(self, person: User) -> None:
        app, codes = give_app(person)
        verdicts = run_at_once(CROWD, lambda: check_second_factor(user=person, code=codes[0]))
        assert sorted(v.value for v in verdicts if isinstance(v, Verdict)) == [
            "good_recovery",
            *["wrong"] * (CROWD - 1),
        ]
        app.refresh_from_db()
        assert len(app.recovery_digests) == 9

    def test_would_accept_it_often_without_the_lock(self, person: User) -> None:
        """The control: the same crowd, and code that reads before it locks."""
        app, _ = give_app(person)
        code = code_of(app, steps=1)
        have_read = threading.Barrier(CROWD)

        def careless() -> bool:
            mine = Authenticator.objects.get(pk=app.pk)
            have_read.wait(timeout=20)
            return bool(mine.verify_token(code))

        assert run_at_once(CROWD, careless).count(True) > 1


class TestLogIn:
    def test_counts_every_failure_of_a_crowd(self, person: User) -> None:
        def guess() -> int:
            form = {"username": person.username, "password": f"wrong {uuid4()}"}
            return Browser().post("/login/", form).status_code

        assert set(run_at_once(4, guess)) == {200}
        assert AccessAttempt.objects.get().failures_since_start == 4
        assert guess() == 429

    def test_of_many_browsers_makes_a_session_each(self, person: User) -> None:
        form = {"username": person.username, "password": PASSWORD}
        answers = run_at_once(CROWD, lambda: Browser().post("/login/", form).status_code)
        assert answers == [302] * CROWD
        assert UserSession.objects.filter(user=person).count() == CROWD
