"""A customer of whom everything is known, and forgetting them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from alerts.transactions import transaction
from credit.models import User
from credit.services.audit import record_event
from loyalty.models import Customer, CustomerErasure, ReconciliationItem
from loyalty.services.adjustments import adjust_points
from loyalty.services.contacts import Contact
from loyalty.services.erasing import forget_customer
from loyalty.services.reconciliation import replay_item
from loyalty.services.refunds import refund_checkout
from tests.loyalty.deeds import ask_database
from tests.loyalty.rewarding import take
from tests.loyalty.shop import NOW, Shop, points_out_of_order
from tests.redemption.forgetting import leave_texts
from tests.world import World

_BEGIN: Final = (
    "SELECT id FROM loyalty_begin_checkout(%s, %s, %s, %s, %s, ARRAY['MUG'], ARRAY[1], %s,"
    " 'stripe', %s, %s, 'key:test', '', NULL, NULL, NULL, %s)"
)
FIRST, LAST = "Zdenka", "Wrzesniewska"
PHONE, OTHER_PHONE, EMAIL = "+12025550177", "+12025550178", "zdenka@wrzesniewska.example"
# What must be found nowhere once they are forgotten.
MARKS = (FIRST, LAST, PHONE, OTHER_PHONE, EMAIL)
WHY = "Asked by e-mail, ticket 4711"
LATER = NOW + timedelta(hours=2)


def someone_known(shop: Shop, world: World) -> Customer:
    """Let somebody buy, be refunded, owed and rewarded, and text; with nothing under way."""
    customer = shop.customer(points=6000, last_name=LAST, phone=PHONE, email=EMAIL)
    Customer.objects.filter(pk=customer.pk).update(first_name=FIRST)
    adjust_points(
        client_id=shop.client.pk,
        customer_id=customer.pk,
        points=5,
        adjustment_id=uuid4(),
        reason=f"{FIRST} had waited",
        actor="system",
        now=NOW,
    )
    bought = shop.buy(shop.cart(customer, mugs=1, points=100))
    refund_checkout(
        client_id=shop.client.pk,
        checkout_id=bought.checkout_id,
        amount_minor=100,
        reason=f"Mrs. {LAST} found a crack",
        actor="user:1",
        request_id="req-1",
        now=NOW,
    )
    with points_out_of_order():
        owed = shop.buy(shop.cart(customer, coffees=1))
    item = ReconciliationItem.objects.get(checkout_id=owed.checkout_id)
    replay_item(item_id=item.pk, actor="user:1", note=f"{FIRST} has called", now=NOW)
    world.stock(2)
    given = take(shop, world, customer, contact=Contact(method="sms", to=PHONE))
    # To a number that stands nowhere else.
    take(shop, world, customer, contact=Contact(method="sms", to=OTHER_PHONE))
    leave_texts(shop.client)
    assert given.card is not None
    with transaction():
        for kind, key in (("customer", customer.pk), ("card", given.card.card_id)):
            record_event(
                actor="user:1",
                action="x.looked_at",
                object_kind=kind,
                object_id=key,
                now=NOW,
                before={"state": "issued"},
                reason=f"{LAST.upper()} had asked",
            )
    customer.refresh_from_db()
    return customer


def forget(operator: User, customer: Customer, **changes: Any) -> CustomerErasure:
    facts: dict[str, Any] = {"reason": WHY, "confirmation": "forget", "now": LATER}
    return forget_customer(**{"user": operator, "customer_id": customer.pk, **facts, **changes})


def begin_checkout(shop: Shop, customer: Customer, *, points: int) -> UUID:
    """Begin to pay for a mug by a gateway that has not answered yet; return the checkout's id."""
    begun: UUID = ask_database(
        _BEGIN, uuid4(), shop.client.pk, customer.pk, shop.till.pk, str(uuid4()), points, uuid4(),
        NOW, NOW,
    )  # fmt: skip
    return begun
