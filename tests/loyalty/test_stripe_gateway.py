"""The adapter by itself, over real HTTP: what makes sure that nothing is charged twice."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from loyalty import providers
from loyalty.emulator import Emulator
from loyalty.providers import Charge, GatewayAnswer, choose_gateway
from tests.loyalty.charging import BLIND, REFUSED, VISA


def charge() -> Charge:
    return Charge(payment_id=uuid4(), amount_minor=1400, currency="USD", order_number="4711")


class TestCharge:
    def test_takes_a_payment_once_for_its_id(self, stripe: Emulator) -> None:
        gateway, one = choose_gateway("stripe"), charge()
        first = gateway.charge(one, payment_method=VISA)
        assert first == GatewayAnswer(outcome="approved", reference=stripe.payments()[0]["id"])
        assert gateway.charge(one, payment_method=VISA) == first
        assert stripe.taken() == 1400
        # The control: under another id it is another payment.
        gateway.charge(charge(), payment_method=VISA)
        assert stripe.taken() == 2800

    def test_is_declined_once_too(self, stripe: Emulator) -> None:
        gateway, one = choose_gateway("stripe"), charge()
        first = gateway.charge(one, payment_method=REFUSED)
        assert (first.outcome, first.error) == ("declined", "insufficient_funds")
        assert gateway.charge(one, payment_method=REFUSED) == first
        assert len(stripe.payments()) == 1

    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [
            ({"action": "status", "status": 429}, "declined"),
            ({"action": "status", "status": 500}, "unknown"),
            ({"action": "status", "status": 503}, "unknown"),
            ({"action": "drop"}, "unknown"),
            ({"action": "timeout", "seconds": 2.0}, "unknown"),
        ],
    )
    def test_is_unknown_where_there_is_a_doubt(
        self, stripe: Emulator, fault: dict[str, object], outcome: str
    ) -> None:
        stripe.set_faults([fault])
        assert choose_gateway("stripe").charge(charge(), payment_method=VISA).outcome == outcome


class TestForestall:
    def test_has_a_late_charge_refused(self, stripe: Emulator) -> None:
        gateway, late = choose_gateway("stripe"), charge()
        assert gateway.find(late, reference="") is None
        assert gateway.forestall(late).outcome == "declined"
        assert gateway.forestall(late).outcome == "declined"
        assert gateway.charge(late, payment_method=VISA).outcome == "unknown"
        found = gateway.find(late, reference="")
        assert found is not None
        assert found.outcome == "declined"
        assert stripe.taken() == 0

    def test_does_not_touch_what_was_charged(self, stripe: Emulator) -> None:
        gateway, one = choose_gateway("stripe"), charge()
        gateway.charge(one, payment_method=VISA)
        stripe.set_faults([BLIND])
        assert gateway.find(one, reference="") is None
        assert gateway.forestall(one).outcome == "unknown"
        assert stripe.taken() == 1400


class TestRequireLibrary:
    def test_ends_the_start_where_the_library_is_missing(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from django.apps import apps

        config = apps.get_app_config("loyalty")
        monkeypatch.setattr(providers, "STRIPE_LIBRARY", "a_library_that_nobody_has")
        settings.STRIPE_API_KEY = ""
        config.ready()
        settings.STRIPE_API_KEY = "sk_test_1"
        with pytest.raises(ImproperlyConfigured, match=r"requirements-stripe\.lock"):
            config.ready()
