"""Each invariant fires for what breaks it, names just that, and none fires for anything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg
import pytest
from pytest_django import Settings

from alerts.selectors.invariants import Broken, Reader, find_broken, list_invariants
from giftcards.emulator import Emulator as Tillo
from giftcards.models import GiftCard, ProviderOrder
from redemption.models import Recipient
from sms.emulator import Emulator as Twilio
from tests.database import housekeeping, is_superuser
from tests.loyalty.corrupting import POINTS
from tests.verify.corrupt_money import MONEY
from tests.verify.corrupt_rest import COUNTERS, MESSAGES, SECRETS, TENANTS
from tests.verify.corrupt_rewards import CARDS, REWARDS
from tests.verify.rich_world import STOPPED, RichWorld, build_rich_world

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not is_superuser(), reason="only a superuser gets past the triggers"),
]

CORRUPTIONS: Final = {**MONEY, **CARDS, **REWARDS, **MESSAGES, **TENANTS, **COUNTERS, **SECRETS}


@pytest.fixture
def rich(
    tillo_settings: Settings,
    twilio_settings: Settings,
    tillo_emulator: Tillo,
    twilio_emulator: Twilio,
) -> RichWorld:
    return build_rich_world(tillo_emulator, twilio_emulator)


def names_in(rich: RichWorld) -> dict[str, object]:
    """Return what a corruption is filled in with."""
    free = GiftCard.objects.filter(
        status="available", sale=None, batch=None, pool__kind="master", events=None
    )
    sold = GiftCard.objects.filter(sale__isnull=False, status="available").order_by("pk")
    uninvited = Recipient.objects.filter(batch__isnull=False).order_by("line")
    ids = free.order_by("pk").values_list("pk", flat=True)
    return {
        **rich.rewards,
        **{f"c_{name}": card for name, card in rich.cards.items()},
        "free": ids[0],
        "free2": ids[1],
        "account": rich.world.account.pk,
        "split": rich.other.account.pk,
        "pool": rich.world.pool.pk,
        "condition": rich.world.condition.pk,
        "other_pool": rich.other.pool.pk,
        "other_client": rich.other.client.pk,
        "other_condition": rich.other.condition.pk,
        "sale": sold[0].sale_id,
        "order": ProviderOrder.objects.get(state="requested").pk,
        "uninvited": uninvited[0].pk,
        "stopped_phone": STOPPED,
    }


def reading(connection: psycopg.Connection[Any]) -> Reader:
    def read(query: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return list(connection.execute(query.encode(), parameters).fetchall())

    return read


def broken_in(connection: psycopg.Connection[Any], rich: RichWorld) -> dict[str, set[str]]:
    """Return the ids that break each invariant, where anything does."""
    found: dict[str, Broken] = {
        name: find_broken(invariant, now=rich.now, whole=True, read=reading(connection))
        for name, invariant in list_invariants().items()
    }
    assert all(one.count == len(one.ids) for one in found.values())
    return {name: set(one.ids) for name, one in found.items() if one.count}


class TestInvariants:
    def test_hold_in_a_world_made_by_use(self, rich: RichWorld) -> None:
        with housekeeping() as connection:
            assert broken_in(connection, rich) == {}

    def test_are_all_broken_here(self) -> None:
        assert {*CORRUPTIONS, *POINTS} == set(list_invariants())

    @pytest.mark.parametrize("name", CORRUPTIONS)
    def test_fire_alone_and_name_what_is_broken(self, name: str, rich: RichWorld) -> None:
        corruption, names = CORRUPTIONS[name], names_in(rich)
        with housekeeping() as connection, connection.transaction(force_rollback=True):
            connection.execute(corruption.sql.format_map(names).encode())
            rows = connection.execute(corruption.ids.format_map(names).encode()).fetchall()
            ids = {str(one) for (one,) in rows}
            assert ids
            assert None not in {one for (one,) in rows}
            assert broken_in(connection, rich) == {name: ids}
