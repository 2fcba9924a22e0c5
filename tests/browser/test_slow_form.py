"""A form that is slowed down, as a person sees it: the page's script does the work by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client as Http
from playwright.sync_api import Browser, BrowserContext, expect

from redemption.models import AttemptLog, FormBreaker
from redemption.views import slowing
from tests.browser.conftest import Visitor
from tests.database import housekeeping
from tests.world import World, build_world

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def easier() -> Iterator[None]:
    """Ask for a sixteenth of the work: what is shown is that it is done, not how long it takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slowing, "WORK_BITS", 14)
        yield


def slow_down() -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    with housekeeping() as owner:
        owner.execute(
            "INSERT INTO redemption_formbreaker (form, checked_at, slowed_until)"
            " VALUES ('', now(), %s) ON CONFLICT (form) DO UPDATE SET slowed_until = %s",
            [until, until],
        )


@pytest.mark.usefixtures("easier")
class TestSlowedForm:
    @pytest.mark.parametrize("width", [390, 1280])
    def test_takes_a_good_code_after_a_moment(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        width: int,
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        slow_down()
        visitor = Visitor(browser, contexts, width=width)
        visitor.page.goto(f"{site}/redeem/")
        expect(visitor.page.get_by_text("we check each one a little more slowly")).to_be_visible()
        assert visitor.fits()
        visitor.page.get_by_label("Your code").fill(code)
        visitor.page.get_by_role("button", name="Continue").click()
        expect(visitor.page.get_by_label("Mobile number")).to_be_visible(timeout=30_000)
        # One press, one look-up.
        assert AttemptLog.objects.count() == 1

    def test_takes_it_also_where_the_first_number_is_a_good_one(
        self,
        browser: Browser,
        contexts: list[BrowserContext],
        site: str,
        world: World,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(slowing, "WORK_BITS", 1)
        (code,) = world.invite()
        slow_down()
        visitor = Visitor(browser, contexts, width=390)
        visitor.page.goto(f"{site}/redeem/")
        visitor.page.get_by_label("Your code").fill(code)
        visitor.page.get_by_role("button", name="Continue").click()
        expect(visitor.page.get_by_label("Mobile number")).to_be_visible()

    def test_goes_on_by_itself_with_a_code_that_was_being_typed(
        self, browser: Browser, contexts: list[BrowserContext], site: str, world: World
    ) -> None:
        world.stock(1)
        (code,) = world.invite()
        visitor = Visitor(browser, contexts, width=390)
        visitor.page.goto(f"{site}/redeem/")
        visitor.page.get_by_label("Your code").fill(code)
        slow_down()
        visitor.page.get_by_role("button", name="Continue").click()
        expect(visitor.page.get_by_label("Mobile number")).to_be_visible(timeout=30_000)
        assert AttemptLog.objects.count() == 1

    def test_works_without_scripts_after_a_wait(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        slow_down()
        http = Http()
        asked = http.post("/redeem/", {"code": code})
        assert (asked.status_code, asked["Retry-After"]) == (429, "15")
        assert "Please wait 15 seconds, then press Continue once more" in asked.content.decode()
        wait = asked.context["page"]["slowing"].wait
        # Too early, for another code, or made up: asked again, and nothing is looked up.
        for fields in (
            {"code": code, "wait": wait},
            {"code": "ANOTHERONE", "wait": wait},
            {"code": code, "wait": "x"},
            {"code": code, "challenge": "x", "work": "1"},
        ):
            assert http.post("/redeem/", fields).status_code == 429
        assert not AttemptLog.objects.exists()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(slowing, "WAIT_SECONDS", -1)
            assert http.post("/redeem/", {"code": code, "wait": wait}).status_code == 302
        assert FormBreaker.objects.count() == 1
