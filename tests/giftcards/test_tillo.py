"""The vendor file, against the emulator over real HTTP."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from credit.money import Money
from giftcards.emulator import Emulator
from giftcards.providers import (
    CardOrder,
    MalformedOrderError,
    NotConfiguredError,
    choose_provider,
)
from giftcards.providers.outcomes import (
    NoMoney,
    Pending,
    RouteClosed,
    SetUpWrong,
    Sold,
    SoldCard,
    TryAgain,
    Unknown,
)
from giftcards.providers.tillo import Tillo, connect_tillo
from tests.giftcards.tillo_fixture import SECTOR, connect, new_order
from tests.giftcards.vendor_stub import VendorStub


def fault(action: str, **more: Any) -> list[dict[str, Any]]:
    return [{"action": action, **more}]


def buy(tillo: Tillo, order: CardOrder | None = None) -> SoldCard:
    outcome = tillo.issue(order or new_order())
    assert isinstance(outcome, Sold)
    return outcome.card


class TestCardOrder:
    @pytest.mark.parametrize("request_id", ["abcd", "a" * 51, "with space", "ümlaut", "a/b-c", ""])
    def test_refuses_an_id_that_tillo_would_refuse(self, request_id: str) -> None:
        with pytest.raises(MalformedOrderError):
            new_order(request_id=request_id)

    @pytest.mark.parametrize("request_id", ["abcde", "a" * 50, "A-Z_a-z_0-9", "01234"])
    def test_takes_five_to_fifty_of_its_signs(self, request_id: str) -> None:
        assert new_order(request_id=request_id).request_id == request_id

    @pytest.mark.parametrize(
        "wrong",
        [
            {"brand": "Amazon"},
            {"brand": ""},
            {"amount_minor": 0},
            {"amount_minor": -2500},
            {"currency": "usd"},
            {"tags": ("a_b",)},
            {"tags": ("",)},
        ],
    )
    def test_refuses_what_no_provider_could_take(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(MalformedOrderError):
            new_order(**wrong)

    def test_refuses_a_line_feed_at_the_end(self) -> None:
        with pytest.raises(MalformedOrderError):
            new_order(request_id="order-1\n")


class TestIssue:
    def test_returns_the_card(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        order = new_order()
        card = buy(tillo, order)
        (sale,) = tillo_emulator.sales()
        assert sale.request_id == order.request_id
        assert card == SoldCard(
            reference=sale.reference,
            face_value=Money(2500, "USD"),
            cost=Money(2400, "USD"),
            discount_percent=Decimal(4),
            float_balance=Money(9_976_00, "USD"),
            expires_on=(datetime.now(UTC) + timedelta(days=730)).date(),
            code=sale.code,
        )
        assert card.code.startswith("AMZN-")

    def test_brings_the_pin_or_the_url(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        with_pin = buy(tillo, new_order("target-us"))
        with_url = buy(tillo, new_order("apple-us", delivery_method="url"))
        first, second = tillo_emulator.sales()
        assert (with_pin.code, with_pin.pin, with_pin.url) == (first.code, first.pin, "")
        assert (with_url.code, with_url.pin, with_url.url) == ("", "", second.url)

    def test_sends_what_the_contract_asks_for(self, vendor: VendorStub) -> None:
        order = new_order(request_id="order-0001", tags=("winter promo",))
        connect(vendor.url).issue(order)
        assert json.loads(vendor.asked[0].body) == {
            "client_request_id": "order-0001",
            "brand": "amazon-us",
            "face_value": {"amount": "25.00", "currency": "USD"},
            "delivery_method": "code",
            "fulfilment_by": "partner",
            "sector": SECTOR,
            "tags": ["winter promo"],
        }

    @pytest.mark.parametrize(
        ("amount_minor", "currency", "amount"),
        [
            (1, "USD", "0.01"),
            (1999, "USD", "19.99"),
            (9_007_199_254_740_993, "USD", "90071992547409.93"),
            (2500, "JPY", "2500"),
            (25_000, "KWD", "25.00"),
            (25_120, "KWD", "25.12"),
        ],
    )
    def test_writes_amounts_exactly(
        self, vendor: VendorStub, amount_minor: int, currency: str, amount: str
    ) -> None:
        connect(vendor.url).issue(new_order(amount_minor=amount_minor, currency=currency))
        assert json.loads(vendor.asked[0].body)["face_value"]["amount"] == amount

    def test_asks_nothing_for_a_value_too_fine_for_tillo(self, vendor: VendorStub) -> None:
        order = new_order(amount_minor=25_125, currency="KWD")
        assert connect(vendor.url).issue(order) == RouteClosed("amount")
        assert vendor.asked == []

    def test_buys_nothing_more_when_repeated(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        order = new_order()
        assert buy(tillo, order) == buy(tillo, order)
        assert len(tillo_emulator.journal("sold")) == 1

    def test_gives_each_thread_its_own_card(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        orders = [new_order() for _ in range(100)]
        with ThreadPoolExecutor(16) as threads:
            codes = list(threads.map(lambda order: buy(tillo, order).code, orders))
        by_id = {sale.request_id: sale.code for sale in tillo_emulator.sales()}
        assert codes == [by_id[order.request_id] for order in orders]

    def test_reads_how_many_requests_are_left(self, tillo: Tillo) -> None:
        assert tillo.quotas() == {}
        buy(tillo)
        buy(tillo)
        quota = tillo.quotas()["digital/issue"]
        assert (quota.limit, quota.remaining) == (3000, 2998)

    @pytest.mark.parametrize(
        "rules",
        [
            fault("timeout", seconds=5.0),
            fault("timeout", seconds=0.8, sold=False),
            fault("drop"),
            fault("drop", sold=False),
            fault("malformed"),
            fault("malformed", sold=False),
            fault("status", status=500),
            fault("status", status=502),
            fault("status", status=504, page=True, sold=True),
            fault("status", status=302),
            fault("error", code="998", status=500),
            fault("error", code="999", status=400),
            fault("error", code="100"),
        ],
    )
    def test_does_not_know_without_a_clear_answer(
        self, tillo: Tillo, tillo_emulator: Emulator, rules: list[dict[str, Any]]
    ) -> None:
        tillo_emulator.set_faults(rules)
        order = new_order()
        outcome = tillo.issue(order)
        assert isinstance(outcome, Unknown)
        assert order.request_id not in outcome.reason
        # The same id settles it: one card, and one alone.
        tillo_emulator.set_faults([])
        card = buy(tillo, order)
        (sale,) = tillo_emulator.sales()
        assert card.code == sale.code
        assert len(tillo_emulator.journal("sold")) == 1

    def test_gives_up_after_its_time_limit(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(fault("timeout", seconds=5.0))
        began = time.monotonic()
        assert tillo.issue(new_order()) == Unknown("ReadTimeout")
        assert time.monotonic() - began < 1.5

    def test_is_patient_within_its_time_limit(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(fault("slow", seconds=0.2))
        assert buy(tillo).code

    def test_is_told_to_wait_while_the_first_is_at_work(
        self, tillo: Tillo, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"match": {"nth": 1}, "action": "slow", "seconds": 0.8}])
        order = new_order()
        assert tillo.issue(order) == Unknown("ReadTimeout")
        assert tillo.issue(order) == TryAgain("729", None, may_be_done=True)
        assert tillo_emulator.wait_until_quiet()
        assert buy(tillo, order).code == tillo_emulator.sales()[0].code
        assert len(tillo_emulator.journal("sold")) == 1

    def test_comes_back_when_tillo_says(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_faults(fault("rate_limited", retry_after=17))
        assert tillo.issue(new_order()) == TryAgain("211", 17.0, may_be_done=False)
        quota = tillo.quotas()["digital/issue"]
        assert (quota.limit, quota.remaining) == (3000, 0)
        assert tillo_emulator.sales() == []

    def test_waits_a_minute_when_nothing_is_left_and_nothing_said(self, vendor: VendorStub) -> None:
        vendor.status = 429
        vendor.headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0"}
        assert connect(vendor.url).issue(new_order()) == TryAgain("429", 60.0, may_be_done=False)

    def test_knows_that_nothing_was_sent_without_a_connection(self) -> None:
        outcome = connect("http://127.0.0.1:1").issue(new_order())
        assert outcome == TryAgain("unreachable", None, may_be_done=False)

    def test_has_its_own_words_for_what_the_shop_refuses(
        self, tillo: Tillo, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_stock("starbucks-us", "25", 0)
        assert tillo.issue(new_order("starbucks-us")) == RouteClosed("725")
        assert tillo.issue(new_order("example-paused")) == RouteClosed("726")
        assert tillo.issue(new_order("example-disabled")) == RouteClosed("706")
        assert tillo.issue(new_order("nobody")) == RouteClosed("072")
        assert tillo.issue(new_order("apple-us")) == RouteClosed("713")
        assert tillo.issue(new_order("home-depot-us")) == RouteClosed("720")
        assert tillo.issue(new_order("example-uk")) == RouteClosed("723")
        assert tillo.issue(new_order(amount_minor=1)) == SetUpWrong("704")
        tillo_emulator.set_float("USD", "23.99")
        assert tillo.issue(new_order()) == NoMoney("610")
        assert tillo_emulator.sales() == []

    def test_names_a_wrong_key(self, tillo_emulator: Emulator) -> None:
        wrong = connect(tillo_emulator.base_url, secret_key="wrong")
        assert wrong.issue(new_order()) == SetUpWrong("434")
        assert tillo_emulator.sales() == []

    def test_names_our_own_mistake_with_an_id(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        buy(tillo, new_order(request_id="order-twice"))
        other = new_order(request_id="order-twice", amount_minor=5000)
        assert tillo.issue(other) == SetUpWrong("708")
        assert len(tillo_emulator.sales()) == 1

    def test_orders_where_a_brand_takes_its_time(
        self, tillo: Tillo, tillo_emulator: Emulator
    ) -> None:
        order = new_order("home-depot-us", is_asynchronous=True)
        outcome = tillo.issue(order)
        (sale,) = tillo_emulator.sales()
        assert outcome == Pending(sale.reference)
        assert tillo.issue(order) == outcome
        assert [entry.event for entry in tillo_emulator.journal()] == ["ordered"]


class TestChooseProvider:
    @pytest.mark.parametrize(
        "name", ["TILLO_BASE_URL", "TILLO_API_KEY", "TILLO_SECRET_KEY", "TILLO_SECTOR"]
    )
    def test_says_what_is_not_set(self, tillo_settings: Settings, name: str) -> None:
        setattr(tillo_settings, name, "")
        with pytest.raises(NotConfiguredError, match=name):
            choose_provider("tillo")

    def test_knows_nobody_else(self, tillo_settings: Settings) -> None:
        with pytest.raises(NotConfiguredError, match="acme"):
            choose_provider("acme")

    def test_connects_by_the_settings(
        self, tillo_settings: Settings, tillo_emulator: Emulator
    ) -> None:
        assert isinstance(choose_provider("tillo").issue(new_order()), Sold)
        assert len(tillo_emulator.sales()) == 1


class TestConnectTillo:
    def test_goes_through_the_proxy_that_is_set(
        self, tillo_settings: Settings, vendor: VendorStub, tillo_emulator: Emulator
    ) -> None:
        tillo_settings.TILLO_BASE_URL = "http://tillo.example.com/api/v2"
        tillo_settings.TILLO_PROXY_URL = vendor.url
        assert isinstance(connect_tillo().issue(new_order()), Unknown)
        (asked,) = vendor.asked
        assert asked.target == "http://tillo.example.com/api/v2/digital/issue"
        assert tillo_emulator.requests == {}

    def test_keeps_its_connection_while_the_settings_stay(self, tillo_settings: Settings) -> None:
        first = connect_tillo()
        assert connect_tillo() is first
        tillo_settings.PROVIDER_TIMEOUT = 0.25
        assert connect_tillo() is not first
