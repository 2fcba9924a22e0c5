"""The form under /embed/: framed by whom a client names, for its own codes, apart from our site."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Http
from pytest_django import Settings

from credit.models import Client, ClientLook
from redemption.models import AttemptLog, Redemption
from tests.redemption.visiting import plain
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "https://www.example.com"
PHONE = {"method": "sms", "phone": "202 555 0123"}


@pytest.fixture
def world() -> World:
    world = build_world()
    world.stock(1)
    ClientLook.objects.create(client=world.client, embed_origins=[SITE])
    return world


@pytest.fixture
def home(world: World) -> str:
    return f"/embed/{world.client.pk}/"


def open_form(home: str, **options: Any) -> Http:
    """Return a browser that has the form open, and so our cookies."""
    http = Http(**options)
    assert http.get(home).status_code == 200
    return http


class TestFraming:
    def test_is_for_the_named_sites_alone(self, home: str) -> None:
        answer = Http().get(home)
        assert f"frame-ancestors {SITE};" in answer["Content-Security-Policy"] + ";"
        assert "X-Frame-Options" not in answer
        assert f'data-origins="{SITE}"' in answer.content.decode()

    def test_is_for_nobody_where_none_is_named(self, home: str) -> None:
        ClientLook.objects.update(embed_origins=[])
        answer = Http().get(home)
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"

    @pytest.mark.parametrize("address", ["/redeem/", "/redeem/again/", "/login/"])
    def test_is_for_no_page_of_our_own(self, world: World, address: str) -> None:
        answer = Http().get(address)
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"

    def test_of_no_client_is_not_found(self, world: World, home: str) -> None:
        assert Http().get(f"/embed/{uuid4()}/").status_code == 404
        Client.objects.filter(pk=world.client.pk).update(is_active=False)
        assert Http().get(home).status_code == 404


class TestForm:
    def test_serves_the_clients_own_codes(self, world: World, home: str) -> None:
        (code,) = world.invite()
        http = open_form(home)
        page = http.post(home, {"code": code}, follow=True)
        assert page.redirect_chain == [(home, 302)]
        card = http.post(home, PHONE, follow=True)
        assert card.redirect_chain == [(home, 302)]
        assert card.context["card"].code.startswith("GIFT-")
        assert f'hx-get="{home}message/"' in card.content.decode()
        assert http.get(f"{home}message/").status_code == 200

    def test_knows_no_code_of_another_client(self, world: World, home: str) -> None:
        other = build_world(name="Birch")
        other.stock(1)
        (code,) = other.invite()
        answer = open_form(home).post(home, {"code": code}, follow=True)
        assert answer.status_code == 404
        assert "Birch" not in plain(answer)
        # The control: it is a good one on our own site.
        assert Http().post("/redeem/", {"code": code}, follow=True).status_code == 200

    def test_is_apart_from_our_own_site(self, world: World, home: str) -> None:
        (code,) = world.invite()
        http = Http()
        http.post("/redeem/", {"code": code}, follow=True)
        assert "card" in http.post("/redeem/", PHONE, follow=True).context
        assert 'name="code"' in http.get(home).content.decode()

    def test_sends_a_used_codes_link_from_there_as_well(self, world: World, home: str) -> None:
        (code,) = world.invite()
        first = Http()
        first.post("/redeem/", {"code": code}, follow=True)
        first.post("/redeem/", PHONE, follow=True)
        http = open_form(home)
        used = http.post(home, {"code": code}, follow=True)
        assert f'action="{home}again/"' in used.content.decode()
        sent = http.post(f"{home}again/", follow=True)
        assert sent.redirect_chain == [(f"{home}again/", 302)]
        assert "ending in 23" in plain(sent)


class TestCookies:
    def test_that_do_not_come_back_are_told_before_anything_is_looked_up(
        self, world: World, home: str
    ) -> None:
        (code,) = world.invite()
        answer = Http().post(home, {"code": code})
        assert answer.status_code == 403
        assert "Please open the form on its own" in plain(answer)
        assert f"frame-ancestors {SITE}" in answer["Content-Security-Policy"]
        assert AttemptLog.objects.count() == 0

    def test_are_the_framing_sites_alone_over_https(
        self, world: World, home: str, settings: Settings
    ) -> None:
        settings.SESSION_COOKIE_SECURE = True
        (code,) = world.invite()
        http = open_form(home)
        answer = http.post(home, {"code": code})
        printed = [cookie.OutputString() for cookie in answer.cookies.values()]
        assert len(printed) == 2
        for line in printed:
            assert line.endswith("; Partitioned")
            assert "SameSite=None" in line
            assert "Secure" in line
        own = Http().post("/redeem/", {"code": code})
        assert all("Partitioned" not in one.OutputString() for one in own.cookies.values())
        assert all(one["samesite"] == "Lax" for one in own.cookies.values())

    def test_protect_against_forms_of_others(self, world: World, home: str) -> None:
        (code,) = world.invite()
        http = open_form(home, enforce_csrf_checks=True)
        assert http.post(home, {"code": code}).status_code == 403
        assert AttemptLog.objects.count() == 0
        assert Redemption.objects.count() == 0
