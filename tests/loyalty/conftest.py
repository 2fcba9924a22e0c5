from __future__ import annotations

import pytest

from tests.loyalty.shop import Shop, open_shop
from tests.world import World, build_world


@pytest.fixture
def world(db: None) -> World:
    return build_world()


@pytest.fixture
def shop(world: World) -> Shop:
    return open_shop(world)
