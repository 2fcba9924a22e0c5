"""A stranger at every door: each address of the site, asked for with another tenant's ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.urls import URLPattern, get_resolver, reverse

from alerts.models import WebhookDelivery
from alerts.transactions import transaction
from credit.models import Agency, Client, Membership, User
from credit.services.api_keys import SCOPES, create_api_key
from loyalty.models import ReconciliationItem
from redemption.models import Redemption
from tests.alerts.hooking import subscribe
from tests.architecture.test_visibility import is_guarded, walk
from tests.loyalty.shop import open_shop, points_out_of_order
from tests.redemption.asking import ask
from tests.staff import make_agency_manager, make_platform_admin, make_user, sign_in
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PATTERNS = [pattern for _, pattern in walk(get_resolver()) if is_guarded(pattern) and pattern.name]
PAGES = [pattern for pattern in PATTERNS if hasattr(pattern.callback, "page_roles")]
CALLS = [pattern for pattern in PATTERNS if not hasattr(pattern.callback, "page_roles")]

CATALOGUE = ("brand_id", "denomination_id")


def with_ids(patterns: list[URLPattern]) -> list[URLPattern]:
    return [pattern for pattern in patterns if pattern.pattern.converters]


def without_ids(patterns: list[URLPattern]) -> list[URLPattern]:
    return [pattern for pattern in patterns if not pattern.pattern.converters]


@pytest.fixture
def world() -> World:
    world = build_world(name="Acorn")
    # It is told of the redemption.
    subscribe(world.client, "http://127.0.0.1:9/")
    world.stock(1)
    ask(world.invite()[0])
    shop = open_shop(world)
    with points_out_of_order():
        shop.buy(shop.cart(shop.customer(), coffees=1))
    return world


@pytest.fixture
def stranger() -> World:
    return build_world(name="Birch")


def ids_of(world: World) -> dict[str, Any]:
    """Return an id of the world for each name that an address may ask for."""
    told = WebhookDelivery.objects.get(endpoint__client_id=world.client.pk)
    return {
        "account_id": world.account.pk,
        "agency_id": world.agency.pk,
        "brand_id": world.brand.pk,
        "denomination_id": world.denomination.pk,
        "campaign_id": world.campaign.pk,
        "client_id": world.client.pk,
        "pool_id": world.pool.pk,
        "endpoint_id": told.endpoint_id,
        "delivery_id": told.pk,
        "redemption_id": Redemption.objects.get(client=world.client).pk,
        **ids_of_the_shop(world),
    }


def ids_of_the_shop(world: World) -> dict[str, Any]:
    owed = ReconciliationItem.objects.filter(client=world.client).order_by("pk")[0]
    return {
        "item_id": owed.pk,
        "checkout_id": owed.checkout_id,
        "customer_id": owed.customer_id,
        "session_id": owed.checkout.register_session_id,
        "stock_item_id": owed.checkout.lines.order_by("pk")[0].stock_item_id,
    }


def address_of(pattern: URLPattern, world: World) -> str:
    ids = ids_of(world) if pattern.pattern.converters else {}
    # A new kind of id in an address must be added above, or its page goes untried.
    return reverse(
        str(pattern.name), kwargs={name: ids[name] for name in pattern.pattern.converters}
    )


def names_of(world: World) -> re.Pattern[str]:
    """Return what betrays a world: its names and its ids; the catalogue is everybody's."""
    words = [world.client.name, world.agency.name, world.campaign.name, world.pool.name]
    ids = [str(key) for name, key in ids_of(world).items() if name not in CATALOGUE]
    return re.compile("|".join([*words, *ids]))


def member(
    role: Membership.Role, *, agency: Agency | None = None, client: Client | None = None
) -> User:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=role, agency=agency, client=client)
    return user


def key_of(owner: Agency | Client) -> str:
    with transaction():
        _, secret = create_api_key(
            name="stranger", owner=owner, scopes=SCOPES, now=datetime.now(UTC)
        )
    return secret


