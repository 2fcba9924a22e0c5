"""kill -9 of the process that checks out by card: charged once or never, nothing held for good."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import Settings

from loyalty.emulator import Emulator
from loyalty.models import Checkout, Customer
from loyalty.services.checkouts import Cart, CheckoutResult, Line
from loyalty.services.payments import (
    ASKED_AFTER,
    GIVEN_UP_AFTER,
    GatewayPayment,
    check_out_by_gateway,
    settle_due,
)
from tests.loyalty.shop import open_shop, points_of
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

API_KEY = "sk_test_of_the_emulator"
PROGRAM = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from alerts.scope import EVERYTHING, seeing
from loyalty.providers import stripe
from loyalty.services import payments
from tests.crash.test_checkouts import buy

def die(*_arguments, **_named):
    os.kill(os.getpid(), 9)

{where}
seeing(EVERYTHING)(buy)(*sys.argv[1:])
"""
# Where it dies, whether Stripe has charged by then, and whether all is written.
STEPS = {
    "before it begins": ("payments.choose_gateway = die", 0, None),
    "before the call": ("stripe.Stripe.charge = die", 0, "payment_unknown"),
    "after the call, before it is recorded": ("payments._settle = die", 1600, "payment_unknown"),
    "after the recording": ("payments.amend_answer = payments.log.info = die", 1600, "completed"),
}


@pytest.fixture
def stripe(settings: Settings) -> Iterator[Emulator]:
    with Emulator(api_key=API_KEY) as emulator:
        settings.STRIPE_API_KEY = API_KEY
        settings.STRIPE_API_BASE_URL = emulator.base_url
        yield emulator


@pytest.fixture
def world() -> World:
    return build_world()


def buy(client_id: str, customer_id: str) -> CheckoutResult:
    from uuid import UUID

    return check_out_by_gateway(
        cart=Cart(
            client_id=UUID(client_id),
            customer_id=UUID(customer_id),
            lines=[Line(sku="COFFEE", quantity=1), Line(sku="MUG", quantity=1)],
        ),
        payment=GatewayPayment(gateway="stripe", payment_method="pm_card_visa", amount_minor=1600),
        order_number="crash-1",
        register_session_id=None,
        actor="key:test",
        request_id="crash",
        now=datetime.now(UTC),
    )


class TestAKilledCheckout:
    @pytest.mark.parametrize("step", STEPS)
    def test_is_brought_to_its_end_by_the_job(
        self, world: World, stripe: Emulator, step: str
    ) -> None:
        where, charged, state = STEPS[step]
        shop = open_shop(world)
        ana: Customer = shop.customer()
        died = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(where=where), str(shop.client.pk), str(ana.pk)],
            env={
                **os.environ,
                "STRIPE_API_KEY": API_KEY,
                "STRIPE_API_BASE_URL": stripe.base_url,
            },
            timeout=120,
            check=False,
        )
        assert died.returncode == -9
        assert stripe.taken() == charged
        assert [one.state for one in Checkout.objects.all()] == ([state] if state else [])

        now = datetime.now(UTC)
        settle_due(now=now + ASKED_AFTER, limit=10)
        settle_due(now=now + GIVEN_UP_AFTER + timedelta(minutes=1), limit=10)
        end = {0: "declined", 1600: "completed"}[charged]
        assert [one.state for one in Checkout.objects.all()] == ([end] if state else [])
        assert stripe.taken() == charged
        assert points_of(ana) == (charged // 100, 0)
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (9 if charged else 10, 0)
