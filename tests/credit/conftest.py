"""What several tests of allocations stand on: a tree of accounts, and an ear for their events."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.credit.tree import Tree, build_tree, heard
from tests.invariants import broken_invariants


@pytest.fixture
def ears(settings: Any) -> Iterator[None]:
    """Note in ``heard`` which accounts changed, and ask afterwards that all adds up."""
    heard.clear()
    settings.CREDIT_EVENTS = {"account_changed": "tests.credit.tree.listen"}
    yield
    assert broken_invariants() == {}


@pytest.fixture
def tree() -> Tree:
    return build_tree()
