"""Uploaded cards, then what was bought ahead, then the provider: by the pool's way of buying."""

from typing import Any

import pytest
from pytest_django import Settings

from alerts.codes import ErrorCode
from alerts.models import Alert
from alerts.transactions import transaction
from credit.models import Account, Entry, Transaction
from credit.services.accounts import open_campaign_account
from credit.services.ledger import allocate
from giftcards.models import GiftCard, Pool, ProviderCircuit, ProviderOrder
from giftcards.providers import configured_providers
from giftcards.selectors.stock import Supply, find_supply
from redemption.models import Condition, PendingReward, Redemption
from redemption.selectors.codes import find_code
from redemption.services.redeem import ProviderNotConfiguredError
from redemption.services.stock_alerts import settle_stock_alerts
from sms.models import Message
from tests.invariants import broken_invariants
from tests.redemption.asking import ask, refused, snapshot
from tests.redemption.buying import (
    API_ONLY,
    CSV_ONLY,
    WITH_FALLBACK,
    add_buffer,
    build_buying_world,
    orders,
    steps,
)
from tests.world import NOW, World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_provider(settings: Settings) -> None:
    for name in ("TILLO_BASE_URL", "TILLO_API_KEY", "TILLO_SECRET_KEY", "TILLO_SECTOR"):
        setattr(settings, name, "")


def supply(world: World) -> Supply:
    return find_supply(
        pool_id=Condition.objects.get(pk=world.condition.pk).pool_id,
        client_id=world.client.pk,
        brand_id=world.brand.pk,
        value_minor=2500,
        currency="USD",
        providers=configured_providers(),
        now=NOW,
    )


def close_circuit() -> None:
    """Let the provider count as out of order."""
    ProviderCircuit.objects.create(provider="tillo", opened_at=NOW, reason="failures")


@pytest.mark.usefixtures("tillo_settings")
class TestProviderOnly:
    def test_orders_and_holds_the_charge_instead_of_waiting(self) -> None:
        world = build_buying_world()
        result = ask(world.invite()[0])
        assert (result.state, result.reason_code) == ("provisioning", "GC-005")
        assert (result.is_ordered, result.card, result.reveal_token) == (True, None, None)
        assert (result.charged_minor, result.message_id, result.issued_at) == (None, None, None)
        row = Redemption.objects.get()
        assert (row.state, row.reason_code, row.source) == ("provisioning", "GC-005", "")
        assert (row.charged_minor, row.cost_minor, row.transaction_id, row.card_id) == (None,) * 4
        (order,) = orders()
        assert (order.state, order.provider, order.provider_slug) == (
            "requested",
            "tillo",
            "amazon-us",
        )
        assert order.request_id == f"gl-{order.pk.hex}"
        assert (order.holder_kind, order.holder_id) == ("redemption", row.pk)
        assert (order.pool_id, order.client_id) == (world.pool.pk, world.client.pk)
        assert (order.value_minor, order.currency, order.charge_minor) == (2500, "USD", 2500)
        assert (order.trace_id, order.actor, order.next_attempt_at) == (
            "request-1",
            "key:test",
            NOW,
        )
        hold = Transaction.objects.get(kind="hold")
        assert (hold.pk, hold.reference) == (order.hold_id, f"order:{order.pk}")
        assert world.balance() == 97_500
        assert not Message.objects.exists()
        assert not PendingReward.objects.exists()
        assert steps(row.pk) == [
            ("claim_card", "empty", "GC-003"),
            ("find_route", "ok", ""),
            ("place_order", "ok", ""),
        ]
        assert broken_invariants() == {}

    def test_gives_out_first_what_came_back_to_the_pool(self) -> None:
        world = build_buying_world()
        world.stock(1)
        assert supply(world) is Supply.STOCK
        result = ask(world.invite()[0])
        assert result.state == "issued"
        assert orders() == []
        assert steps(result.redemption_id) == [
            ("claim_card", "ok", ""),
            ("queue_message", "ok", ""),
            ("debit_account", "ok", ""),
        ]

    def test_is_the_same_order_when_asked_again(self) -> None:
        world = build_buying_world()
        (code,) = world.invite()
        first = ask(code)
        before = snapshot()
        again = ask(code)
        assert (again.redemption_id, again.state) == (first.redemption_id, "provisioning")
        assert (again.reason_code, again.is_ordered) == ("GC-005", False)
        assert len(orders()) == 1
        assert snapshot() == before

    def test_is_not_resumed_while_it_is_in_work(self) -> None:
        world = build_buying_world()
        (code,) = world.invite()
        ask(code)
        with refused(ErrorCode.ALREADY_REDEEMED):
            ask(code, resume=True)
        assert len(orders()) == 1

    def test_says_ready_before_and_in_progress_after(self) -> None:
        world = build_buying_world()
        (code,) = world.invite()
        facts = find_code(code=code, now=NOW)
        assert facts is not None
        assert (facts.state, facts.is_valid) == ("ready", True)
        ask(code)
        facts = find_code(code=code, now=NOW)
        assert facts is not None
        assert (facts.state, facts.is_valid) == ("in_progress", False)

    def test_of_an_unnamed_pool_buys_for_the_clients_before_the_platforms(self) -> None:
        world = build_buying_world()
        Pool.objects.create(
            name="Platform",
            brand=world.brand,
            denomination=world.denomination,
            kind=Pool.Kind.MASTER,
            purchase_method=API_ONLY,
            api_provider="tillo",
        )
        Condition.objects.update(pool=None)
        assert ask(world.invite()[0]).state == "provisioning"
        assert orders()[0].pool_id == world.pool.pk


