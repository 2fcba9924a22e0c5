"""Cards of the platform's stock that a client buys: exactly so many, paid once, or none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from uuid import uuid4

import pytest

from alerts.codes import ErrorCode
from alerts.errors import ServiceError, ValidationFailedError
from alerts.statements import call_function
from alerts.transactions import transaction
from credit.models import Account, AuditEvent, Entry, Transaction
from credit.selectors.viewers import SYSTEM, Grant, Role, Viewer, viewing
from credit.services.idempotency import KeyReusedError, claim_key, find_record
from credit.services.ledger import InsufficientCreditError, adjust_balance
from credit.services.transfers import AccountNotActiveError
from giftcards.models import CardEvent, CardSale, GiftCard, Pool
from giftcards.services.sales import (
    SaleInUseError,
    SaleNotFoundError,
    TooFewCardsError,
    reverse_sale,
    sell_cards,
)
from redemption.models import Redemption
from redemption.selectors.figures import sum_profit
from tests.giftcards.selling import count_available, master_pool, sell
from tests.invariants import broken_invariants
from tests.redemption.asking import ask
from tests.staff import make_platform_admin, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def nothing_sold(world: World, pool: Pool, cards: int) -> None:
    """Assert that neither a card nor money moved."""
    assert count_available(pool) == cards
    assert not CardSale.objects.exists()
    assert not GiftCard.objects.filter(sale__isnull=False).exists()
    assert not Transaction.objects.filter(kind="card_sale").exists()
    assert not AuditEvent.objects.filter(action="cards.sold").exists()
    assert world.balance() == 100_000


class TestSellCards:
    def test_moves_exactly_so_many_and_takes_their_price(self, world: World) -> None:
        pool = master_pool(world, 5)
        sale = sell(world, pool, 3, key="k")
        assert (sale.quantity, sale.price_per_card_minor, sale.total_minor) == (3, 2400, 7200)
        assert (sale.currency, sale.is_replay, sale.pool_id) == ("USD", False, world.pool.pk)
        sold = GiftCard.objects.filter(sale_id=sale.sale_id)
        assert set(sold.values_list("pool_id", "client_id", "status", "cost_minor")) == {
            (world.pool.pk, world.client.pk, "available", 2300)
        }
        assert (sold.count(), count_available(pool)) == (3, 2)
        assert world.balance() == 92_800
        entries = Entry.objects.filter(transaction_id=sale.transaction_id).order_by("amount_minor")
        assert [(e.account.level, e.account.purpose, e.amount_minor) for e in entries] == [
            ("client", "credit", -7200),
            ("platform", "consumed", 7200),
        ]
        assert entries[0].transaction.kind == "card_sale"
        event = AuditEvent.objects.get(action="cards.sold")
        assert (event.client_id, event.details["after"]["total"]) == (world.client.pk, "72.00")

    def test_writes_into_each_cards_history_by_which_sale_it_went(self, world: World) -> None:
        sale = sell(world, master_pool(world, 1), 1)
        event = CardEvent.objects.get()
        assert (event.from_status, event.to_status) == ("available", "available")
        assert (event.actor, event.reason) == ("system", f"sold: sale {sale.sale_id}")

    def test_makes_the_clients_pool_when_it_has_none_to_draw_from(self, world: World) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(reserved=True)
        pool = master_pool(world, 2)
        first, second = sell(world, pool, 1), sell(world, pool, 1)
        assert first.pool_id == second.pool_id != world.pool.pk
        made = Pool.objects.get(pk=first.pool_id)
        assert (made.kind, made.client, made.denomination) == (
            "client",
            world.client,
            world.denomination,
        )
        assert made.name == "Acorn Ltd: Acorn Shop $25.00"

    def test_gives_a_repeat_the_first_sale(self, world: World) -> None:
        pool = master_pool(world, 5)
        first, again = sell(world, pool, 3, key="k"), sell(world, pool, 3, key="k")
        assert (again.sale_id, again.is_replay) == (first.sale_id, True)
        assert (count_available(pool), world.balance()) == (2, 92_800)
        with pytest.raises(KeyReusedError):
            sell(world, pool, 2, key="k")
        assert CardSale.objects.count() == AuditEvent.objects.filter(action="cards.sold").count()

    def test_keeps_what_a_partners_key_stands_for(self, world: World) -> None:
        claim = claim_key(owner="platform", key="k", method="POST", path="/sell", body={})
        sale = sell(world, master_pool(world, 1), 1, key="k", claim=claim)
        record = find_record(claim=claim)
        assert record is not None
        assert (record.object_id, record.status) == (sale.sale_id, 201)

    def test_says_how_many_there_are_when_they_are_too_few(self, world: World) -> None:
        pool = master_pool(world, 3)
        with pytest.raises(TooFewCardsError) as refusal:
            sell(world, pool, 4)
        assert (refusal.value.available, refusal.value.quantity) == (3, 4)
        assert refusal.value.errors == {
            "quantity": ["3 cards are available, and 4 were asked for."]
        }
        nothing_sold(world, pool, 3)

    def test_needs_credit_for_all_of_them(self, world: World) -> None:
        pool = master_pool(world, 2)
        with pytest.raises(InsufficientCreditError) as refusal:
            sell(world, pool, 2, price_per_card_minor=50_001)
        assert refusal.value.code is ErrorCode.INSUFFICIENT_CREDIT
        assert refusal.value.amount_minor == 100_002
        nothing_sold(world, pool, 2)
        sell(world, pool, 2, price_per_card_minor=50_000)
        assert world.balance() == 0

    def test_leaves_no_pool_behind_when_the_client_can_not_pay(self, world: World) -> None:
        Pool.objects.filter(pk=world.pool.pk).update(archived_at=NOW)
        pool = master_pool(world, 1)
        with pytest.raises(InsufficientCreditError):
            sell(world, pool, 1, price_per_card_minor=100_001)
        assert Pool.objects.count() == 2

    def test_takes_nothing_from_a_paused_account(self, world: World) -> None:
        pool = master_pool(world, 1)
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        with pytest.raises(AccountNotActiveError):
            sell(world, pool, 1)
        nothing_sold(world, pool, 1)

    def test_passes_over_what_is_expired_or_was_seen(self, world: World) -> None:
        pool = master_pool(world, 1)
        today = NOW.date()
        world.stock(1, pool=pool, expires_on=today - timedelta(days=1))
        (last_day,) = world.stock(1, pool=pool, expires_on=today)
        for state in ("claimed", "delivered", "quarantined"):
            (card,) = world.stock(1, pool=pool, expires_on=date(2026, 12, 1))
            seen = {"holder_kind": "x", "holder_id": uuid4(), "claimed_at": NOW}
            GiftCard.objects.filter(pk=card.pk).update(status="claimed", **seen)
            if state != "claimed":
                with transaction():
                    call_function("SELECT set_config('giftline.actor', 'user:1', true)", [])
                    GiftCard.objects.filter(pk=card.pk).update(
                        status=state, disclosed_at=NOW, delivered_at=NOW
                    )
        with pytest.raises(TooFewCardsError) as refusal:
            sell(world, pool, 3)
        assert refusal.value.available == 2
        sale = sell(world, pool, 2)
        assert GiftCard.objects.filter(sale_id=sale.sale_id, pk=last_day.pk).exists()
        assert (
            not GiftCard.objects.filter(pool=pool, status="available")
            .exclude(expires_on=today - timedelta(days=1))
            .exists()
        )
        # These are of nobody's redemption: the invariants are not about them.
        GiftCard.objects.filter(pool=pool).exclude(status="available").update(status="void")

    @pytest.mark.parametrize(
        ("quantity", "price_minor", "field"),
        [
            (0, 1, "quantity"),
            (-1, 1, "quantity"),
            (100_001, 1, "quantity"),
            (1, 0, "price_per_card"),
            (1, -1, "price_per_card"),
            (2, 2**62, "price_per_card"),
        ],
    )
    def test_refuses_what_is_no_sale(
        self, world: World, quantity: int, price_minor: int, field: str
    ) -> None:
        pool = master_pool(world, 1)
        with pytest.raises(ValidationFailedError) as refusal:
            sell(world, pool, quantity, price_per_card_minor=price_minor)
        assert list(refusal.value.errors) == [field]
        nothing_sold(world, pool, 1)

    def test_is_from_a_master_pool_in_use_to_a_client_that_is_there(self, world: World) -> None:
        pool = master_pool(world, 1)
        world.stock(1)
        archived = master_pool(world, 1)
        Pool.objects.filter(pk=archived.pk).update(archived_at=NOW)
        for changes in (
            {"master_pool_id": world.pool.pk},
            {"master_pool_id": archived.pk},
            {"master_pool_id": uuid4()},
            {"client_id": uuid4()},
        ):
            with pytest.raises(SaleNotFoundError):
                sell(world, pool, 1, **changes)
        nothing_sold(world, pool, 1)

    def test_is_in_the_currency_that_the_client_keeps(self, world: World) -> None:
        euros = build_world(name="Birch", currency="EUR")
        pool = master_pool(euros, 1)
        with pytest.raises(ServiceError) as refusal:
            sell(world, pool, 1)
        assert refusal.value.code is ErrorCode.NO_BILLING_ACCOUNT
        nothing_sold(world, pool, 1)

    def test_is_the_platforms_alone(self, world: World) -> None:
        pool = master_pool(world, 1)
        strangers = (
            Viewer(actor="user:1", agency_ids=frozenset({world.agency.pk})),
            Viewer(
                actor="key:1",
                agency_ids=frozenset({world.agency.pk}),
                scopes=frozenset({"inventory:write"}),
            ),
            Viewer(actor="key:2", sees_platform=True, scopes=frozenset({"credit:read"})),
            Viewer(actor="user:2", sees_platform=True, grants=(Grant(role=Role.AUDITOR),)),
        )
        for viewer in strangers:
            with pytest.raises(SaleNotFoundError):
                sell(world, pool, 1, viewer=viewer)
        nothing_sold(world, pool, 1)
        key = Viewer(actor="key:3", sees_platform=True, scopes=frozenset({"inventory:write"}))
        assert sell(world, pool, 1, viewer=key).quantity == 1

    def test_opens_its_own_transaction(self, world: World) -> None:
        with transaction(), pytest.raises(RuntimeError):
            sell_cards(
                viewer=Viewer(actor="x"),
                master_pool_id=uuid4(),
                client_id=uuid4(),
                quantity=1,
                price_per_card_minor=1,
                key="k",
                now=NOW,
            )

    def test_is_seen_by_the_client_and_its_agency(self, world: World) -> None:
        stranger = build_world(name="Birch")
        sell(world, master_pool(world, 1), 1)
        for owner, seen in ((world, 1), (stranger, 0)):
            for viewer in (
                Viewer(actor="a", agency_ids=frozenset({owner.agency.pk})),
                Viewer(actor="c", client_ids=frozenset({owner.client.pk})),
            ):
                with viewing(viewer):
                    assert CardSale.objects.count() == seen


class TestRedeem:
    def test_charges_nothing_for_a_card_that_was_bought(self, world: World) -> None:
        sell(world, master_pool(world, 1), 1)
        result = ask(world.invite()[0])
        assert (result.charged_minor, result.face_value_minor) == (0, 2500)
        assert result.balance_minor is None
        row = Redemption.objects.get()
        assert (row.cost_minor, row.charged_minor, row.debits) == (2300, 0, 0)
        assert (row.agency_margin_minor, row.platform_margin_minor) == (0, 0)
        assert row.transaction_id is None
        # Reported is what it cost; what it brought came with the sale.
        (profit,) = sum_profit(viewer=SYSTEM, start=NOW, end=NOW + timedelta(days=1))
        assert (profit.charged_minor, profit.cost_minor, profit.profit_minor) == (0, 2300, 0)
        # The statement shows it once: as the sale.
        paid = Entry.objects.filter(account=world.account, amount_minor__lt=0)
        assert [(e.transaction.kind, e.amount_minor) for e in paid] == [("card_sale", -2400)]

    def test_needs_no_credit_for_it(self, world: World) -> None:
        sell(world, master_pool(world, 1), 1, price_per_card_minor=100_000)
        first, second = world.invite(2)
        assert world.balance() == 0
        assert ask(first).state == "issued"
        world.stock(1)
        with pytest.raises(InsufficientCreditError):
            ask(second)
        world.campaign.refresh_from_db()
        assert world.campaign.status == "depleted"

    def test_lets_a_campaign_without_credit_go_on(self, world: World) -> None:
        dear = master_pool(world, 1)
        sell(world, dear, 1, price_per_card_minor=100_000)
        ask(world.invite()[0])
        world.stock(1)
        (waiting,) = world.invite()
        with pytest.raises(InsufficientCreditError):
            ask(waiting)
        with transaction():
            adjust_balance(
                account_id=world.account.pk,
                amount_minor=100,
                reason="a dollar",
                actor="system",
                key="dollar",
                now=NOW,
            )
        GiftCard.objects.filter(status="available").update(status="void")
        sell(world, master_pool(world, 1), 1, price_per_card_minor=100)
        assert ask(waiting).charged_minor == 0

    def test_charges_a_card_that_was_uploaded_as_ever(self, world: World) -> None:
        world.stock(1)
        assert ask(world.invite()[0]).charged_minor == 2500
        assert world.balance() == 97_500


class TestReverseSale:
    def test_puts_cards_and_money_back(self, world: World) -> None:
        pool = master_pool(world, 3)
        sale = sell(world, pool, 2)
        undone = reverse_sale(viewer=_admin(), sale_id=sale.sale_id, now=NOW)
        assert (undone.sale_id, undone.is_replay) == (sale.sale_id, False)
        assert GiftCard.objects.filter(pool=pool, client=None, sale=None).count() == 3
        assert (count_available(pool), world.balance()) == (3, 100_000)
        row = CardSale.objects.get()
        assert row.refund is not None
        assert (row.reversed_at, row.refund_id) == (NOW, undone.refund_id)
        assert (row.refund.kind, row.refund.settles_id) == ("refund", sale.transaction_id)
        assert row.refund.actor == "user:9"

    def test_happens_once(self, world: World) -> None:
        sale = sell(world, master_pool(world, 2), 2)
        first = reverse_sale(viewer=_admin(), sale_id=sale.sale_id, now=NOW)
        again = reverse_sale(viewer=_admin(), sale_id=sale.sale_id, now=NOW)
        assert (again.refund_id, again.is_replay) == (first.refund_id, True)
        assert world.balance() == 100_000
        assert Transaction.objects.filter(kind="refund").count() == 1
        assert AuditEvent.objects.filter(action="cards.sale_reversed").count() == 1

    def test_lets_the_cards_be_sold_again(self, world: World) -> None:
        pool = master_pool(world, 2)
        sale = sell(world, pool, 2)
        reverse_sale(viewer=_admin(), sale_id=sale.sale_id, now=NOW)
        sell(world, pool, 2, price_per_card_minor=2000)
        assert world.balance() == 96_000

    def test_is_refused_once_a_card_is_used(self, world: World) -> None:
        pool = master_pool(world, 2)
        sale = sell(world, pool, 2)
        ask(world.invite()[0])
        with pytest.raises(SaleInUseError) as refusal:
            reverse_sale(viewer=_admin(), sale_id=sale.sale_id, now=NOW)
        assert refusal.value.used == 1
        assert (count_available(pool), world.balance()) == (0, 95_200)
        assert CardSale.objects.get().reversed_at is None

    def test_is_the_platforms_alone(self, world: World) -> None:
        sale = sell(world, master_pool(world, 1), 1)
        buyer = Viewer(actor="user:1", client_ids=frozenset({world.client.pk}))
        with pytest.raises(SaleNotFoundError):
            reverse_sale(viewer=buyer, sale_id=sale.sale_id, now=NOW)
        with pytest.raises(SaleNotFoundError):
            reverse_sale(viewer=_admin(), sale_id=uuid4(), now=NOW)
        assert CardSale.objects.get().reversed_at is None


def _admin() -> Viewer:
    return Viewer(actor="user:9", sees_platform=True, grants=(Grant(role=Role.PLATFORM_ADMIN),))


class TestAdminsPage:
    def test_takes_a_sale_back_while_it_is_unused(self, world: World) -> None:
        pool = master_pool(world, cards=2)
        sale = sell(world, pool, 2)
        browser = sign_in(make_platform_admin())
        address = f"/admin/giftcards/cardsale/{sale.sale_id}/take_back/"
        assert browser.post(address, {"_form_submitted": "True"}).status_code == 302
        assert count_available(pool) == 2
        assert world.balance() == 100_000
        page = browser.get(f"/admin/giftcards/cardsale/{sale.sale_id}/change/")
        assert "Reversed" in page.content.decode()
