"""A shop of the demo: a programme, articles, tills, customers and a month of checkouts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID

from django.db import connections

from alerts.transactions import transaction
from config.demo_data.plan import CURRENCY, DEMO_CLIENT
from credit.models import Client
from loyalty.models import (
    Checkout,
    Customer,
    LoyaltyProgram,
    RegisterSession,
    StockItem,
    Tier,
)
from loyalty.services.adjustments import adjust_points
from loyalty.services.articles import create_article
from loyalty.services.checkouts import Cart, Line, ManualPayment, check_out
from loyalty.services.customers import create_customer
from loyalty.services.refunds import refund_checkout
from loyalty.services.registers import close_register, open_register

DAYS: Final = 30
CUSTOMERS: Final = 30
_A_DAY: Final = 5
_REFUND_EVERY: Final = 30
_ACTOR: Final = "system"
_TIERS: Final = (
    ("Silver", 100, Decimal("1.25")),
    ("Gold", 300, Decimal("1.50")),
    ("Platinum", 800, Decimal(2)),
)
_ARTICLES: Final = (
    ("LAMP-LED-9W", "LED lamp, 9 watts", 499, 900),
    ("PLUG-SMART", "Smart plug", 1999, 400),
    ("THERMO-1", "Room thermostat", 7990, 120),
    ("CABLE-USB-C", "USB-C cable, 2 m", 1250, 600),
    ("SOLAR-RADIO", "Solar radio", 3495, 150),
)
_FIRST_NAMES: Final = (
    "Ana", "Bruno", "Chidi", "Dora", "Emil", "Faye", "Goran", "Hana", "Ivo", "June",
)  # fmt: skip
_LAST_NAMES: Final = ("Sample", "Harbor", "Linden")


def seed_loyalty(*, now: datetime) -> None:
    """Open the demo client's shop and let a month pass in it; a second start leaves it alone."""
    client = Client.objects.get(slug=DEMO_CLIENT)
    _seed_program(client, now=now)
    begins_at = (now - timedelta(days=DAYS)).replace(hour=9, minute=0, second=0, microsecond=0)
    for sku, name, price_minor, on_hand in _ARTICLES:
        if not StockItem.objects.filter(client=client, sku=sku).exists():
            create_article(
                client_id=client.pk,
                sku=sku,
                name=name,
                price_minor=price_minor,
                currency=CURRENCY,
                on_hand=on_hand,
                actor=_ACTOR,
                now=begins_at,
            )
    customers = [_seed_customer(client, number, now=begins_at) for number in range(CUSTOMERS)]
    if not Checkout.objects.filter(client=client).exists():
        _seed_month(client, customers, begins_at=begins_at, now=now)
    _open_till(client, now=now)


def describe_shop() -> dict[str, Any]:
    """Return what a partner's till needs to try checkouts, for demo.json."""
    client = Client.objects.get(slug=DEMO_CLIENT)
    customer = Customer.objects.get(client=client, phone=_phone(0))
    session = RegisterSession.objects.get(client=client, register="Till 1", closed_at=None)
    return {
        "loyalty": {
            "client_id": str(client.pk),
            "customer_id": str(customer.pk),
            "register_session_id": str(session.pk),
            "skus": [sku for sku, *_ in _ARTICLES],
        }
    }


def _seed_program(client: Client, *, now: datetime) -> None:
    with transaction():
        program, is_new = LoyaltyProgram.objects.get_or_create(
            client=client,
            defaults={
                "currency": CURRENCY,
                "points_per_currency_unit": Decimal(1),
                "point_value_minor": Decimal(1),
                "minimum_redemption": 50,
                "expiry_months": 12,
                "created_at": now,
            },
        )
        if is_new:
            for name, from_lifetime_points, multiplier in _TIERS:
                Tier.objects.create(
                    program=program,
                    client=client,
                    name=name,
                    from_lifetime_points=from_lifetime_points,
                    earn_multiplier=multiplier,
                )


