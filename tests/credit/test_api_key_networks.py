"""Keys that are good from some networks alone, and what people are told about keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as HttpClient
from django.test import override_settings

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.admin.api_keys import attention_to
from credit.models import ApiKey, AuditEvent
from credit.services.api_keys import (
    NotAuthenticatedError,
    change_networks,
    create_api_key,
    find_api_key,
    read_networks,
    rotate_api_key,
)
from tests.credit.partners import assert_problem
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

NETWORKS = ["203.0.113.0/24", "198.51.100.7", "2001:db8::/48"]


@pytest.fixture
def world() -> World:
    return build_world()


def make_key(world: World, *networks: str) -> tuple[ApiKey, str]:
    with transaction():
        return create_api_key(
            name="Till", owner=world.client, scopes=["credit:read"], now=NOW, networks=networks
        )


class TestReadNetworks:
    def test_writes_them_as_they_are_compared(self) -> None:
        texts = [" 198.51.100.7", "", "2001:DB8:0::/48", "198.51.100.7/32", "fe80::1%eth0"]
        networks = read_networks(texts)
        assert networks == ["198.51.100.7/32", "2001:db8::/48", "fe80::1/128"]

    @pytest.mark.parametrize("text", ["nowhere", "203.0.113.1/24", "10.0.0.0/33", "1.2.3"])
    def test_refuses_what_is_none_by_name(self, text: str) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            read_networks(["10.0.0.1", text])
        assert caught.value.errors["networks"][0].startswith(f"{text} is no address or network")

    def test_refuses_a_list_without_end(self) -> None:
        with pytest.raises(ValidationFailedError):
            read_networks([f"10.0.0.{number}" for number in range(51)])


class TestFindApiKey:
    @pytest.mark.parametrize("address", ["203.0.113.0", "203.0.113.255", "198.51.100.7"])
    def test_lets_those_inside_in(self, world: World, address: str) -> None:
        key, secret = make_key(world, *NETWORKS)
        assert find_api_key(secret, now=NOW, address=address).pk == key.pk
        assert find_api_key(secret, now=NOW, address="2001:db8:0:ffff::1").pk == key.pk
        assert ApiKey.objects.get().refused_at is None

    @pytest.mark.parametrize("address", ["203.0.114.0", "198.51.100.8", "2001:db8:1::", "::", None])
    def test_refuses_those_outside_and_notes_it_once_a_minute(
        self, world: World, address: str | None
    ) -> None:
        _, secret = make_key(world, *NETWORKS)
        for seconds in (0, 59):
            with pytest.raises(NotAuthenticatedError):
                find_api_key(secret, now=NOW + timedelta(seconds=seconds), address=address)
        key = ApiKey.objects.get()
        assert (key.refused_at, key.refused_address) == (NOW, address)
        assert key.last_used_at is None

    def test_without_networks_lets_everybody_in(self, world: World) -> None:
        key, secret = make_key(world)
        for address in ("203.0.114.0", "::", None):
            assert find_api_key(secret, now=NOW, address=address).pk == key.pk


class TestCall:
    def call(self, secret: str, peer: str, **headers: str) -> object:
        return HttpClient(REMOTE_ADDR=peer).get(
            "/api/v1/accounts/", headers={"Authorization": f"Api-Key {secret}", **headers}
        )

    def test_from_outside_is_answered_like_an_unknown_key(self, world: World) -> None:
        _, secret = make_key(world, "203.0.113.0/24")
        inside, outside = self.call(secret, "203.0.113.9"), self.call(secret, "192.0.2.1")
        assert inside.status_code == 200  # type: ignore[attr-defined]
        refused = assert_problem(outside, 401, "GC-109")
        unknown = assert_problem(self.call("glk_nobody", "203.0.113.9"), 401, "GC-109")
        assert {**refused, "request_id": ""} == {**unknown, "request_id": ""}
        assert ApiKey.objects.get().refused_address == "192.0.2.1"

    def test_is_believed_its_address_only_behind_our_own_proxies(self, world: World) -> None:
        _, secret = make_key(world, "203.0.113.0/24")
        claimed = {"X-Forwarded-For": "203.0.113.9"}
        assert_problem(self.call(secret, "192.0.2.1", **claimed), 401, "GC-109")
        with override_settings(TRUSTED_PROXY_HOPS=1):
            assert self.call(secret, "192.0.2.1", **claimed).status_code == 200  # type: ignore[attr-defined]
            spoofed = {"X-Forwarded-For": "203.0.113.9, 192.0.2.66"}
            assert_problem(self.call(secret, "192.0.2.1", **spoofed), 401, "GC-109")


class TestChangeNetworks:
    def test_holds_from_the_next_call_on_and_is_written_down(self, world: World) -> None:
        key, secret = make_key(world)
        for _ in range(2):
            change_networks(key_id=key.pk, networks=["10.0.0.0/8"], actor="user:1", now=NOW)
        with pytest.raises(NotAuthenticatedError):
            find_api_key(secret, now=NOW, address="192.0.2.1")
        event = AuditEvent.objects.get(action="api_key.networks_changed")
        assert event.details == {
            "before": {"networks": []},
            "after": {"networks": ["10.0.0.0/8"]},
        }

    def test_goes_over_to_a_successor(self, world: World) -> None:
        key, _ = make_key(world, "10.0.0.0/8")
        successor, _ = rotate_api_key(
            key_id=key.pk, overlap=timedelta(days=1), actor="user:1", now=NOW
        )
        assert successor.allowed_networks == ["10.0.0.0/8"]


class TestAttentionTo:
    def test_an_old_key_that_is_still_used_beside_its_successor(self, world: World) -> None:
        key, secret = make_key(world)
        rotate_api_key(key_id=key.pk, overlap=timedelta(days=7), actor="user:1", now=NOW)
        ApiKey.objects.exclude(pk=key.pk).update(created_at=NOW)
        assert attention_to(ApiKey.objects.get(pk=key.pk), now=NOW) == ""
        find_api_key(secret, now=NOW + timedelta(hours=1))
        words = attention_to(ApiKey.objects.get(pk=key.pk), now=NOW + timedelta(hours=2))
        assert words == "Still used (2026-03-02 16:30 UTC), ends 2026-03-09 15:30 UTC"

    def test_a_key_that_was_tried_from_elsewhere(self, world: World) -> None:
        key, secret = make_key(world, "10.0.0.0/8")
        with pytest.raises(NotAuthenticatedError):
            find_api_key(secret, now=NOW, address="192.0.2.1")
        key.refresh_from_db()
        assert attention_to(key, now=NOW) == "Tried from elsewhere (192.0.2.1)"

    def test_a_key_that_nobody_uses(self, world: World) -> None:
        key, _ = make_key(world)
        key.created_at = NOW
        assert attention_to(key, now=NOW + timedelta(days=89)) == ""
        assert attention_to(key, now=NOW + timedelta(days=91)) == "Unused for 90 days"
        key.revoked_at = NOW
        assert attention_to(key, now=NOW + timedelta(days=91)) == ""


class TestAdminsPage:
    def test_makes_a_key_for_networks_and_changes_them(self, world: World) -> None:
        browser = sign_in(make_platform_admin())
        data = {"name": "Till", "client": world.client.pk, "scopes": ["redeem"]}
        add = "/admin/credit/apikey/add/"
        page = browser.post(add, {**data, "networks": "10.0.0.0/8\nnowhere"})
        assert list(page.context["form"].errors) == ["networks"]
        browser.post(add, {**data, "networks": "10.0.0.0/8\r\n2001:db8::/48"})
        key = ApiKey.objects.get()
        assert key.allowed_networks == ["10.0.0.0/8", "2001:db8::/48"]
        address = f"/admin/credit/apikey/{key.pk}/networks/"
        assert b"10.0.0.0/8\n2001:db8::/48" in browser.get(address).content
        assert browser.post(address, {"networks": "x"}).context["form"].errors
        assert browser.post(address, {"networks": ""}).status_code == 302
        key.refresh_from_db()
        assert key.allowed_networks == []
        page = browser.get(f"/admin/credit/apikey/{key.pk}/change/")
        assert b"anywhere" in page.content
        assert browser.get("/admin/credit/apikey/").status_code == 200

    def test_lets_the_old_key_end_at_a_chosen_time(self, world: World) -> None:
        browser = sign_in(make_platform_admin())
        key, _ = make_key(world)
        address = f"/admin/credit/apikey/{key.pk}/rotate/"
        page = browser.post(address, {"days": "7", "until": "2001-01-01T00:00"})
        assert list(page.context["form"].errors) == ["until"]
        browser.post(address, {"days": "7", "until": "2999-01-01T06:30"})
        key.refresh_from_db()
        assert str(key.expires_at)[:16] == "2999-01-01 06:30"
        successor = key.replaced_by
        assert successor is not None
        page = browser.get(f"/admin/credit/apikey/{successor.pk}/change/")
        assert key.prefix.encode() in page.content
        assert b"never used" in page.content
