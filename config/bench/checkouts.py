"""Checkouts of customers who spend a point and earn some: of many, and of one."""

from __future__ import annotations

import dataclasses
import itertools
from decimal import Decimal
from typing import Final
from uuid import UUID, uuid4

from django.db import connections
from django.utils import timezone

from config.bench.course import Course
from config.bench.limit import run_pgbench
from config.bench.measure import Sample
from config.bench.service import run_threads
from credit.models import Client
from credit.services.idempotency import claim_key
from loyalty.models import Customer, LoyaltyProgram, RegisterSession, StockItem
from loyalty.services.checkouts import Cart, Line, ManualPayment, check_out

_SKU: Final = "COFFEE"
_PRICE_MINOR: Final = 400
_POINTS: Final = 1
_TO_BEGIN_WITH: Final = 1_000
_PLENTY: Final = 10**12
_SCHEMA: Final = """
    CREATE UNLOGGED TABLE bench.shopper (
        number integer PRIMARY KEY, client_id uuid, customer_id uuid, session_id uuid);
    CREATE SEQUENCE bench.checkouts MINVALUE 0 START WITH 0;
    GRANT SELECT ON bench.shopper TO "{role}";
    GRANT USAGE ON SEQUENCE bench.checkouts TO "{role}";
"""
# What the service passes, by the same names.
_CHECK_OUT: Final = """
SELECT o.* FROM bench.shopper s, loyalty_check_out(
    p_checkout_id => gen_random_uuid(),
    p_client_id => s.client_id, p_customer_id => s.customer_id,
    p_register_session_id => s.session_id,
    p_order_number => gen_random_uuid()::text,
    p_skus => ARRAY['{sku}'], p_quantities => ARRAY[1], p_points => {points},
    p_gateway => 'manual', p_payment_id => gen_random_uuid(),
    p_outcome => 'approved', p_amount_minor => {paid}, p_gateway_reference => 'slip',
    p_actor => 'key-' || gen_random_uuid()::text,
    p_request_id => replace(gen_random_uuid()::text, '-', ''),
    p_idempotency_owner => 'bench', p_idempotency_key => gen_random_uuid()::text,
    p_idempotency_fingerprint => sha256(uuid_send(gen_random_uuid())),
    p_now => now()) o
WHERE s.number = {number};
"""


@dataclasses.dataclass(frozen=True, slots=True)
class _Shopper:
    client_id: UUID
    customer_id: UUID
    session_id: UUID


class Checkouts:
    """A shop of each client, with a till and a customer: the last one is the hot one.

    A customer earns more than they spend, so nobody runs dry, and no row is another's.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self._numbers = itertools.count()
        with connections["owner"].cursor() as cursor:
            role = connections["default"].settings_dict["USER"]
            cursor.execute(_SCHEMA.format(role=role))
        self._shoppers = [self._open_shop(number) for number in range(course.accounts + 1)]
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "VACUUM ANALYZE loyalty_customer, loyalty_stockitem, loyalty_registersession,"
                " loyalty_loyaltytransaction"
            )

    def run_function(self, clients: int, *, is_hot: bool = False) -> Sample:
        """Have pgbench check out by the function that the service calls."""
        many = f"(SELECT nextval('bench.checkouts') % {self.course.accounts})"
        script = _CHECK_OUT.format(
            sku=_SKU,
            points=_POINTS,
            paid=_PRICE_MINOR - _POINTS,
            number=self.course.accounts if is_hot else many,
        )
        return run_pgbench(script, clients=clients, course=self.course)

    def run_service(self, threads: int, *, is_hot: bool = False) -> Sample:
        """Check out in threads of this process."""

        def check_out_once() -> None:
            number = next(self._numbers) % self.course.accounts
            _check_out_once(self._shoppers[self.course.accounts if is_hot else number])

        return run_threads(check_out_once, threads=threads, course=self.course)

    def _open_shop(self, number: int) -> _Shopper:
        client = Client.objects.get(slug=f"bench-client-{number}")
        LoyaltyProgram.objects.create(
            client=client,
            currency="USD",
            points_per_currency_unit=Decimal(1),
            point_value_minor=Decimal(1),
        )
        StockItem.objects.create(
            client=client,
            sku=_SKU,
            name="Coffee",
            price_minor=_PRICE_MINOR,
            currency="USD",
            on_hand=_PLENTY,
        )
        now = timezone.now()
        session = RegisterSession.objects.create(
            client=client, register="Till 1", currency="USD", opened_at=now, opened_by="system"
        )
        customer = Customer.objects.create(client=client, first_name="Ana")
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "SELECT loyalty_adjust_points(%s, %s, %s, %s, 'To begin with', 'system', %s)",
                [client.pk, customer.pk, _TO_BEGIN_WITH, uuid4(), now],
            )
            cursor.execute(
                "INSERT INTO bench.shopper VALUES (%s, %s, %s, %s)",
                [number, client.pk, customer.pk, session.pk],
            )
        return _Shopper(client.pk, customer.pk, session.pk)


def _check_out_once(shopper: _Shopper) -> None:
    key = str(uuid4())
    check_out(
        cart=Cart(
            client_id=shopper.client_id,
            customer_id=shopper.customer_id,
            lines=[Line(sku=_SKU, quantity=1)],
            points_to_redeem=_POINTS,
        ),
        payment=ManualPayment(
            is_approved=True, amount_minor=_PRICE_MINOR - _POINTS, reference="slip"
        ),
        order_number=key,
        register_session_id=shopper.session_id,
        actor=f"key:{key}",
        request_id=uuid4().hex,
        now=timezone.now(),
        key=claim_key(
            owner="bench",
            key=key,
            method="POST",
            path="/api/v1/loyalty/checkouts/",
            body={"order_number": key, "lines": [{"sku": _SKU, "quantity": 1}]},
        ),
    )