@pytest.mark.usefixtures("no_provider")
class TestNotConfigured:
    def test_refuses_where_the_pool_lives_from_it_alone(self) -> None:
        world = build_buying_world()
        with refused(ErrorCode.PROVIDER_NOT_CONFIGURED) as refusal:
            ask(world.invite()[0])
        assert isinstance(refusal.value, ProviderNotConfiguredError)
        assert refusal.value.pool_id == world.pool.pk
        assert supply(world) is Supply.NOWHERE
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("provider_not_configured", "critical")
        assert alert.client_id == world.client.pk
        assert "Acorn pool" in alert.subject

    def test_ends_its_alert_once_it_is_set_up(self, tillo_settings: Settings) -> None:
        world = build_buying_world()
        tillo_settings.TILLO_SECTOR = ""
        with refused(ErrorCode.PROVIDER_NOT_CONFIGURED):
            ask(world.invite()[0])
        settle_stock_alerts(now=NOW)
        assert Alert.objects.get().state == "open"
        tillo_settings.TILLO_SECTOR = "marketplace"
        settle_stock_alerts(now=NOW)
        assert Alert.objects.get().state == "resolved"

    def test_waits_where_cards_are_uploaded_too(self) -> None:
        world = build_buying_world(method=WITH_FALLBACK)
        result = ask(world.invite()[0])
        assert (result.state, result.reason_code) == ("waiting_stock", "GC-003")
        assert steps(result.redemption_id) == [
            ("claim_card", "empty", "GC-003"),
            ("find_route", "not_configured", "GC-004"),
        ]
        assert (orders(), world.balance()) == ([], 100_000)

    def test_is_also_a_brand_without_a_name_there(self, tillo_settings: Settings) -> None:
        world = build_buying_world(slug="")
        with refused(ErrorCode.PROVIDER_NOT_CONFIGURED):
            ask(world.invite()[0])


@pytest.mark.usefixtures("tillo_settings")
class TestWithFallback:
    def test_goes_from_uploads_to_what_was_bought_ahead_to_the_provider(self) -> None:
        world = build_buying_world(method=WITH_FALLBACK)
        add_buffer(world, stock=1)
        world.stock(1)
        first, second, third = (ask(code) for code in world.invite(3))
        assert [r.state for r in (first, second, third)] == ["issued", "issued", "provisioning"]
        rows = {row.pk: row for row in Redemption.objects.all()}
        assert rows[first.redemption_id].source == "csv"
        bought_ahead = rows[second.redemption_id]
        assert (bought_ahead.source, bought_ahead.cost_minor) == ("buffer", 2410)
        assert (bought_ahead.charged_minor, bought_ahead.platform_margin_minor) == (2500, 90)
        assert steps(first.redemption_id)[0] == ("claim_card", "ok", "")
        assert steps(second.redemption_id) == [
            ("claim_card", "empty", "GC-003"),
            ("claim_card", "ok", ""),
            ("queue_message", "ok", ""),
            ("debit_account", "ok", ""),
        ]
        assert steps(third.redemption_id) == [
            ("claim_card", "empty", "GC-003"),
            ("claim_card", "empty", "GC-003"),
            ("find_route", "ok", ""),
            ("place_order", "ok", ""),
        ]
        assert len(orders()) == 1
        assert broken_invariants() == {}

    def test_waits_while_the_provider_is_out_of_order(self) -> None:
        world = build_buying_world(method=WITH_FALLBACK)
        close_circuit()
        assert supply(world) is Supply.NOWHERE
        result = ask(world.invite()[0])
        assert (result.state, result.reason_code) == ("waiting_stock", "GC-003")
        assert steps(result.redemption_id) == [
            ("claim_card", "empty", "GC-003"),
            ("find_route", "closed", "GC-005"),
        ]
        assert orders() == []

    def test_is_refused_then_where_nobody_may_wait(self) -> None:
        world = build_buying_world(method=WITH_FALLBACK)
        close_circuit()
        world.campaign.queue_when_empty = False
        world.campaign.save()
        with refused(ErrorCode.OUT_OF_STOCK):
            ask(world.invite()[0])


