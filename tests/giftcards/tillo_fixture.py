"""Tillo for the tests: the shipped emulator, our client, and a vendor that says anything."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from giftcards.emulator import Emulator
from giftcards.providers import CardOrder
from giftcards.providers.tillo import Tillo
from giftcards.providers.tillo_transport import TilloTransport
from tests.giftcards.vendor_stub import VendorStub

API_KEY = "tillo-test-key"
SECRET_KEY = "tillo-test-secret"
SECTOR = "marketplace"
_numbers = itertools.count(1)


def connect(base_url: str, *, timeout_seconds: float = 0.5, **options: Any) -> Tillo:
    """Return a client that gives up after half a second."""
    transport = TilloTransport(
        base_url=base_url,
        timeout_seconds=timeout_seconds,
        **{"api_key": API_KEY, "secret_key": SECRET_KEY, **options},
    )
    return Tillo(transport, sector=SECTOR)


def new_order(brand: str = "amazon-us", amount_minor: int = 2500, **more: Any) -> CardOrder:
    """Return an order with an id of its own."""
    request_id = more.pop("request_id", f"order-{next(_numbers):04}")
    return CardOrder(
        request_id=request_id,
        brand=brand,
        amount_minor=amount_minor,
        currency=more.pop("currency", "USD"),
        **more,
    )


@pytest.fixture(scope="session")
def running_tillo() -> Iterator[Emulator]:
    with Emulator(
        api_key=API_KEY, secret_key=SECRET_KEY, sectors=(SECTOR,), step_delay_seconds=10.0
    ) as emulator:
        yield emulator


@pytest.fixture
def tillo_emulator(running_tillo: Emulator) -> Iterator[Emulator]:
    """The emulator without sales or faults; an order takes a step every ten seconds."""
    running_tillo.reset()
    yield running_tillo
    running_tillo.reset()


@pytest.fixture
def tillo(tillo_emulator: Emulator) -> Tillo:
    return connect(tillo_emulator.base_url)


@pytest.fixture
def tillo_settings(tillo_emulator: Emulator, settings: Settings) -> Settings:
    """Our settings, pointing at the emulator."""
    settings.TILLO_BASE_URL = tillo_emulator.base_url
    settings.TILLO_API_KEY = API_KEY
    settings.TILLO_SECRET_KEY = SECRET_KEY
    settings.TILLO_SECTOR = SECTOR
    settings.TILLO_PROXY_URL = ""
    settings.PROVIDER_TIMEOUT = 0.5
    return settings


@pytest.fixture
def vendor() -> Iterator[VendorStub]:
    """A server that answers whatever the test puts into it."""
    with VendorStub() as stub:
        yield stub
