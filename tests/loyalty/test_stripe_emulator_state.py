"""What the emulator keeps over restarts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from alerts.emulator.journal import JournalError
from loyalty.emulator import Emulator
from loyalty.providers import Gateway, MoneyBack, choose_gateway
from tests.loyalty.charging import REFUSED, VISA
from tests.loyalty.conftest import API_KEY
from tests.loyalty.test_stripe_gateway import charge


@contextmanager
def open_at(path: Path, settings: Settings) -> Iterator[tuple[Emulator, Gateway]]:
    with Emulator(api_key=API_KEY, state_path=path) as emulator:
        settings.STRIPE_API_KEY, settings.STRIPE_API_BASE_URL = API_KEY, emulator.base_url
        yield emulator, choose_gateway("stripe")


class TestState:
    def test_keeps_payments_refunds_and_answers(self, tmp_path: Path, settings: Settings) -> None:
        path = tmp_path / "payments.jsonl"
        paid, declined, forestalled = charge(), charge(), charge()
        with open_at(path, settings) as (emulator, gateway):
            first = gateway.charge(paid, payment_method=VISA)
            gateway.charge(declined, payment_method=REFUSED)
            gateway.forestall(forestalled)
            back = MoneyBack(
                refund_id=uuid4(), amount_minor=400, currency="USD", reference=first.reference
            )
            returned = gateway.refund(back)
            before = emulator.payments(), emulator.refunds()
        with open_at(path, settings) as (emulator, gateway):
            assert (emulator.payments(), emulator.refunds()) == before
            assert gateway.charge(paid, payment_method=VISA) == first
            assert gateway.charge(declined, payment_method=REFUSED).outcome == "declined"
            assert gateway.refund(back) == returned
            assert emulator.taken() == 1000
            gateway.charge(charge(), payment_method=VISA)
            names = [one["id"] for one in (*emulator.payments(), *emulator.refunds())]
            assert len(set(names)) == len(names) == 5

    def test_keeps_what_was_settled_and_forgets_when_told(
        self, tmp_path: Path, settings: Settings
    ) -> None:
        path = tmp_path / "payments.jsonl"
        with open_at(path, settings) as (emulator, gateway):
            emulator.set_faults([{"action": "processing"}])
            gateway.charge(charge(), payment_method=VISA)
            emulator.settle()
        with open_at(path, settings) as (emulator, _):
            assert emulator.taken() == 1400
            emulator.reset()
        with open_at(path, settings) as (emulator, _):
            assert emulator.payments() == []

    def test_refuses_a_damaged_file(self, tmp_path: Path) -> None:
        path = tmp_path / "payments.jsonl"
        path.write_bytes(b"not JSON\n{}\n")
        with pytest.raises(JournalError, match="line 1"):
            Emulator(api_key=API_KEY, state_path=path).start()