@pytest.mark.usefixtures("tillo_settings")
class TestUploadedOnly:
    def test_asks_neither_the_buffer_nor_the_provider(self) -> None:
        world = build_buying_world(method=CSV_ONLY)
        add_buffer(world, stock=1)
        assert supply(world) is Supply.NOWHERE
        result = ask(world.invite()[0])
        assert result.state == "waiting_stock"
        assert steps(result.redemption_id) == [("claim_card", "empty", "GC-003")]
        assert orders() == []
        assert GiftCard.objects.get().status == "available"


@pytest.mark.usefixtures("tillo_settings")
class TestSupply:
    @pytest.mark.parametrize("method", [CSV_ONLY, WITH_FALLBACK, API_ONLY])
    @pytest.mark.parametrize("named", [True, False])
    @pytest.mark.parametrize("uploaded", [0, 1])
    @pytest.mark.parametrize("ahead", [0, 1])
    def test_is_what_a_redemption_finds(
        self, method: str, named: bool, uploaded: int, ahead: int
    ) -> None:
        world = build_buying_world(method=method)
        world.stock(uploaded)
        add_buffer(world, stock=ahead)
        if not named:
            Condition.objects.update(pool=None)
        expected = supply(world)
        state = ask(world.invite()[0]).state
        assert (
            state
            == {
                Supply.STOCK: "issued",
                Supply.PROVIDER: "provisioning",
                Supply.NOWHERE: "waiting_stock",
            }[expected]
        )


@pytest.mark.usefixtures("tillo_settings")
class TestHold:
    def own_account(self, world: World, amount_minor: int) -> Account:
        with transaction():
            own = open_campaign_account(client=world.client, name="Own", currency="USD")
            allocate(
                from_account=world.account,
                to_account=own,
                amount_minor=amount_minor,
                actor="system",
                key="own",
                now=NOW,
            )
            world.campaign.own_account = own
            world.campaign.save()
        return own

    def payer(self) -> Any:
        return Entry.objects.get(transaction__kind="hold", amount_minor__lt=0).account

    def test_is_of_the_campaigns_own_account_first(self) -> None:
        world = build_buying_world()
        own = self.own_account(world, 2500)
        ask(world.invite()[0])
        assert self.payer() == own

    def test_is_of_the_clients_where_its_own_does_not_cover_it(self) -> None:
        world = build_buying_world()
        own = self.own_account(world, 2499)
        ask(world.invite()[0])
        assert self.payer() == world.account
        own.refresh_from_db()
        assert own.balance_minor == 2499

    def test_that_nobody_can_pay_leaves_nothing_but_the_reason(self) -> None:
        world = build_buying_world(credit_minor=2499)
        with refused(ErrorCode.INSUFFICIENT_CREDIT):
            ask(world.invite()[0])
        assert orders() == []
        world.campaign.refresh_from_db()
        assert world.campaign.status == "depleted"

    def test_depletes_a_campaign_as_a_charge_does(self) -> None:
        world = build_buying_world(credit_minor=2500)
        ask(world.invite()[0])
        world.campaign.refresh_from_db()
        assert world.campaign.status == "depleted"

    def test_warns_of_low_credit_as_a_charge_does(self) -> None:
        world = build_buying_world(credit_minor=10_000)
        Account.objects.filter(pk=world.account.pk).update(low_balance_threshold_minor=8000)
        ask(world.invite()[0])
        assert Alert.objects.get().kind == "low_credit"

    def test_takes_the_price_that_holds_now(self) -> None:
        world = build_buying_world()
        world.agency.brands.create(brand=world.brand, markup_basis_points=400)
        ask(world.invite()[0])
        assert orders()[0].charge_minor == 2600
        assert ProviderOrder.objects.get().hold_id is not None
