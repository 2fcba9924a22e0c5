"""Campaigns whose cards are bought from the shipped emulator, by the real workers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from giftcards.models import Pool, ProviderOrder
from giftcards.services.orders import place_due_orders
from redemption.models import ProvisioningTrace
from tests.world import NOW, World, build_world

CSV_ONLY = Pool.PurchaseMethod.CSV_ONLY
WITH_FALLBACK = Pool.PurchaseMethod.CSV_WITH_FALLBACK
API_ONLY = Pool.PurchaseMethod.API_ONLY


def buy_from(world: World, *, slug: str = "amazon-us", method: str = API_ONLY) -> World:
    """Let the world's pool buy its cards from Tillo."""
    world.brand.provider_slug = slug
    world.brand.save(update_fields=["provider_slug"])
    world.pool.purchase_method = method
    world.pool.api_provider = "tillo"
    world.pool.save(update_fields=["purchase_method", "api_provider"])
    return world


def build_buying_world(*, slug: str = "amazon-us", method: str = API_ONLY, **more: Any) -> World:
    """Build a world whose pool buys its cards from Tillo."""
    return buy_from(build_world(**more), slug=slug, method=method)


def add_buffer(world: World, *, stock: int) -> Pool:
    """Add a pool of cards that were bought ahead for 24.10 each."""
    pool = Pool.objects.create(
        name="Bought ahead",
        brand=world.brand,
        denomination=world.denomination,
        kind=Pool.Kind.BUFFER,
        purchase_method=API_ONLY,
        api_provider="tillo",
    )
    for card in world.stock(stock, pool=pool):
        card.source = "buffer"
        card.cost_minor = 2410
        card.save(update_fields=["source", "cost_minor"])
    return pool


def steps(redemption_id: UUID) -> list[tuple[str, str, str]]:
    """Return the trace of a redemption: step, status, code."""
    rows = ProvisioningTrace.objects.filter(redemption_id=redemption_id).order_by("pk")
    assert all(row.milliseconds >= 0 for row in rows)
    return list(rows.values_list("step", "status", "error_code"))


def orders() -> list[ProviderOrder]:
    """Return all orders, oldest first."""
    return list(ProviderOrder.objects.order_by("created_at", "pk"))


def work(*, now: datetime = NOW) -> int:
    """Do what the workers do with the orders that are due."""
    return place_due_orders(now=now)


@contextlib.contextmanager
def working() -> Iterator[None]:
    """Let a worker of its own send the orders, by the clock, while the block runs."""
    over = threading.Event()
    failures: list[Exception] = []

    def run() -> None:
        try:
            while not over.wait(0.02):
                place_due_orders(now=datetime.now(UTC))
        except Exception as error:  # noqa: BLE001  raised again below, in the test's own thread
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run, name="order-worker")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=20)
    assert failures == []


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker that sends orders while the test runs."""
    with working():
        yield
