"""The command that makes a key."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from credit.models import ApiKey
from credit.services.api_keys import find_api_key
from tests.staff import make_platform_admin, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def make(*arguments: str) -> str:
    out = StringIO()
    call_command("make_api_key", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


class TestMakeApiKey:
    def test_prints_a_key_of_the_client(self, world: World) -> None:
        where = f"{world.agency.slug}/{world.client.slug}"
        secret = make("Till", "--client", where, "--scope", "redeem", "--scope", "credit:read")
        key = find_api_key(secret, now=datetime.now(UTC))
        assert (key.client_id, key.scopes) == (world.client.pk, ["redeem", "credit:read"])

    def test_makes_the_platforms_without_an_owner(self, world: World) -> None:
        make("Monitor", "--scope", "monitoring", "--expires", "2999-01-01")
        key = ApiKey.objects.get()
        assert (key.owner_kind, str(key.expires_at)[:10]) == ("platform", "2999-01-01")

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["x", "--scope", "redeem", "--agency", "nobody"], "no agency nobody"),
            (["x", "--scope", "redeem", "--client", "nobody/x"], "no client nobody/x"),
            (["x", "--scope", "redeem", "--expires", "soon"], "YYYY-MM-DD"),
            (["x", "--scope", "redeem", "--expires", "2001-01-01"], "time to come"),
            (["x", "--scope", "all"], "invalid choice"),
            (["x"], "required"),
        ],
    )
    def test_says_what_is_wrong(self, world: World, arguments: list[str], words: str) -> None:
        with pytest.raises(CommandError, match=words):
            make(*arguments)
        assert not ApiKey.objects.exists()


class TestAdminsPage:
    def test_makes_rotates_and_revokes(self, world: World) -> None:
        browser = sign_in(make_platform_admin())
        page = browser.post(
            "/admin/credit/apikey/add/",
            {"name": "Till", "client": world.client.pk, "scopes": ["redeem"]},
        )
        key = ApiKey.objects.get()
        secret = page.context["secret"]
        assert find_api_key(secret, now=datetime.now(UTC)) == key
        assert page["Cache-Control"].startswith("max-age=0")
        page = browser.post(f"/admin/credit/apikey/{key.pk}/rotate/", {"days": "7"})
        assert page.context["secret"] != secret
        again = browser.post(f"/admin/credit/apikey/{key.pk}/rotate/", {"days": "7"})
        assert "has a successor already" in again.content.decode()
        address = f"/admin/credit/apikey/{key.pk}/revoke/"
        assert browser.post(address, {"_form_submitted": "True"}).status_code == 302
        key.refresh_from_db()
        assert key.revoked_at is not None
        assert browser.get(f"/admin/credit/apikey/{key.pk}/change/").status_code == 200
        changes = browser.get("/admin/credit/auditevent/")
        assert changes.content.decode().count("api_key.rotated") >= 1
        assert secret not in changes.content.decode()

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"name": "", "scopes": ["redeem"]}, "name"),
            ({"name": "x"}, "scopes"),
            ({"name": "x", "scopes": ["all"]}, "scopes"),
            ({"name": "x", "scopes": ["redeem"], "expires_on": "2001-01-01T00:00"}, "expires_on"),
        ],
    )
    def test_says_what_is_wrong(self, data: dict[str, object], field: str) -> None:
        page = sign_in(make_platform_admin()).post("/admin/credit/apikey/add/", data)
        assert list(page.context["form"].errors) == [field]
        assert not ApiKey.objects.exists()

    def test_is_of_one_owner(self, world: World) -> None:
        page = sign_in(make_platform_admin()).post(
            "/admin/credit/apikey/add/",
            {
                "name": "x",
                "scopes": ["redeem"],
                "client": world.client.pk,
                "agency": world.agency.pk,
            },
        )
        assert list(page.context["form"].errors) == ["client"]
        assert not ApiKey.objects.exists()
