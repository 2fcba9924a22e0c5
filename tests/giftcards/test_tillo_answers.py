"""Answers of Tillo's that keep to no contract, and what may be seen of the others."""

import json
import logging
import time
from decimal import Decimal
from typing import Any

import pytest

from credit.money import Money
from giftcards.emulator import Emulator
from giftcards.providers import CardOrder
from giftcards.providers.outcomes import Sold, SoldCard, Unknown
from giftcards.providers.tillo import Tillo
from tests.giftcards.tillo_fixture import API_KEY, SECRET_KEY, connect, new_order
from tests.giftcards.vendor_stub import VendorStub


def buy(tillo: Tillo, order: CardOrder | None = None) -> SoldCard:
    outcome = tillo.issue(order or new_order())
    assert isinstance(outcome, Sold)
    return outcome.card


def sold(**changes: Any) -> bytes:
    data = {
        "brand": "amazon-us",
        "code": "SECRET-CODE",
        "face_value": {"amount": 25, "currency": "USD"},
        "reference": "r",
        **changes,
    }
    return json.dumps({"code": "000", "data": data}).encode()


class TestAnAnswerOutOfLine:
    @pytest.mark.parametrize(
        "words",
        [
            b"",
            b"OK",
            b"[]",
            b"{}",
            b'"000"',
            b"\xff\xfe",
            b'{"code": 0}',
            b'{"code": "0 0"}',
            b'{"code": ""}',
            b'{"code": "000"}',
            b'{"code": "000", "data": []}',
            b"[" * 100_000,
            sold(code=""),
            sold(code=None),
            sold(code=["SECRET-CODE"]),
            sold(code="S" * 256),
            sold(brand="target-us"),
            sold(face_value=None),
            sold(face_value={"amount": 2500, "currency": "USD"}),
            sold(face_value={"amount": 25.001, "currency": "USD"}),
            sold(face_value={"amount": True, "currency": "USD"}),
            sold(face_value={"amount": 25, "currency": "GBP"}),
            sold(face_value={"amount": 25}),
            sold().replace(b"25", b"NaN"),
            sold().replace(b"25", b"1e999999999"),
            sold().replace(b"25", b"9" * 5000),
        ],
    )
    def test_is_no_answer(
        self, vendor: VendorStub, words: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        vendor.words = words
        with caplog.at_level(logging.DEBUG):
            outcome = connect(vendor.url).issue(new_order())
        assert isinstance(outcome, Unknown)
        assert "SECRET" not in repr(outcome) + caplog.text

    @pytest.mark.parametrize("amount", [b"25", b"25.0", b"25.00", b'"25.00"', b"2.5e1"])
    def test_may_write_its_amount_in_any_way(self, vendor: VendorStub, amount: bytes) -> None:
        vendor.words = sold().replace(b"25", amount)
        assert buy(connect(vendor.url)).face_value == Money(2500, "USD")

    def test_may_leave_out_what_no_money_hangs_on(self, vendor: VendorStub) -> None:
        vendor.words = sold(cost_value=None, discount="10 %", expiration_date="soon")
        card = buy(connect(vendor.url))
        assert card == SoldCard(reference="r", face_value=Money(2500, "USD"), code="SECRET-CODE")

    def test_may_cost_a_fraction_of_a_cent(self, vendor: VendorStub) -> None:
        vendor.words = sold(cost_value={"amount": 23.125, "currency": "USD"}, discount=7.5)
        card = buy(connect(vendor.url))
        assert (card.cost, card.discount_percent) == (Money(2313, "USD"), Decimal("7.5"))

    def test_may_break_off(self, vendor: VendorStub) -> None:
        vendor.words, vendor.headers = sold(), {"Content-Length": "100000"}
        assert isinstance(connect(vendor.url).issue(new_order()), Unknown)

    def test_is_not_waited_for_when_it_trickles_in(self, vendor: VendorStub) -> None:
        vendor.words, vendor.pause_seconds = sold() + b" " * 1000, 0.05
        began = time.monotonic()
        assert connect(vendor.url).issue(new_order()) == Unknown("timeout while reading")
        assert time.monotonic() - began < 1.5


class TestSecrets:
    def test_are_in_no_repr_and_in_no_log(
        self, tillo: Tillo, tillo_emulator: Emulator, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            order = new_order("target-us")
            by_code = tillo.issue(order)
            by_url = tillo.issue(new_order("apple-us", delivery_method="url"))
            status = tillo.order_status(order)
            shown = repr((by_code, by_url, status))
        first, second = tillo_emulator.sales()
        for secret in (first.code, f"'{first.pin}'", second.url, SECRET_KEY, API_KEY):
            assert secret not in shown
            assert secret not in caplog.text
        assert repr(tillo).startswith("<giftcards.providers.tillo.Tillo object")
