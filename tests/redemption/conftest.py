"""What the pages' tests have in common."""

import pytest

from credit.models import Account
from tests.redemption.visiting import put
from tests.world import World


@pytest.fixture
def agency_account(world: World) -> Account:
    """The agency's account, with $2,500.00 to hand down."""
    account = Account.objects.get(level="agency", agency=world.agency)
    put(account, 250_000)
    return account
