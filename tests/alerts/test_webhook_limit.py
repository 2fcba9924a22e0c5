"""The twenty endpoints of an owner, held by the database however many are made at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from alerts.errors import ValidationFailedError
from alerts.models import WebhookEndpoint
from alerts.sqlfiles import read
from tests.alerts.hooking import now_and, subscribe
from tests.database import owner_url
from tests.guards.raw import as_application
from tests.races import run_at_once
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

URL = "http://127.0.0.1:9/hook"
_ADD = """
    INSERT INTO alerts_webhookendpoint (id, client_id, url, events, secret_encrypted, state)
    VALUES (gen_random_uuid(), %s, 'https://hooks.acorn.example/', '{pool.low}', 'sealed', 'active')
"""


@pytest.fixture
def world() -> World:
    return build_world()


def fill(client_id: UUID | None, count: int) -> None:
    WebhookEndpoint.objects.bulk_create(
        WebhookEndpoint(
            client_id=client_id, url=URL, events=[], secret_encrypted="x", created_at=now_and()
        )
        for _ in range(count)
    )


def count_of(client_id: UUID | None) -> int:
    return WebhookEndpoint.objects.filter(client_id=client_id, agency_id=None).count()


@contextlib.contextmanager
def waiting_for_nobody() -> Iterator[None]:
    """Take the lock out of the guard: it only counts."""
    text = read("alerts", "webhook_guards")
    before, _, after = text.partition("    PERFORM pg_advisory_xact_lock(")
    unlocked = before + after.split(";\n", 1)[1]
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute(unlocked)
        try:
            yield
        finally:
            owner.execute(text)


@contextlib.contextmanager
def impatient() -> Iterator[psycopg.Connection[Any]]:
    """Connect as the application, and wait for nobody's lock for long."""
    with as_application() as connection:
        connection.execute("SET lock_timeout = '200ms'")
        yield connection


class TestCreateEndpoint:
    @pytest.mark.parametrize("is_platforms", [False, True])
    def test_leaves_room_for_one_of_eight_at_once(self, world: World, is_platforms: bool) -> None:
        client = None if is_platforms else world.client
        client_id = client.pk if client else None
        fill(client_id, 19)
        made = run_at_once(8, lambda: subscribe(client, URL))
        refused = [one for one in made if isinstance(one, ValidationFailedError)]
        assert len(refused) == 7, made
        assert refused[0].errors == {"url": ["There are 20 endpoints already."]}
        assert count_of(client_id) == 20

    def test_counts_each_owner_by_itself(self, world: World) -> None:
        fill(None, 20)
        fill(world.client.pk, 19)
        subscribe(world.client, URL)
        assert (count_of(None), count_of(world.client.pk)) == (20, 20)


class TestGuard:
    def test_has_the_second_wait_for_the_first(self, world: World) -> None:
        fill(world.client.pk, 19)
        with as_application() as first, impatient() as second:
            first.execute(_ADD, [world.client.pk])
            with pytest.raises(psycopg.errors.LockNotAvailable):
                second.execute(_ADD, [world.client.pk])
            first.commit()
            second.rollback()
            with pytest.raises(psycopg.errors.CheckViolation, match="at most 20"):
                second.execute(_ADD, [world.client.pk])
        assert count_of(world.client.pk) == 20

    def test_has_another_owner_wait_for_nobody(self, world: World) -> None:
        with as_application() as first, impatient() as second:
            first.execute(_ADD, [world.client.pk])
            second.execute(_ADD, [None])
            second.commit()
        assert (count_of(None), count_of(world.client.pk)) == (1, 0)

    def test_would_be_passed_by_two_without_its_lock(self, world: World) -> None:
        fill(world.client.pk, 19)
        with waiting_for_nobody(), as_application() as first, impatient() as second:
            first.execute(_ADD, [world.client.pk])
            second.execute(_ADD, [world.client.pk])
            first.commit()
            second.commit()
        assert count_of(world.client.pk) == 21
