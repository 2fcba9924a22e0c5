"""A client's own look: a colour that can be read, a picture that is one, named web sites."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from django.test import Client as Http
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.models import AuditEvent, Client, ClientLook
from credit.services.colours import contrast, read_colour, shades_of
from credit.services.logos import MAX_HEIGHT, MAX_WIDTH, read_logo
from credit.services.looks import change_look, find_look, read_origins
from tests.world import NOW, World, build_world


def picture(width: int = 300, height: int = 100, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "#1a4f96").save(buffer, kind, **options)
    return buffer.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(ValidationFailedError) as caught:
        read_logo(data)
    return caught.value.errors["logo"][0]


class TestReadColour:
    @pytest.mark.parametrize(
        ("text", "colour"),
        [
            ("#0F5C4C", "#0f5c4c"),
            (" 0f5c4c ", "#0f5c4c"),
            ("#fc0", "#ffcc00"),
            ("red", ""),
            ("#12", ""),
            ("#12345g", ""),
            ("#123456;}body{display:none", ""),
            ("", ""),
        ],
    )
    def test_takes_a_hexadecimal_one_and_nothing_else(self, text: str, colour: str) -> None:
        assert read_colour(text) == colour


class TestShadesOf:
    def test_keeps_a_dark_colour_for_light_pages(self) -> None:
        shades = shades_of("#1a4f96")
        assert (shades.light, shades.is_changed) == ("#1a4f96", False)
        assert shades.dark != "#1a4f96"

    def test_darkens_a_pale_one(self) -> None:
        shades = shades_of("#ffd400")
        assert shades.is_changed
        assert contrast("#ffd400", "#ffffff") < 1.5
        assert contrast(shades.light, "#ffffff") >= 4.5

    @given(st.integers(0, 0xFFFFFF))
    def test_can_be_read_on_every_ground_whatever_the_colour(self, number: int) -> None:
        shades = shades_of(f"#{number:06x}")
        assert contrast(shades.light, "#ffffff") >= 4.5
        assert contrast(shades.light, "#f6f6f1") >= 4.5
        for ground in ("#0f1714", "#18221e", "#0d1a16"):
            assert contrast(shades.dark, ground) >= 4.5


class TestReadLogo:
    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
    def test_draws_a_picture_anew_and_small(self, kind: str) -> None:
        logo = read_logo(picture(2000, 500, kind))
        with Image.open(io.BytesIO(logo.png)) as drawn:
            assert drawn.format == "PNG"
            assert drawn.size == (logo.width, logo.height)
        assert logo.width <= MAX_WIDTH
        assert logo.height <= MAX_HEIGHT
        assert len(logo.png) < 24_000

    def test_leaves_out_whatever_else_was_in_the_file(self) -> None:
        hidden = PngImagePlugin.PngInfo()
        hidden.add_text("comment", "<script>alert(1)</script>")
        data = picture(pnginfo=hidden) + b"<script>alert(2)</script>"
        assert b"script" in data
        assert b"script" not in read_logo(data).png

    def test_gives_the_same_picture_the_same_name(self) -> None:
        assert read_logo(picture()).digest == read_logo(picture()).digest
        assert read_logo(picture()).digest != read_logo(picture(301)).digest

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"GIF89a",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
            picture()[:60],
            picture(kind="GIF"),
            b"%PDF-1.4",
        ],
        ids=["empty", "stub", "svg", "cut off", "gif", "pdf"],
    )
    def test_refuses_what_is_no_picture(self, data: bytes) -> None:
        assert "no PNG, WebP or JPEG" in refusal(data)

    def test_refuses_a_small_file_that_stands_for_a_huge_picture(self) -> None:
        data = picture(6000, 6000, optimize=True)
        assert len(data) < 1_000_000
        assert "too many points" in refusal(data)

    def test_refuses_what_is_too_small_or_too_heavy(self) -> None:
        assert "too small" in refusal(picture(20, 20))
        assert "over 1 MB" in refusal(b"\x89PNG" + bytes(1_000_000))


class TestReadOrigins:
    def test_keeps_the_origin_of_each_address_once(self) -> None:
        text = "https://www.Example.com/win?x=1\nhttps://www.example.com\nhttp://localhost:8080"
        assert read_origins(text) == ["https://www.example.com", "http://localhost:8080"]

    @pytest.mark.parametrize(
        "line",
        [
            "www.example.com",
            "http://www.example.com",
            "https://*",
            "https://*.example.com",
            "https://user@example.com",
            "https://example.com;",
            "https://exa'mple.com",
            "javascript:alert(1)",
            "https://[::1]",
            "*",
        ],
    )
    def test_refuses_what_would_loosen_the_policy(self, line: str) -> None:
        with pytest.raises(ValidationFailedError):
            read_origins(line)


@pytest.mark.django_db(transaction=True)
class TestPagesOfALook:
    @pytest.fixture
    def world(self) -> World:
        return build_world()

    def change(self, client: Client, colour: str = "#ffd400", data: bytes | None = None) -> None:
        with transaction():
            change_look(
                client=client,
                colour=colour,
                logo=read_logo(data or picture()),
                drops_logo=False,
                embed_origins=[],
                actor="system",
                now=NOW,
            )

    def test_carry_its_colour_and_logo_from_our_own_origin(self, world: World) -> None:
        self.change(world.client)
        (code,) = world.invite()
        http = Http()
        page = http.post("/redeem/", {"code": code}, follow=True)
        for name, kind in (("theme_url", "text/css"), ("logo_url", "image/png")):
            address = page.context[name]
            assert f'"{address}"' in page.content.decode()
            answer = http.get(address)
            assert answer["Content-Type"] == kind
            assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer["X-Content-Type-Options"] == "nosniff"
        assert http.get(page.context["theme_url"]).content.startswith(b":root{--brand:#")

    def test_have_new_addresses_once_it_changes(self, world: World) -> None:
        self.change(world.client)
        before = find_look(world.client.pk)
        self.change(world.client, colour="#1a4f96", data=picture(310))
        after = find_look(world.client.pk)
        assert before.sheet_digest != after.sheet_digest
        assert before.logo_digest != after.logo_digest
        base = f"/look/{world.client.pk}"
        assert Http().get(f"{base}/{before.sheet_digest}.css").status_code == 404
        assert Http().get(f"{base}/{before.logo_digest}.png").status_code == 404
        assert Http().get(f"/look/{uuid4()}/{after.logo_digest}.png").status_code == 404

    def test_are_ours_where_a_client_has_none(self, world: World) -> None:
        (code,) = world.invite()
        page = Http().post("/redeem/", {"code": code}, follow=True)
        assert "/look/" not in page.content.decode()
        assert ClientLook.objects.count() == 0

    def test_say_who_changed_them(self, world: World) -> None:
        self.change(world.client)
        self.change(world.client)
        event = AuditEvent.objects.get(action="look.changed")
        assert event.details["after"]["colour"] == "#ffd400"
