from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from loyalty.emulator import Emulator
from tests.loyalty.shop import Shop, open_shop
from tests.world import World, build_world

API_KEY = "sk_test_of_the_emulator"


@pytest.fixture
def world(db: None) -> World:
    return build_world()


@pytest.fixture
def shop(world: World) -> Shop:
    return open_shop(world)


@pytest.fixture(scope="session")
def running_stripe() -> Iterator[Emulator]:
    with Emulator(api_key=API_KEY) as emulator:
        yield emulator


@pytest.fixture
def stripe(running_stripe: Emulator, settings: Settings) -> Iterator[Emulator]:
    """Stripe's stand-in without payments or faults, which the settings name."""
    running_stripe.reset()
    settings.STRIPE_API_KEY = API_KEY
    settings.STRIPE_API_BASE_URL = running_stripe.base_url
    settings.STRIPE_TIMEOUT = 0.5
    yield running_stripe
    running_stripe.reset()