def text_of(answer: Any) -> str:
    """Return what an answer says, a file's content included."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    answer.close()
    return body.decode("utf-8", "replace")


@pytest.mark.parametrize("pattern", with_ids(PAGES), ids=lambda pattern: pattern.name)
class TestPageOfSomebody:
    def test_is_not_there_for_another_tenant(
        self, pattern: URLPattern, world: World, stranger: World
    ) -> None:
        sibling = Client.objects.create(agency=world.agency, name="Sibling", slug="sibling")
        strangers = [
            member(Membership.Role.AGENCY_MANAGER, agency=stranger.agency),
            member(Membership.Role.CLIENT_MANAGER, client=stranger.client),
            member(Membership.Role.CLIENT_MANAGER, client=sibling),
            member(Membership.Role.AUDITOR, client=stranger.client),
            member(Membership.Role.AGENT, client=world.client),
            make_user(is_staff=True),
        ]
        address = address_of(pattern, world)
        for person in strangers:
            browser = sign_in(person)
            looked, changed = browser.get(address), browser.post(address, {})
            assert looked.status_code in (404, 405), list(person.memberships.all())
            # An auditor may change nothing anywhere, and is told so whatever the address names.
            assert changed.status_code in (403, 404, 405), list(person.memberships.all())
            for answer in (looked, changed):
                assert not names_of(world).search(text_of(answer))

    def test_is_behind_the_log_in(self, pattern: URLPattern, world: World) -> None:
        address = address_of(pattern, world)
        answer = Browser().get(address)
        if answer.status_code == 405:
            answer = Browser().post(address)
        assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={address}")

    def test_is_there_for_whom_it_is(self, pattern: URLPattern, world: World) -> None:
        # The control: the same address answers somebody of the house.
        browser = sign_in(member(Membership.Role.AGENCY_MANAGER, agency=world.agency))
        answer = browser.get(address_of(pattern, world))
        assert answer.status_code in (200, 302, 405), answer.status_code
        answer.close()


@pytest.mark.parametrize("pattern", without_ids(PAGES), ids=lambda pattern: pattern.name)
class TestPageOfMany:
    def test_names_nobody_elses(self, pattern: URLPattern, world: World, stranger: World) -> None:
        is_for_agents = Membership.Role.AGENT in vars(pattern.callback)["page_roles"]
        for person in (
            member(Membership.Role.AGENCY_MANAGER, agency=stranger.agency),
            member(Membership.Role.CLIENT_MANAGER, client=stranger.client),
            # Agents see the desk, of their own client; nothing else is theirs.
            member(
                Membership.Role.AGENT, client=stranger.client if is_for_agents else world.client
            ),
        ):
            answer = sign_in(person).get(address_of(pattern, world), follow=True)
            assert answer.status_code in (200, 404)
            assert not names_of(world).search(text_of(answer))


@pytest.mark.parametrize("pattern", CALLS, ids=lambda pattern: pattern.name)
class TestCall:
    def test_says_nothing_of_another_tenant(
        self, pattern: URLPattern, world: World, stranger: World
    ) -> None:
        address = address_of(pattern, world)
        for owner in (stranger.agency, stranger.client):
            answer = Browser().get(address, headers={"Authorization": f"Api-Key {key_of(owner)}"})
            allowed = (404, 405) if pattern.pattern.converters else (200, 405)
            assert answer.status_code in allowed
            body = text_of(answer).replace(address, "")
            assert not names_of(world).search(body)

    def test_wants_a_key(self, pattern: URLPattern, world: World) -> None:
        answer = Browser().get(address_of(pattern, world))
        assert answer.status_code in (401, 405)


def admin_addresses() -> list[str]:
    """Return every address of the admin, with an id that could be one where it takes one."""
    found = []

    def collect(resolver: Any, prefix: str) -> None:
        for pattern in resolver.url_patterns:
            address = prefix + re.sub(r"<[^>]+>", str(uuid4()), str(pattern.pattern))
            if hasattr(pattern, "url_patterns"):
                collect(pattern, address)
            elif not address.startswith("^"):
                found.append("/" + address)

    collect(
        next(p for p in get_resolver().url_patterns if getattr(p, "app_name", "") == "admin"),
        "admin/",
    )
    return sorted(set(found))


class TestAdmin:
    def test_is_not_there_for_anybody_but_the_platform(self, world: World) -> None:
        addresses = [a for a in admin_addresses() if "(" not in a and "logout" not in a]
        assert len(addresses) > 150
        browser = sign_in(make_agency_manager(world.agency))  # staff by the flag
        for address in addresses:
            for answer in (browser.get(address), browser.post(address, {})):
                assert answer.status_code == 404, (address, answer.status_code)
                assert not names_of(world).search(text_of(answer))

    def test_is_there_for_the_platform(self, world: World) -> None:
        # The control: the same lists open to whom they are for.
        browser = sign_in(make_platform_admin())
        lists = [a for a in admin_addresses() if re.fullmatch(r"/admin/\w+/\w+/", a)]
        assert len(lists) > 30
        assert {browser.get(address).status_code for address in lists} <= {200, 302}
