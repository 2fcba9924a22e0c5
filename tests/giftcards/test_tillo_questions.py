"""What can be asked of Tillo, and what can be taken back, over real HTTP."""

import json
import logging
from typing import Any

import pytest

from credit.money import Money
from giftcards.emulator import Emulator
from giftcards.providers import (
    CardOrder,
    MalformedOrderError,
    NoAnswerError,
    RefusedError,
    UnreachableError,
)
from giftcards.providers.catalogue import BrandState, ProviderBrand, ProviderFloat
from giftcards.providers.outcomes import (
    CannotUndo,
    NotFound,
    NotSold,
    Pending,
    SetUpWrong,
    Sold,
    SoldCard,
    TryAgain,
    Undone,
    Unknown,
)
from giftcards.providers.tillo import Tillo
from tests.giftcards.tillo_fixture import connect, new_order
from tests.giftcards.vendor_stub import VendorStub

TWO_DAYS = 48 * 3600


def buy(tillo: Tillo, order: CardOrder) -> SoldCard:
    outcome = tillo.issue(order)
    assert isinstance(outcome, Sold)
    return outcome.card


def says(data: object, *, code: str = "000") -> bytes:
    return json.dumps({"code": code, "data": data}).encode()


class TestOrderStatus:
    def test_follows_an_order_to_its_card(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        order = new_order("home-depot-us", is_asynchronous=True)
        tillo.issue(order)
        states = []
        for _ in range(3):
            outcome = tillo.order_status(order)
            assert isinstance(outcome, Pending)
            states.append(outcome.state)
            tillo_emulator.forward(10)
        assert states == ["REQUESTED", "PENDING", "PROCESSING"]
        found = tillo.order_status(order)
        (sale,) = tillo_emulator.sales()
        assert isinstance(found, Sold)
        assert (found.card.code, found.card.pin) == (sale.code, sale.pin)
        assert found.card.cost == Money(2400, "USD")
        assert [entry.event for entry in tillo_emulator.journal()] == ["ordered", "sold"]

    @pytest.mark.parametrize("end", ["ERROR", "CANCELLED"])
    def test_says_that_an_order_came_to_nothing(
        self, tillo: Tillo, tillo_emulator: Emulator, end: str
    ) -> None:
        tillo_emulator.set_faults([{"action": "order_ends", "status": end}])
        order = new_order("home-depot-us", is_asynchronous=True)
        tillo.issue(order)
        tillo_emulator.forward(60)
        assert tillo.order_status(order) == NotSold(end)
        assert tillo_emulator.floats_now["USD"] == 10_000

    def test_finds_the_card_of_a_purchase_whose_answer_was_lost(
        self, tillo: Tillo, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"action": "drop"}])
        order = new_order()
        assert isinstance(tillo.issue(order), Unknown)
        found = tillo.order_status(order)
        assert isinstance(found, Sold)
        assert found.card.code == tillo_emulator.sales()[0].code

    def test_knows_no_order_that_never_came(self, tillo: Tillo) -> None:
        assert tillo.order_status(new_order()) == NotFound("433")

    def test_does_not_take_a_mistake_of_ours_for_a_sale_that_never_was(
        self, vendor: VendorStub
    ) -> None:
        vendor.status = 422
        vendor.words = says({"reference": ["The reference must be a valid UUID."]}, code="433")
        assert connect(vendor.url).order_status(new_order()) == SetUpWrong("433")
        vendor.words = says([], code="433")
        assert connect(vendor.url).order_status(new_order()) == SetUpWrong("433")

    def test_does_not_know_a_state_without_a_name(self, vendor: VendorStub) -> None:
        vendor.words = says({"status": "DISPATCHED"})
        assert isinstance(connect(vendor.url).order_status(new_order()), Unknown)

    @pytest.mark.parametrize("action", ["drop", "malformed", "status"])
    def test_does_not_know_without_an_answer(
        self, tillo: Tillo, tillo_emulator: Emulator, action: str
    ) -> None:
        tillo_emulator.set_faults([{"match": {"request": "status"}, "action": action}])
        assert isinstance(tillo.order_status(new_order()), Unknown)