def _phone(number: int) -> str:
    return f"+1202555{number:04d}"


def _seed_customer(client: Client, number: int, *, now: datetime) -> UUID:
    """Return somebody with points to begin with."""
    found = Customer.objects.filter(client=client, phone=_phone(number))
    known = found.values_list("pk", flat=True)[:1]
    if known:
        return known[0]
    first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    last = _LAST_NAMES[number // len(_FIRST_NAMES)]
    customer_id = create_customer(
        client_id=client.pk,
        actor=_ACTOR,
        now=now,
        first_name=first,
        last_name=last,
        phone=_phone(number),
        email=f"{first}.{last}@example.com".lower(),
    ).customer_id
    adjust_points(
        client_id=client.pk,
        customer_id=customer_id,
        points=500 if number == 0 else 100,
        # The same at each start, so that nobody is welcomed twice.
        adjustment_id=customer_id,
        reason="Welcome",
        actor=_ACTOR,
        now=now,
    )
    return customer_id


def _open_till(client: Client, *, now: datetime) -> UUID:
    known = RegisterSession.objects.filter(client=client, register="Till 1", closed_at=None)
    for session in known:
        return session.pk
    return open_register(
        client_id=client.pk, register="Till 1", currency=CURRENCY, actor=_ACTOR, now=now
    ).register_session_id


def _seed_month(
    client: Client, customers: Sequence[UUID], *, begins_at: datetime, now: datetime
) -> None:
    """Sell a few things each day; some with points, some given back a little later."""
    random, sold = Random(8), 0  # noqa: S311  nothing secret: the same month each time
    for day in range(DAYS):
        opens_at = begins_at + timedelta(days=day)
        till = _open_till(client, now=opens_at)
        for number in range(_A_DAY):
            at = opens_at + timedelta(minutes=40 * (number + 1))
            customer_id = random.choice(customers)
            checkout_id = _sell(client, customer_id, random, till=till, at=at)
            sold += 1
            if sold % _REFUND_EVERY == 0:
                refund_checkout(
                    client_id=client.pk,
                    checkout_id=checkout_id,
                    amount_minor=400,
                    reason="Scratched",
                    actor=_ACTOR,
                    request_id=f"demo-refund-{sold}",
                    now=at + timedelta(minutes=20),
                )
        if day == DAYS - 1:
            _owe(client, customers[0], random, till=till, at=opens_at + timedelta(hours=8))
        closes_at = min(opens_at + timedelta(hours=9), now)
        close_register(client_id=client.pk, register_session_id=till, actor=_ACTOR, now=closes_at)


def _owe(client: Client, customer_id: UUID, random: Random, *, till: UUID, at: datetime) -> None:
    """Sell something while nobody can write points: for two seconds somebody else holds them.

    So one paid order is in the queue, until the job or a person replays it.
    """
    with transaction(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("LOCK TABLE loyalty_loyaltytransaction IN SHARE MODE")
        _sell(client, customer_id, random, till=till, at=at)


def _sell(client: Client, customer_id: UUID, random: Random, *, till: UUID, at: datetime) -> UUID:
    sku, _, price_minor, _ = random.choice(_ARTICLES)
    quantity = random.randint(1, 3)
    cost = price_minor * quantity
    customer = Customer.objects.get(pk=customer_id)
    available = customer.points_balance - customer.points_held
    redeems = available >= 100 and random.random() < 0.3
    points = min(available, cost, 250) if redeems else 0
    return check_out(
        cart=Cart(
            client_id=client.pk,
            lines=[Line(sku=sku, quantity=quantity)],
            customer_id=customer_id,
            points_to_redeem=points,
        ),
        payment=ManualPayment(is_approved=True, amount_minor=cost - points, reference="cash"),
        order_number=f"S-{at:%m%d-%H%M}",
        register_session_id=till,
        actor=_ACTOR,
        request_id=f"demo-{at:%m%d%H%M}",
        now=at,
    ).checkout_id
