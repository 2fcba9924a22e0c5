"""Webhook endpoints over the API: whose they are, what is shown, what may be done."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as HttpClient

from alerts.models import WebhookDelivery, WebhookEndpoint
from alerts.services.webhook_events import EVENTS
from credit.models import Agency, AuditEvent, Client
from redemption.services.webhook_endpoints import MOST_ENDPOINTS
from tests.alerts.hooking import Receiver, send
from tests.api.serving import make_secret
from tests.guards.raw import as_application, as_owner
from tests.redemption.asking import ask
from tests.world import World, build_world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.two_roles]

BASE = "/api/v1/webhook-endpoints/"
URL = "http://127.0.0.1:9/hook"


class Api:
    """A partner's program, within this process."""

    def __init__(self, owner: Agency | Client | None, *scopes: str) -> None:
        self.secret = make_secret(owner, scopes or ("webhooks",))

    def __call__(
        self, method: str, path: str = "", body: Any = None, **headers: str
    ) -> tuple[int, Any]:
        response = HttpClient().generic(
            method,
            BASE + path,
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers={"Authorization": f"Api-Key {self.secret}", **headers},
        )
        self.headers = response.headers
        return response.status_code, response.json() if response.content else None

    def make(self, **body: Any) -> dict[str, Any]:
        status, made = self("POST", body={"url": URL, **body})
        assert status == 201, made
        found: dict[str, Any] = made
        return found


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def client(world: World) -> Api:
    return Api(world.client)


@pytest.fixture
def stranger() -> Api:
    return Api(build_world(name="Birch").client)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class TestCreating:
    def test_shows_the_secret_once(self, world: World, client: Api) -> None:
        made = client.make(description="The CRM")
        secret = made["secret"]
        assert secret.startswith("whsec_")
        assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) <= 64
        assert made["client_id"] == str(world.client.pk)
        assert (made["state"], made["description"]) == ("active", "The CRM")
        assert made["events"] == list(EVENTS)
        status, read = client("GET", f"{made['id']}/")
        assert status == 200
        assert "secret" not in read
        assert read == {name: value for name, value in made.items() if name != "secret"}
        assert client.headers["Cache-Control"] == "no-store"
        status, page = client("GET")
        assert page == {"next": None, "previous": None, "results": [read]}

    def test_keeps_the_secret_nowhere_in_plain(self, client: Api) -> None:
        made = client.make()
        _, rotated = client("POST", f"{made['id']}/rotate-secret/", {})
        with as_owner() as owner:
            tables = owner.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r'"
                " AND relnamespace = 'public'::regnamespace"
            ).fetchall()
            for secret in (made["secret"], rotated["secret"]):
                bare = secret.removeprefix("whsec_")
                for (table,) in tables:
                    found = owner.execute(
                        f"SELECT count(*) FROM {table} t WHERE strpos(t::text, %s) > 0", [bare]
                    ).fetchone()
                    assert found == (0,), table

    def test_is_repeated_with_the_same_secret(self, client: Api) -> None:
        body = {"url": URL}
        first = client("POST", body=body, **{"Idempotency-Key": "one"})
        again = client("POST", body=body, **{"Idempotency-Key": "one"})
        assert again == first
        assert client.headers["Idempotency-Replayed"] == "true"
        assert WebhookEndpoint.objects.count() == 1
        client("POST", f"{first[1]['id']}/rotate-secret/", {})
        status, late = client("POST", body=body, **{"Idempotency-Key": "one"})
        assert (status, late["secret"]) == (201, None)

    def test_refuses_what_it_does_not_know_by_name(self, client: Api) -> None:
        status, problem = client("POST", body={"url": URL, "secret": "x", "event": []})
        assert (status, problem["code"]) == (400, "GC-012")
        assert set(problem["errors"]) == {"secret", "event"}
        for events in (["redemption.exploded"], [], "all"):
            status, problem = client("POST", body={"url": URL, "events": events})
            assert status == 400
            assert any(name.startswith("events") for name in problem["errors"])
        assert not WebhookEndpoint.objects.exists()

    @pytest.mark.parametrize(
        "url",
        [
            "http://169.254.169.254/latest/meta-data/",
            "http://10.0.0.1/",
            "https://[::ffff:10.0.0.1]/",
            "https://user:secret@example.com/",
            "https://2130706433/",
            "ftp://127.0.0.1/",
            "https://example.com:22/",
        ],
    )
    def test_refuses_an_address_that_leads_inwards(self, client: Api, url: str) -> None:
        status, problem = client("POST", body={"url": url})
        assert (status, problem["code"], set(problem["errors"])) == (400, "GC-012", {"url"})
        made = client.make()
        status, problem = client("PATCH", f"{made['id']}/", {"url": url})
        assert (status, set(problem["errors"])) == (400, {"url"})
        assert WebhookEndpoint.objects.get().url == URL

    def test_is_limited_in_number(self, world: World, client: Api) -> None:
        WebhookEndpoint.objects.bulk_create(
            WebhookEndpoint(client_id=world.client.pk, url=URL, events=[], secret_encrypted="x")
            for _ in range(MOST_ENDPOINTS)
        )
        status, problem = client("POST", body={"url": URL})
        assert (status, problem["errors"]) == (400, {"url": ["There are 20 endpoints already."]})

    def test_is_written_down(self, world: World, client: Api) -> None:
        made = client.make()
        client("PATCH", f"{made['id']}/", {"state": "paused"})
        client("DELETE", f"{made['id']}/")
        events = AuditEvent.objects.filter(object_id=made["id"]).order_by("at")
        assert [event.action for event in events] == [
            "webhook_endpoint.created",
            "webhook_endpoint.paused",
            "webhook_endpoint.deleted",
        ]
        assert {event.client_id for event in events} == {world.client.pk}
        assert made["secret"] not in str([event.details for event in events])