class TestReverse:
    def test_gives_the_money_back(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        order = new_order()
        buy(tillo, order)
        tillo_emulator.forward(TWO_DAYS - 60)
        outcome = tillo.reverse(order, request_id="undo-0001")
        assert isinstance(outcome, Undone)
        assert outcome.float_balance == Money(10_000_00, "USD")
        # Asked again, because the answer may have been lost, it is the same.
        assert tillo.reverse(order, request_id="undo-0001") == outcome
        (entry,) = tillo_emulator.journal("reversed")
        assert (entry.request_id, entry.undone_by) == (order.request_id, "undo-0001")
        assert tillo.order_status(order) == NotSold("CANCELLED")

    def test_takes_back_what_was_sold_without_an_answer(
        self, tillo: Tillo, tillo_emulator: Emulator
    ) -> None:
        tillo_emulator.set_faults([{"action": "drop"}])
        order = new_order()
        assert isinstance(tillo.issue(order), Unknown)
        assert isinstance(tillo.reverse(order, request_id="undo-0001"), Undone)

    def test_is_too_late_after_two_days(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        order = new_order()
        buy(tillo, order)
        tillo_emulator.forward(TWO_DAYS + 1)
        assert tillo.reverse(order, request_id="undo-0001") == CannotUndo("100")
        assert tillo_emulator.journal("reversed") == []

    def test_happens_once(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        order = new_order()
        buy(tillo, order)
        assert isinstance(tillo.reverse(order, request_id="undo-0001"), Undone)
        assert tillo.reverse(order, request_id="undo-0002") == CannotUndo("100")
        assert tillo_emulator.floats_now["USD"] == 10_000

    def test_cannot_be_where_the_brand_does_not_allow_it(self, tillo: Tillo) -> None:
        order = new_order("walmart-us")
        buy(tillo, order)
        assert tillo.reverse(order, request_id="undo-0001") == CannotUndo("720")

    def test_finds_nothing_to_take_back(self, tillo: Tillo) -> None:
        assert tillo.reverse(new_order(), request_id="undo-0001") == NotFound("724")

    def test_is_our_mistake_for_another_value(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        buy(tillo, new_order(request_id="order-other"))
        other = new_order(request_id="order-other", amount_minor=5000)
        assert tillo.reverse(other, request_id="undo-0001") == SetUpWrong("433")
        assert tillo_emulator.journal("reversed") == []

    def test_refuses_an_id_that_tillo_would_refuse(
        self, tillo: Tillo, tillo_emulator: Emulator
    ) -> None:
        with pytest.raises(MalformedOrderError):
            tillo.reverse(new_order(), request_id="no")
        assert tillo_emulator.requests == {}

    @pytest.mark.parametrize(
        "rule", [{"action": "drop"}, {"action": "malformed"}, {"action": "timeout"}]
    )
    def test_does_not_know_without_an_answer_and_learns_it_by_the_same_id(
        self, tillo: Tillo, tillo_emulator: Emulator, rule: dict[str, Any]
    ) -> None:
        order = new_order()
        buy(tillo, order)
        tillo_emulator.set_faults([{"match": {"request": "reverse", "nth": 1}, **rule}])
        assert isinstance(tillo.reverse(order, request_id="undo-0001"), Unknown)
        assert isinstance(tillo.reverse(order, request_id="undo-0001"), Undone)
        assert len(tillo_emulator.journal("reversed")) == 1

    def test_is_tried_again_when_the_brand_did_not_answer(
        self, tillo: Tillo, tillo_emulator: Emulator
    ) -> None:
        rule = {"match": {"request": "reverse"}, "action": "error", "code": "603"}
        tillo_emulator.set_faults([rule])
        assert tillo.reverse(new_order(), request_id="undo-0001") == TryAgain("603")


class TestCancel:
    def test_takes_a_card_back_by_its_code_and_pin(
        self, tillo: Tillo, tillo_emulator: Emulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        order = new_order("target-us")
        card = buy(tillo, order)
        tillo_emulator.forward(TWO_DAYS * 2)
        with caplog.at_level(logging.DEBUG):
            outcome = tillo.cancel(order, request_id="undo-0001", code=card.code, pin=card.pin)
        assert isinstance(outcome, Undone)
        assert [entry.event for entry in tillo_emulator.journal()] == ["sold", "cancelled"]
        assert card.code not in caplog.text

    def test_takes_a_card_back_by_its_url(self, tillo: Tillo) -> None:
        order = new_order("apple-us", delivery_method="url")
        card = buy(tillo, order)
        assert isinstance(tillo.cancel(order, request_id="undo-0001", url=card.url), Undone)

    def test_leaves_the_card_of_somebody_else(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        order, other = new_order(), new_order()
        buy(tillo, order)
        card = buy(tillo, other)
        assert tillo.cancel(order, request_id="undo-01", code=card.code) == CannotUndo("100")
        assert tillo.cancel(order, request_id="undo-02") == SetUpWrong("433")
        assert tillo_emulator.journal("cancelled") == []


class TestCheckStock:
    def test_counts_by_value(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_stock("starbucks-us", "5", 0)
        buy(tillo, new_order("starbucks-us"))
        stock = tillo.check_stock(brand="starbucks-us", currency="USD")
        assert stock == {500: 0, 1000: 100, 1500: 100, 2500: 99}

    def test_is_refused_for_a_brand_without(self, tillo: Tillo) -> None:
        with pytest.raises(RefusedError) as refused:
            tillo.check_stock(brand="amazon-us", currency="USD")
        assert refused.value.code == "433"

    def test_says_that_there_is_some_without_a_number(self, vendor: VendorStub) -> None:
        vendor.words = says({"a-us": {"5.00": "IN", "10.00": 3, "x": "OUT", "20.00": "OUT"}})
        stock = connect(vendor.url).check_stock(brand="a-us", currency="USD")
        assert stock == {500: None, 1000: 3, 2000: 0}

    @pytest.mark.parametrize("nothing", [[], {}, {"a-us": []}])
    def test_may_find_none(self, vendor: VendorStub, nothing: object) -> None:
        vendor.words = says(nothing)
        assert connect(vendor.url).check_stock(brand="a-us", currency="USD") == {}


class TestListBrands:
    def test_says_what_is_sold_and_how(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        tillo_emulator.set_brand_state("visa-us", "PAUSED")
        catalogue = tillo.list_brands()
        by_slug = {brand.slug: brand for brand in catalogue.brands}
        assert catalogue.unreadable == ()
        assert len(by_slug) == len(catalogue.brands) == 19
        amazon, starbucks = by_slug["amazon-us"], by_slug["starbucks-us"]
        assert amazon == ProviderBrand(
            slug="amazon-us",
            name="Amazon",
            currency="USD",
            state=BrandState.ENABLED,
            discount_percent=amazon.discount_percent,
            lower_minor=500,
            upper_minor=50_000,
            delivery_methods=frozenset({"code", "url"}),
            can_be_issued=True,
            can_be_undone=True,
            can_show_balance=True,
        )
        assert amazon.discount_percent == 4
        assert (starbucks.has_stock, starbucks.lower_minor) == (True, None)
        assert starbucks.denominations_minor == (500, 1000, 1500, 2500)
        assert by_slug["home-depot-us"].is_asynchronous
        assert by_slug["visa-us"].state is BrandState.PAUSED
        assert by_slug["example-disabled"].state is BrandState.DISABLED
        assert by_slug["example-disabled"].state_reason == "Relationship disabled by brand"
        assert not by_slug["walmart-us"].can_be_undone

    def test_names_the_brands_nobody_understands(self, vendor: VendorStub) -> None:
        fine = {"status": {"code": "ENABLED"}, "currency": "USD"}
        vendor.words = says(
            {
                "brands": {
                    "fine": fine,
                    "retired": {**fine, "status": {"code": "RETIRED"}},
                    "nowhere": {**fine, "currency": "dollars"},
                    "empty": [],
                    "null": None,
                }
            }
        )
        catalogue = connect(vendor.url).list_brands()
        assert [brand.slug for brand in catalogue.brands] == ["fine"]
        assert catalogue.unreadable == ("empty", "nowhere", "null", "retired")

    def test_is_not_answered_without_a_connection(self) -> None:
        with pytest.raises(UnreachableError):
            connect("http://127.0.0.1:1").list_brands()

    @pytest.mark.parametrize("action", ["drop", "malformed", "status"])
    def test_is_not_answered_by_half_an_answer(
        self, tillo: Tillo, tillo_emulator: Emulator, action: str
    ) -> None:
        tillo_emulator.set_faults([{"match": {"request": "brands"}, "action": action}])
        with pytest.raises(NoAnswerError):
            tillo.list_brands()

    def test_says_when_to_come_back(self, tillo: Tillo, tillo_emulator: Emulator) -> None:
        rule = {"match": {"request": "brands"}, "action": "rate_limited", "retry_after": 9}
        tillo_emulator.set_faults([rule])
        with pytest.raises(RefusedError) as refused:
            tillo.list_brands()
        assert (refused.value.code, refused.value.retry_after_seconds) == ("211", 9.0)


class TestCheckFloats:
    def test_goes_down_with_each_card(self, tillo: Tillo) -> None:
        buy(tillo, new_order())
        assert tillo.check_floats() == [
            ProviderFloat(
                name="universal-float",
                available=Money(1_000_00, "GBP"),
                pending=Money(0, "GBP"),
            ),
            ProviderFloat(
                name="universal-float",
                available=Money(9_976_00, "USD"),
                pending=Money(0, "USD"),
            ),
        ]

    def test_leaves_out_what_it_cannot_read(self, vendor: VendorStub) -> None:
        balance = {"available_balance": {"amount": -12.5, "currency": "USD"}}
        vendor.words = says({"floats": {"USD": {"a": balance, "b": {}, "c": None}, "GBP": []}})
        (shown,) = connect(vendor.url).check_floats()
        assert (shown.name, shown.available, shown.pending) == ("a", Money(-1250, "USD"), None)


class TestCheckBalance:
    def test_is_what_is_left(self, tillo: Tillo) -> None:
        order = new_order()
        buy(tillo, order)
        assert tillo.check_balance(order, request_id="balance-1") == Money(2500, "USD")
        tillo.reverse(order, request_id="undo-0001")
        assert tillo.check_balance(order, request_id="balance-2") == Money(0, "USD")

    def test_is_limited_to_fifty_a_minute(self, tillo: Tillo) -> None:
        order = new_order()
        buy(tillo, order)
        for number in range(50):
            tillo.check_balance(order, request_id=f"balance-{number}")
        with pytest.raises(RefusedError) as refused:
            tillo.check_balance(order, request_id="balance-51")
        assert refused.value.code == "211"
        assert 0 < (refused.value.retry_after_seconds or 0) <= 60

    def test_is_not_answered_without_an_amount(self, vendor: VendorStub) -> None:
        vendor.words = says({})
        with pytest.raises(NoAnswerError):
            connect(vendor.url).check_balance(new_order(), request_id="balance-1")
