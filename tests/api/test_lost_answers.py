"""What a caller finds who never got an answer: kill -9 of the worker after its commit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from alerts.models import WebhookEndpoint
from config.bench.web import Web
from redemption.services.serving import serve_waiting
from tests.api.repeating import KINDS
from tests.api.serving import Caller, assert_problem, count_rows, make_secret, serving
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def dying_web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    # Its workers die by the dozen: the next one is forked, and need not import everything anew.
    folder = tmp_path_factory.mktemp("dying")
    with serving(folder, "tests.api.dying", GUNICORN_CMD_ARGS="--preload") as running:
        yield running


@pytest.fixture
def caller(dying_web: Web) -> Iterator[Caller]:
    with Caller(dying_web, make_secret(None)) as platform:
        yield platform


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=1_000_000)


def what_is_there() -> tuple[dict[str, int], list[tuple[Any, ...]]]:
    """Return how many rows there are, and the secrets, of which one may take another's place."""
    secrets = WebhookEndpoint.objects.order_by("pk").values_list("pk", "secret_encrypted")
    return count_rows(), list(secrets)


class TestLostAnswer:
    @pytest.mark.parametrize("kind", KINDS)
    def test_is_printed_anew_as_the_first(self, world: World, caller: Caller, kind: str) -> None:
        path, body = KINDS[kind](world, caller)
        before = what_is_there()
        with pytest.raises(httpx.TransportError):
            caller.send(
                "POST",
                f"/api/v1{path}",
                body=body,
                **{"Idempotency-Key": "one", "X-Die": "before-the-answer"},
            )
        done = what_is_there()
        # The control: it is not that nothing had happened.
        assert done != before
        again = [ask_until_answered(caller, path, body) for _ in range(2)]
        assert again[0].is_success, again[0].text
        assert [answer.headers.get("Idempotency-Replayed") for answer in again] == ["true"] * 2
        assert again[0].json() == again[1].json()
        assert again[0].status_code == again[1].status_code
        assert what_is_there() == done
        assert broken_invariants() == {}

    @pytest.mark.parametrize("kind", ["redemption", "resend"])
    def test_of_a_refusal_is_given_anew(self, world: World, caller: Caller, kind: str) -> None:
        path, body = KINDS[kind](world, caller)
        before = count_rows()
        with pytest.raises(httpx.TransportError):
            caller.send(
                "POST",
                f"/api/v1{path}",
                body={**body, "colour": "red"},
                **{"Idempotency-Key": "one", "X-Die": "before-the-answer"},
            )
        again = ask_until_answered(caller, path, {**body, "colour": "red"})
        assert_problem(again, 400, "GC-012")
        assert again.headers["Idempotency-Replayed"] == "true"
        assert count_rows() == before


class TestStateOfTheFirstAnswer:
    def test_is_told_also_when_the_card_has_come_since(self, world: World, caller: Caller) -> None:
        path, body = KINDS["waiting"](world, caller)
        first = caller.post(path, body, key="one")
        assert (first.status_code, first.json()["state"]) == (202, "waiting_stock")
        serve(world)
        now = caller.send("GET", f"/api/v1{path}{first.json()['id']}/").json()
        assert now["state"] in ("issued", "delivered")
        again = caller.post(path, body, key="one")
        assert again.status_code == 202
        assert again.json() == first.json()

    def test_shows_the_code_that_the_first_showed(self, world: World, caller: Caller) -> None:
        path, body = KINDS["redemption"](world, caller)
        first = caller.post(path, body, key="one").json()
        again = caller.post(path, body, key="one").json()
        assert first["card"]["code"].startswith("GIFT-")
        assert again == first

    def test_rests_nowhere_with_its_code(self, world: World, caller: Caller) -> None:
        path, body = KINDS["redemption"](world, caller)
        card = caller.post(path, body, key="one").json()["card"]
        with psycopg.connect(owner_url()) as connection:
            kept = str(connection.execute("SELECT * FROM credit_idempotencyrecord").fetchall())
        assert "issued" in kept
        assert card["code"] not in kept
        assert body["code"] not in kept


class TestStillRunning:
    def test_is_told_after_two_seconds(self, world: World, caller: Caller) -> None:
        path, body = KINDS["redemption"](world, caller)
        with psycopg.connect(owner_url()) as holder:
            holder.execute(
                "SELECT 1 FROM credit_account WHERE id = %s FOR UPDATE", [world.account.pk]
            )
            answer = caller.post(path, body, key="one")
            assert_problem(answer, 409, "GC-108")
            assert answer.headers["Retry-After"] == "2"
            assert 1.5 < answer.elapsed.total_seconds() < 8
            assert "Idempotency-Replayed" not in answer.headers
        # It isn't kept: the same key goes on.
        assert caller.post(path, body, key="one").status_code == 201


def ask_until_answered(caller: Caller, path: str, body: object) -> httpx.Response:
    """Ask with the same key until somebody answers: the killed worker has to be replaced."""
    for _ in range(20):
        try:
            return caller.post(path, body, key="one")
        except httpx.TransportError:
            continue
    raise AssertionError("nobody answers")


def serve(world: World) -> None:

    world.stock(1)
    assert serve_waiting(now=datetime.now(UTC), limit=10).served == 1
