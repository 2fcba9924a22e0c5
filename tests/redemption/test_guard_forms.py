"""A form is slowed down while many of its codes are unknown; links' buttons have a limit too."""

from __future__ import annotations

import pytest
from django.test import Client as Browser
from django.test import override_settings

from alerts.models import Alert
from redemption.selectors.forms import slowed_until
from redemption.services.form_alerts import review_forms
from tests.redemption.guarding import attempt, empty_counters, fail, moment, shipped_limits

__all__ = ["empty_counters", "shipped_limits"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("shipped_limits")]


def guess(count: int, *, at: float = 0.0) -> None:
    for number in range(count):
        fail(address=f"11.{at:.0f}.0.{number}".replace("11.0.", "12.1."), at=at + number)


class TestSlowedForm:
    def test_begins_alerts_and_ends_by_itself(self) -> None:
        guess(49)
        assert slowed_until(form="", now=moment(49)) is None
        guess(3, at=52)
        until = slowed_until(form="", now=moment(60))
        assert until is not None
        assert 650 <= (until - moment(0)).total_seconds() <= 660
        alert = Alert.objects.get(kind="codes_guessed")
        assert "the form is slowed down" in alert.subject
        review_forms(now=moment(60))
        alert.refresh_from_db()
        assert alert.state == Alert.State.OPEN
        assert slowed_until(form="", now=until) is None
        review_forms(now=until)
        alert.refresh_from_db()
        assert alert.state == Alert.State.RESOLVED

    def test_is_not_what_honest_mistakes_make_of_it(self) -> None:
        for number in range(60):
            attempt(address=f"13.0.0.{number}", at=number)
            if number % 2:
                fail(address=f"13.0.1.{number}", at=number)
        assert slowed_until(form="", now=moment(60)) is None
        assert not Alert.objects.exists()


class TestPrivateAddress:
    def test_that_is_blocked_may_be_a_proxy(self) -> None:
        with override_settings(RATE_LIMIT_BLOCK_AFTER=(3, 86400.0)):
            for number in range(3):
                fail(address="10.1.2.3", at=number)
            for number in range(3):
                fail(address="11.1.2.3", at=number)
        alert = Alert.objects.get(kind="proxy_not_trusted")
        assert "TRUSTED_PROXY_HOPS" in alert.message


class TestButtons:
    @pytest.mark.parametrize("path", ["/r/nothing/", "/o/nothing/"])
    def test_of_links_are_limited_by_address(self, path: str) -> None:
        with override_settings(RATE_LIMIT_LINK=(3, 60.0)):
            for _ in range(3):
                assert Browser().post(path).status_code == 404
            answer = Browser().post(path)
            assert answer.status_code == 429
            assert 55 <= int(answer["Retry-After"]) <= 60
            # To look costs nothing.
            assert Browser().get(path).status_code == 404