class TestWhose:
    def test_a_stranger_finds_nothing(self, client: Api, stranger: Api) -> None:
        made = client.make()
        one = f"{made['id']}/"
        client("POST", f"{one}test/", {})
        delivery = WebhookDelivery.objects.get()
        before = list(WebhookEndpoint.objects.values())
        for method, path, body in (
            ("GET", one, None),
            ("PATCH", one, {"state": "paused"}),
            ("PATCH", one, {"url": "http://127.0.0.1:8/"}),
            ("DELETE", one, None),
            ("POST", f"{one}rotate-secret/", {}),
            ("POST", f"{one}test/", {}),
            ("GET", f"{one}deliveries/", None),
            ("POST", f"{one}deliveries/{delivery.pk}/replay/", {}),
        ):
            status, problem = stranger(method, path, body)
            assert (status, problem["code"]) == (404, "GC-111"), (method, path)
        assert stranger("GET")[1]["results"] == []
        assert list(WebhookEndpoint.objects.values()) == before
        assert WebhookDelivery.objects.count() == 1

    def test_a_stranger_can_not_make_one_of_anothers(self, world: World, stranger: Api) -> None:
        status, problem = stranger("POST", body={"url": URL, "client_id": str(world.client.pk)})
        assert (status, set(problem["errors"])) == (400, {"client_id"})
        assert not WebhookEndpoint.objects.exists()

    def test_an_agency_sees_its_clients_and_a_client_not_its_agencys(
        self, world: World, client: Api, stranger: Api
    ) -> None:
        agency, platform = Api(world.agency), Api(None)
        own = agency.make()
        of_client = agency.make(client_id=str(world.client.pk))
        everyones = platform.make()
        stranger.make()
        assert (own["client_id"], own["agency_id"]) == (None, str(world.agency.pk))
        assert (everyones["client_id"], everyones["agency_id"]) == (None, None)

        def seen(api: Api) -> list[str]:
            return [row["id"] for row in api("GET")[1]["results"]]

        assert seen(client) == [of_client["id"]]
        assert seen(agency) == [own["id"], of_client["id"]]
        assert len(seen(platform)) == 4
        assert client("GET", f"{own['id']}/")[0] == 404
        assert agency("GET", f"{everyones['id']}/")[0] == 404

    def test_is_held_by_the_database_too(self, world: World, client: Api, stranger: Api) -> None:
        client.make()
        foreign = stranger.make()
        with as_application(str(world.client.pk)) as database:
            rows = database.execute("SELECT client_id FROM alerts_webhookendpoint").fetchall()
            assert rows == [(world.client.pk,)]
            changed = database.execute(
                "UPDATE alerts_webhookendpoint SET url = 'x' WHERE id = %s", [foreign["id"]]
            )
            assert changed.rowcount == 0

    def test_needs_its_scope(self, world: World) -> None:
        status, problem = Api(world.client, "redeem", "events")("GET")
        assert (status, problem["code"], problem["scope"]) == (403, "GC-110", "webhooks")


