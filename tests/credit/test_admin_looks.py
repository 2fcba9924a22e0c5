"""A client's look, set on its page of the admin."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Http
from PIL import Image

from credit.models import AuditEvent, ClientLook
from credit.services.colours import shades_of
from tests.staff import make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def http() -> Http:
    return sign_in(make_platform_admin())


def save(http: Http, world: World, **changes: Any) -> Any:
    fields = {"name": world.client.name, "slug": world.client.slug, "is_active": "on"}
    address = f"/admin/credit/client/{world.client.pk}/change/"
    return http.post(address, {**fields, **changes}, follow=True)


def logo(kind: str = "PNG") -> SimpleUploadedFile:
    buffer = io.BytesIO()
    Image.new("RGB", (400, 100), "#1a4f96").save(buffer, kind)
    return SimpleUploadedFile("logo.png", buffer.getvalue())


class TestClientPage:
    def test_keeps_a_look_and_shows_it(self, http: Http, world: World) -> None:
        sites = "https://www.example.com/\nhttps://shop.example.com"
        save(http, world, colour="FFE600", logo=logo(), embed_origins=sites)
        look = ClientLook.objects.get()
        assert (look.colour, look.logo_width, look.logo_height) == ("#ffe600", 384, 96)
        assert look.embed_origins == ["https://www.example.com", "https://shop.example.com"]
        page = http.get(f"/admin/credit/client/{world.client.pk}/change/").content.decode()
        assert f"/look/{world.client.pk}/{look.logo_digest}.png" in page
        assert shades_of("#ffe600").light in page
        assert "Light pages use a darker shade" in page
        assert f"data-giftline=&quot;{world.client.pk}&quot;" in page
        event = AuditEvent.objects.get(action="look.changed")
        assert event.actor.startswith("user:")

    def test_keeps_the_logo_when_the_rest_is_saved(self, http: Http, world: World) -> None:
        save(http, world, logo=logo())
        before = ClientLook.objects.get()
        save(http, world, colour="#1a4f96")
        after = ClientLook.objects.get()
        assert (after.logo_digest, after.colour) == (before.logo_digest, "#1a4f96")
        save(http, world, drop_logo="on")
        assert ClientLook.objects.get().logo is None

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"colour": "reddish"}, "Give the colour as #rrggbb"),
            ({"logo": SimpleUploadedFile("a.svg", b"<svg/>")}, "no PNG, WebP or JPEG"),
            ({"embed_origins": "http://example.com"}, "not the address of a web site"),
        ],
    )
    def test_says_what_is_wrong(
        self, http: Http, world: World, changes: dict[str, Any], words: str
    ) -> None:
        answer = save(http, world, **changes)
        assert words in answer.content.decode()
        assert ClientLook.objects.count() == 0

    def test_of_a_client_without_one_writes_nothing(self, http: Http, world: World) -> None:
        save(http, world)
        assert ClientLook.objects.count() == 0
        assert not AuditEvent.objects.filter(action="look.changed").exists()
