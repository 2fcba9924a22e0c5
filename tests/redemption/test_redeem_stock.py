"""Which card a redemption gets and which budget pays for it."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError

from alerts.codes import ErrorCode
from alerts.transactions import transaction
from credit.models import Account, Entry
from credit.services.accounts import open_campaign_account
from credit.services.ledger import allocate
from giftcards.models import GiftCard, Pool
from redemption.models import Condition, Redemption
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, refused, snapshot
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = NOW.date()
CSV_ONLY = Pool.PurchaseMethod.CSV_ONLY
WITH_FALLBACK = Pool.PurchaseMethod.CSV_WITH_FALLBACK
API_ONLY = Pool.PurchaseMethod.API_ONLY


@pytest.fixture
def world() -> World:
    return build_world()


def add_pool(world: World, *, kind: str, stock: int = 1, **fields: Any) -> Pool:
    pool = Pool.objects.create(
        name=f"{kind} {uuid4()}",
        brand=world.brand,
        denomination=world.denomination,
        kind=kind,
        client=world.client if kind == "client" else None,
        **fields,
    )
    world.stock(stock, pool=pool)
    return pool


def name_no_pool(world: World) -> None:
    Condition.objects.filter(pk=world.condition.pk).update(pool=None)


def pool_served_from(world: World) -> Pool | None:
    """Redeem one more code; return the pool of its card, None when it waits."""
    result = ask(world.invite()[0])
    return None if result.card is None else GiftCard.objects.get(pk=result.card.card_id).pool


class TestNamedPool:
    def test_is_the_only_one_asked(self, world: World) -> None:
        add_pool(world, kind="client")
        add_pool(world, kind="master")
        assert pool_served_from(world) is None
        world.stock(1)
        assert pool_served_from(world) == world.pool

    def test_may_be_reserved(self, world: World) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(reserved=True)
        world.stock(1)
        assert pool_served_from(world) == world.pool

    def test_may_be_the_platforms(self, world: World) -> None:
        master = add_pool(world, kind="master")
        Condition.objects.filter(pk=world.condition.pk).update(pool=master)
        assert pool_served_from(world) == master

    def test_that_is_out_of_use_serves_nobody(self, world: World) -> None:
        world.stock(1)
        Pool.objects.filter(pk=world.pool.pk).update(archived_at=NOW)
        assert pool_served_from(world) is None

    def test_that_buys_gives_out_what_came_back_to_it(self, world: World) -> None:
        world.stock(1)
        Pool.objects.filter(pk=world.pool.pk).update(purchase_method=API_ONLY)
        assert pool_served_from(world) == world.pool

    def test_of_another_client_serves_nobody(self, world: World) -> None:
        other = build_world(name="Birch")
        Pool.objects.filter(pk=world.pool.pk).update(client=other.client)
        world.stock(1)
        assert pool_served_from(world) is None

    def test_of_another_value_serves_nobody(self, world: World) -> None:
        world.stock(1)
        ten = world.brand.denominations.create(value_minor=1000, currency="USD")
        Condition.objects.filter(pk=world.condition.pk).update(card_value_minor=1000)
        assert pool_served_from(world) is None
        Pool.objects.filter(pk=world.pool.pk).update(denomination=ten)
        # Now the pool says 10.00, but the card in it is worth 25.00: nobody may have it.
        before = snapshot()
        with pytest.raises(DatabaseError, match="not what its pool promises"):
            pool_served_from(world)
        assert snapshot() == before
        # What was done by hand above, and nothing else.
        assert list(broken_invariants()) == ["cards-fit-their-pool"]


class TestWaterfall:
    def test_goes_from_the_client_to_the_platform_to_what_was_bought_ahead(
        self, world: World
    ) -> None:
        name_no_pool(world)
        buffer = add_pool(world, kind="buffer")
        master = add_pool(world, kind="master", purchase_method=WITH_FALLBACK)
        world.stock(1)
        served = [pool_served_from(world) for _ in range(4)]
        # The route is not set up, so whoever is left waits.
        assert served == [world.pool, master, buffer, None]
        sources = Redemption.objects.order_by("pk").values_list("source", flat=True)
        assert set(sources) == {"csv", ""}

    def test_keeps_what_was_bought_ahead_from_pools_of_uploaded_cards(self, world: World) -> None:
        add_pool(world, kind="buffer")
        assert pool_served_from(world) is None
        name_no_pool(world)
        assert pool_served_from(world) is None
        add_pool(world, kind="master", stock=0)
        assert pool_served_from(world) is None
        assert GiftCard.objects.get().status == "available"

    def test_gives_what_was_bought_ahead_to_a_named_pool_that_buys(self, world: World) -> None:
        buffer = add_pool(world, kind="buffer")
        Pool.objects.filter(pk=world.pool.pk).update(purchase_method=WITH_FALLBACK)
        world.stock(1)
        assert [pool_served_from(world) for _ in range(2)] == [world.pool, buffer]

    def test_gives_what_was_bought_ahead_where_there_is_no_other_pool(self, world: World) -> None:
        name_no_pool(world)
        Pool.objects.filter(pk=world.pool.pk).update(archived_at=NOW)
        buffer = add_pool(world, kind="buffer")
        assert pool_served_from(world) == buffer

    def test_asks_the_older_of_two_pools_first(self, world: World) -> None:
        name_no_pool(world)
        Pool.objects.filter(pk=world.pool.pk).update(created_at=NOW - timedelta(days=9))
        newer = add_pool(world, kind="client")
        world.stock(1)
        assert [pool_served_from(world) for _ in range(2)] == [world.pool, newer]

    @pytest.mark.parametrize(
        "fields",
        [{"reserved": True}, {"archived_at": NOW}],
    )
    def test_passes_by_a_pool_that_is_not_for_everybody(
        self, world: World, fields: dict[str, Any]
    ) -> None:
        name_no_pool(world)
        add_pool(world, kind="client", **fields)
        add_pool(world, kind="master", **fields)
        assert pool_served_from(world) is None

    def test_passes_by_other_clients_and_other_values(self, world: World) -> None:
        name_no_pool(world)
        stranger = build_world(name="Birch")
        strangers = add_pool(world, kind="client")
        Pool.objects.filter(pk=strangers.pk).update(client=stranger.client)
        fifty = add_pool(world, kind="master", stock=0)
        Pool.objects.filter(pk=fifty.pk).update(
            denomination=world.brand.denominations.create(value_minor=5000, currency="USD")
        )
        fifty.refresh_from_db()
        world.stock(1, pool=fifty)
        assert pool_served_from(world) is None
        assert GiftCard.objects.filter(status="available").count() == 2


class TestExpiry:
    def test_keeps_an_expired_card_from_everybody(self, world: World) -> None:
        world.stock(1, expires_on=TODAY - timedelta(days=1))
        world.stock(1, expires_on=date(TODAY.year - 1, 12, 31))
        assert pool_served_from(world) is None
        assert GiftCard.objects.filter(status="available").count() == 2

    def test_counts_the_last_day(self, world: World) -> None:
        world.stock(1, expires_on=TODAY)
        assert pool_served_from(world) == world.pool

    def test_hands_out_the_earliest_month_first(self, world: World) -> None:
        days = [
            None,
            date(TODAY.year + 1, 1, 31),
            date(TODAY.year, 12, 1),
            TODAY + timedelta(days=5),
            TODAY - timedelta(days=1),  # expired, in the same month
        ]
        for day in days:
            world.stock(1, expires_on=day)
        served = [ask(code).card for code in world.invite(5)]
        assert [card.expires_on if card else "waits" for card in served] == [
            TODAY + timedelta(days=5),
            date(TODAY.year, 12, 1),
            date(TODAY.year + 1, 1, 31),
            None,
            "waits",
        ]

    def test_of_the_card_is_told_in_its_text(self, world: World) -> None:
        world.stock(1, expires_on=date(2027, 5, 31))
        result = ask(world.invite()[0])
        assert result.card is not None
        assert result.card.expires_on == date(2027, 5, 31)


class TestBudget:
    @staticmethod
    def give_own_account(world: World, amount_minor: int, *, currency: str = "USD") -> Account:
        """Open an account of the campaign's own, from which it is no longer paid alone."""
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
            if amount_minor:
                allocate(
                    from_account=world.account,
                    to_account=own,
                    amount_minor=amount_minor,
                    actor="system",
                    key=str(uuid4()),
                    now=NOW,
                )
        world.campaign.own_account = own
        world.campaign.save()
        return own

    @staticmethod
    def balances(*accounts: Account) -> list[int | None]:
        return [Account.objects.get(pk=account.pk).balance_minor for account in accounts]

    def test_of_its_own_is_spent_first(self, world: World) -> None:
        world.stock(2)
        own = self.give_own_account(world, 3000)
        first, second = (ask(code) for code in world.invite(2))
        assert first.balance_minor == 500
        # What is left there does not cover a whole charge, so it stays where it is.
        assert second.balance_minor == 100_000 - 3000 - 2500
        assert self.balances(own, world.account) == [500, 94_500]
        assert Entry.objects.filter(transaction__kind="redemption").count() == 4
        assert broken_invariants() == {}

    def test_is_never_put_together_from_two_accounts(self) -> None:
        world = build_world(credit_minor=4000)
        world.stock(1)
        own = self.give_own_account(world, 2000)
        (code,) = world.invite()
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(code)
        assert self.balances(own, world.account) == [2000, 2000]

    def test_of_its_own_is_passed_by_while_paused(self, world: World) -> None:
        world.stock(1)
        own = self.give_own_account(world, 2500)
        Account.objects.filter(pk=own.pk).update(status="paused")
        ask(world.invite()[0])
        assert self.balances(own, world.account) == [2500, 95_000]

    def test_that_is_isolated_pays_alone(self, world: World) -> None:
        world.stock(2)
        own = self.give_own_account(world, 2500)
        world.campaign.account = own
        world.campaign.budget_mode = "isolated"
        world.campaign.save()
        first, second = world.invite(2)
        assert ask(first).balance_minor == 0
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(second)
        assert self.balances(own, world.account) == [0, 97_500]