class TestUsing:
    def test_from_a_redemption_to_the_receiver(
        self, world: World, client: Api, receiver: Receiver
    ) -> None:
        made = client.make(url=receiver.url, events=["redemption.issued"])
        world.stock(1)
        result = ask(world.invite()[0])
        assert send() == 1
        (post,) = receiver.posts
        assert post.is_signed_with(made["secret"])
        assert post.json["data"]["redemption_id"] == str(result.redemption_id)
        status, page = client("GET", f"{made['id']}/deliveries/?state=delivered")
        (row,) = page["results"]
        assert row["event_id"] == post.id
        assert row["body"] == post.json
        assert [line["status"] for line in row["tries"]] == [204]
        assert client("GET", f"{made['id']}/deliveries/?state=failed")[1]["results"] == []
        assert client("GET", f"{made['id']}/deliveries/?colour=red")[0] == 400

        replay = f"{made['id']}/deliveries/{row['id']}/replay/"
        status, again = client("POST", replay, {}, **{"Idempotency-Key": "again"})
        assert (status, again["state"]) == (202, "pending")
        assert send() == 1
        assert [one.id for one in receiver.posts] == [post.id, post.id]
        # A repeat of the request is no second replay.
        assert client("POST", replay, {}, **{"Idempotency-Key": "again"}) == (202, again)
        assert send() == 0

    def test_in_pages(self, client: Api) -> None:
        made = client.make()
        for _ in range(5):
            assert client("POST", f"{made['id']}/test/", {})[0] == 202
        seen: list[str] = []
        path = f"{made['id']}/deliveries/?page_size=2"
        while path:
            status, page = client("GET", path)
            assert status == 200
            seen += [row["id"] for row in page["results"]]
            path = (page["next"] or "").partition(BASE)[2]
        assert len(seen) == len(set(seen)) == 5

    def test_pauses_and_resumes(self, client: Api, receiver: Receiver) -> None:
        made = client.make(url=receiver.url)
        one = f"{made['id']}/"
        client("POST", f"{one}test/", {})
        assert client("PATCH", one, {"state": "paused"})[1]["state"] == "paused"
        assert send() == 0
        status, problem = client("POST", f"{one}test/", {})
        assert (status, problem["code"]) == (409, "GC-115")
        assert client("PATCH", one, {"state": "active"})[1]["reason"] is None
        assert send() == 1

    def test_rotates(self, client: Api, receiver: Receiver) -> None:
        made = client.make(url=receiver.url)
        one = f"{made['id']}/"
        status, rotated = client("POST", f"{one}rotate-secret/", {"overlap_hours": 2})
        assert status == 200
        assert rotated["secret"] != made["secret"]
        assert rotated["previous_secret_valid_until"] is not None
        status, problem = client("POST", f"{one}rotate-secret/", {"overlap_hours": 2})
        assert (status, problem["code"]) == (409, "GC-115")
        client("POST", f"{one}test/", {})
        send()
        assert receiver.posts[0].is_signed_with(made["secret"])
        assert receiver.posts[0].is_signed_with(rotated["secret"])
        # It may have been stolen: all that were before end at once.
        status, last = client("POST", f"{one}rotate-secret/", {"overlap_hours": 0})
        assert (status, last["previous_secret_valid_until"]) == (200, None)
        client("POST", f"{one}test/", {})
        send()
        assert not receiver.posts[1].is_signed_with(rotated["secret"])
        assert receiver.posts[1].is_signed_with(last["secret"])

    def test_removes(self, client: Api, receiver: Receiver) -> None:
        made = client.make(url=receiver.url)
        client("POST", f"{made['id']}/test/", {})
        assert client("DELETE", f"{made['id']}/") == (204, None)
        assert client("GET", f"{made['id']}/")[0] == 404
        assert client("DELETE", f"{made['id']}/")[0] == 404
        assert send() == 0
        assert not WebhookDelivery.objects.exists()

    def test_knows_no_other_delivery(self, client: Api) -> None:
        made, other = client.make(), client.make()
        client("POST", f"{other['id']}/test/", {})
        delivery = WebhookDelivery.objects.get()
        for key in (delivery.pk, uuid4()):
            assert client("POST", f"{made['id']}/deliveries/{key}/replay/", {})[0] == 404
