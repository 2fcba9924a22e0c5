"""Partners' keys: made once, found by their digest, dead when they should be."""

from datetime import timedelta

import pytest

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.models import ApiKey
from credit.services.api_keys import NotAuthenticatedError, create_api_key, find_api_key
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db


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
