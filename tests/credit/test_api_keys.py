"""Partners' keys: made once, found by their digest, dead when they should be."""

from datetime import timedelta

import pytest

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.models import ApiKey, AuditEvent
from credit.services.api_keys import (
    ApiKeyOverError,
    NotAuthenticatedError,
    create_api_key,
    find_api_key,
    revoke_api_key,
    rotate_api_key,
)
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def make_key(world: World) -> tuple[ApiKey, str]:
    with transaction():
        return create_api_key(name="Till", owner=world.client, scopes=["redeem"], now=NOW)


class TestCreateApiKey:
    def test_keeps_nothing_that_opens_the_door(self, world: World) -> None:
        key, secret = make_key(world)
        stored = ApiKey.objects.values_list().get(pk=key.pk)
        assert secret.startswith("glk_")
        assert len(secret) == 47
        assert all(secret not in str(value) for value in stored)
        assert secret not in str(key)

    def test_binds_the_key_to_its_owner(self, world: World) -> None:
        with transaction():
            of_agency, _ = create_api_key(name="a", owner=world.agency, scopes=[], now=NOW)
            of_platform, _ = create_api_key(name="p", owner=None, scopes=[], now=NOW)
        assert (of_agency.owner_kind, of_agency.agency) == ("agency", world.agency)
        assert (of_platform.owner_kind, of_platform.client) == ("platform", None)

    def test_refuses_an_unknown_scope_by_name(self, world: World) -> None:
        with pytest.raises(ValidationFailedError) as caught, transaction():
            create_api_key(name="x", owner=None, scopes=["redeem", "fly"], now=NOW)
        assert caught.value.errors == {"scopes": ["Unknown: fly."]}
        assert ApiKey.objects.count() == 0


class TestFindApiKey:
    def test_finds_the_key_and_notes_its_use_once_a_minute(self, world: World) -> None:
        key, secret = make_key(world)
        assert find_api_key(secret, now=NOW) == key
        find_api_key(secret, now=NOW + timedelta(seconds=59))
        assert ApiKey.objects.get().last_used_at == NOW
        later = NOW + timedelta(seconds=61)
        find_api_key(secret, now=later)
        assert ApiKey.objects.get().last_used_at == later

    @pytest.mark.parametrize("change", ["unknown", "revoked", "expired", "client", "agency"])
    def test_does_not_say_why_it_refuses(self, world: World, change: str) -> None:
        key, secret = make_key(world)
        if change == "unknown":
            secret += "x"
        elif change == "revoked":
            ApiKey.objects.update(revoked_at=NOW)
        elif change == "expired":
            ApiKey.objects.update(expires_at=NOW)
        elif change == "client":
            type(world.client).objects.filter(pk=world.client.pk).update(is_active=False)
        else:
            type(world.agency).objects.filter(pk=world.agency.pk).update(is_active=False)
        with pytest.raises(NotAuthenticatedError) as caught:
            find_api_key(secret, now=NOW)
        assert str(key.pk) not in str(caught.value)


class TestRotateApiKey:
    def test_lets_both_keys_open_the_door_for_a_while(self, world: World) -> None:
        old, old_secret = make_key(world)
        new, secret = rotate_api_key(
            key_id=old.pk, overlap=timedelta(days=7), actor="user:1", now=NOW
        )
        assert (new.client, new.scopes, new.name) == (world.client, ["redeem"], "Till")
        almost_over, over = NOW + timedelta(days=6, hours=23), NOW + timedelta(days=7)
        assert find_api_key(old_secret, now=almost_over).pk == old.pk
        assert find_api_key(secret, now=over).pk == new.pk
        with pytest.raises(NotAuthenticatedError):
            find_api_key(old_secret, now=over)

    def test_does_not_lengthen_a_key_that_ends_sooner(self, world: World) -> None:
        with transaction():
            old, _ = create_api_key(
                name="x",
                owner=None,
                scopes=["redeem"],
                now=NOW,
                expires_at=NOW + timedelta(days=1),
            )
        rotate_api_key(key_id=old.pk, overlap=timedelta(days=7), actor="user:1", now=NOW)
        old.refresh_from_db()
        assert old.expires_at == NOW + timedelta(days=1)

    def test_happens_once(self, world: World) -> None:
        old, _ = make_key(world)
        rotate_api_key(key_id=old.pk, overlap=timedelta(days=7), actor="user:1", now=NOW)
        with pytest.raises(ApiKeyOverError):
            rotate_api_key(key_id=old.pk, overlap=timedelta(days=7), actor="user:1", now=NOW)
        assert ApiKey.objects.count() == 2

    def test_of_a_revoked_key_is_refused(self, world: World) -> None:
        old, _ = make_key(world)
        assert revoke_api_key(key_id=old.pk, actor="user:1", now=NOW)
        with pytest.raises(ApiKeyOverError):
            rotate_api_key(key_id=old.pk, overlap=timedelta(0), actor="user:1", now=NOW)
        assert ApiKey.objects.count() == 1


class TestRevokeApiKey:
    def test_shuts_the_door_at_once(self, world: World) -> None:
        key, secret = make_key(world)
        assert revoke_api_key(key_id=key.pk, actor="user:1", now=NOW)
        with pytest.raises(NotAuthenticatedError):
            find_api_key(secret, now=NOW)
        assert not revoke_api_key(key_id=key.pk, actor="user:2", now=NOW)

    def test_is_written_down_once_without_the_secret(self, world: World) -> None:
        key, secret = make_key(world)
        for _ in range(2):
            revoke_api_key(key_id=key.pk, actor="user:1", now=NOW)
        events = AuditEvent.objects.filter(object_id=str(key.pk)).order_by("action")
        assert [event.action for event in events] == ["api_key.created", "api_key.revoked"]
        assert all(secret not in str(vars(event)) for event in events)
