"""Forgetting a customer: nothing says any more who they were, and what was paid stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings
from twilio.rest import Client as TwilioClient

from alerts.errors import ServiceError, ValidationFailedError
from credit.models import AuditEvent, Entry
from loyalty.models import Checkout, Customer, CustomerErasure, LoyaltyTransaction, Refund, Reward
from loyalty.services.contacts import Contact
from loyalty.services.customers import change_customer, deactivate_customer, reactivate_customer
from loyalty.services.erasing import (
    CustomerInWorkError,
    ForgetNotPermittedError,
    work_off_customer_erasures,
)
from loyalty.services.refusals import NoSuchThingError, StateForbidsError
from loyalty.services.reward_links import derive_reward_token
from loyalty.services.reward_showing import LinkExpiredError, show_reward_card
from redemption.models import Recipient
from sms.emulator import Emulator
from sms.models import ConsentEvent, KeptOptOut, Message, OptIn, PhoneHealth
from sms.services.sending import send_due_messages
from tests.loyalty.deeds import refund
from tests.loyalty.forgetting import (
    FIRST,
    LAST,
    LATER,
    MARKS,
    PHONE,
    begin_checkout,
    forget,
    someone_known,
)
from tests.loyalty.rewarding import TEXT, take
from tests.loyalty.shop import Shop, history_of, points_of, points_out_of_order
from tests.loyalty.totals import broken_points
from tests.redemption.buying import buy_from
from tests.redemption.forgetting import PHONE as RECIPIENTS_PHONE
from tests.redemption.forgetting import erase, found_in, make_operator, settle_texts
from tests.redemption.forgetting import someone_known as some_recipient
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


# To the number of somebody who is to be forgotten.
TEXT_TO_THEM = Contact(method="sms", to=PHONE)


def kept_facts() -> tuple[Any, ...]:
    """Return what was bought, given and paid."""
    points = LoyaltyTransaction.objects.order_by("number")
    return (
        list(points.values_list("pk", "points", "type", "balance_before", "balance_after")),
        list(Checkout.objects.order_by("pk").values()),
        list(Refund.objects.order_by("pk").values_list("pk", "amount_minor", "state")),
        list(Reward.objects.order_by("pk").values_list("pk", "state", "points", "card")),
        list(Entry.objects.order_by("pk").values_list()),
        Message.objects.count(),
        ConsentEvent.objects.count(),
    )


class TestForgetCustomer:
    def test_leaves_no_word_of_them_in_any_table(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        assert {mark for marks in found_in(*MARKS).values() for mark in marks} == set(MARKS)
        erasure = forget(make_operator(), customer)
        assert found_in(*MARKS) == {}
        customer.refresh_from_db()
        assert (customer.is_active, customer.erased_at) == (False, LATER)
        assert (erasure.customer_id, erasure.erased_at) == (customer.pk, LATER)

    def test_keeps_what_was_bought_and_paid(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        before, points = kept_facts(), points_of(customer)
        forget(make_operator(), customer)
        assert kept_facts() == before
        assert points_of(customer) == points
        assert points[0] > 0
        assert broken_points() == {}
        # Words that name nobody stay.
        said = set(LoyaltyTransaction.objects.values_list("description", flat=True))
        assert {"", "To begin with", "Order order-0"} <= said
        record = AuditEvent.objects.get(action="x.looked_at", object_kind="card")
        assert record.details == {"before": {"state": "issued"}, "reason": ""}

    def test_touches_nobody_else(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        other = shop.customer(points=3000, last_name="Beacon", phone=TEXT.to)
        world.stock(1)
        take(shop, world, other, contact=TEXT)
        settle_texts()
        before = found_in("Beacon", TEXT.to)
        assert before.keys() == {"loyalty_customer", "loyalty_reward", "sms_message"}
        forget(make_operator(), customer)
        assert found_in("Beacon", TEXT.to) == before

    def test_leaves_nothing_to_be_earned_or_spent(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        forget(make_operator(), customer)
        before = history_of(customer.pk)
        for points in (0, 100):
            with pytest.raises(ValidationFailedError) as refusal:
                shop.buy(shop.cart(customer, mugs=1, points=points))
            assert refusal.value.errors == {"customer_id": ["This customer's account is closed."]}
        with pytest.raises(ServiceError):
            take(shop, world, customer)
        assert history_of(customer.pk) == before

    def test_lets_an_old_order_be_refunded(self, shop: Shop) -> None:
        customer = shop.customer(points=100)
        bought = shop.buy(shop.cart(customer, mugs=1, points=100))
        forget(make_operator(), customer)
        refund(shop.client.pk, bought.checkout_id, amount_minor=1100)
        assert points_of(customer) == (100, 0)
        assert broken_points() == {}

    def test_kills_the_links_to_their_cards(self, shop: Shop, world: World) -> None:
        world.stock(1)
        customer = shop.customer(points=3000)
        given = take(shop, world, customer)
        token = derive_reward_token(reward_id=given.reward_id)
        forget(make_operator(), customer)
        with pytest.raises(LinkExpiredError):
            show_reward_card(token=token, now=LATER)

    def test_goes_on_heeding_their_stop(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        assert OptIn.objects.get().state == "revoked"
        forget(make_operator(), customer)
        assert not OptIn.objects.exists()
        assert KeptOptOut.objects.get().client_id == shop.client.pk

    def test_says_who_asked_for_it_and_why(self, shop: Shop) -> None:
        operator, customer = make_operator(), shop.customer()
        erasure = forget(operator, customer)
        record = AuditEvent.objects.get(action="customer.forgotten")
        assert (record.actor, record.object_id) == (f"user:{operator.pk}", str(customer.pk))
        assert record.details["reason"] == erasure.reason == "Asked by e-mail, ticket 4711"
        assert erasure.requested_by == f"user:{operator.pk}"

    def test_happens_once(self, shop: Shop) -> None:
        operator, customer = make_operator(), shop.customer()
        first = forget(operator, customer)
        again = forget(operator, customer, reason="Once more", now=LATER + timedelta(days=1))
        assert (again.pk, again.reason, again.erased_at) == (first.pk, first.reason, LATER)
        customer.refresh_from_db()
        assert customer.erased_at == LATER
        assert AuditEvent.objects.filter(action="customer.forgotten").count() == 1

    def test_lets_their_number_collect_anew(self, shop: Shop) -> None:
        forget(make_operator(), shop.customer(phone=PHONE))
        assert shop.customer(phone=PHONE).points_balance == 0


class TestRefuses:
    def test_who_lacks_the_right(self, shop: Shop) -> None:
        customer = shop.customer()
        with pytest.raises(ForgetNotPermittedError):
            forget(make_operator("export_person"), customer)
        assert Customer.objects.get(erased_at=None).first_name == "Ana"

    def test_whom_nobody_knows(self, shop: Shop) -> None:
        with pytest.raises(NoSuchThingError):
            forget(make_operator(), shop.customer(), customer_id=uuid4())

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"reason": " "}, "reason"),
            ({"reason": f"{FIRST} has asked"}, "reason"),
            ({"reason": f"MRS. {LAST.upper()}"}, "reason"),
            ({"confirmation": "erase"}, "confirmation"),
        ],
    )
    def test_without_a_reason_and_the_word(
        self, shop: Shop, changes: dict[str, str], field: str
    ) -> None:
        customer = shop.customer(last_name=LAST)
        Customer.objects.update(first_name=FIRST)
        with pytest.raises(ValidationFailedError) as refusal:
            forget(make_operator(), customer, **changes)
        assert list(refusal.value.errors) == [field]
        assert not CustomerErasure.objects.exists()

    @pytest.mark.parametrize("points", [0, 100])
    def test_while_a_payment_is_unknown(self, shop: Shop, points: int) -> None:
        customer = shop.customer(points=points)
        begin_checkout(shop, customer, points=points)
        self.refused(customer, "whether a payment")

    def test_while_points_are_owed(self, shop: Shop) -> None:
        customer = shop.customer()
        with points_out_of_order():
            shop.buy(shop.cart(customer, mugs=1))
        self.refused(customer, "Points of a paid order")

    @pytest.mark.usefixtures("tillo_settings")
    def test_while_a_gift_card_is_bought(self, shop: Shop, world: World) -> None:
        buy_from(world)
        customer = shop.customer(points=3000)
        assert take(shop, world, customer, contact=TEXT).state == "provisioning"
        self.refused(customer, "is being bought")
        Reward.objects.update(state=Reward.State.UNCONFIRMED)
        self.refused(customer, "Nobody knows yet what became of an order")

    def test_while_a_text_is_under_way(self, shop: Shop, world: World) -> None:
        world.stock(1)
        customer = shop.customer(points=3000)
        take(shop, world, customer, contact=TEXT)
        self.refused(customer, "under way")
        settle_texts()
        assert forget(make_operator(), customer).erased_at == LATER

    def refused(self, customer: Customer, words: str) -> None:
        with pytest.raises(CustomerInWorkError) as refusal:
            forget(make_operator(), customer)
        (said,) = refusal.value.errors["customer"]
        assert words in said
        customer.refresh_from_db()
        assert (customer.first_name, customer.is_active, customer.erased_at) == ("Ana", True, None)
        assert not CustomerErasure.objects.exists()


class TestWhoWasForgotten:
    def test_is_not_changed_or_opened_again(self, shop: Shop) -> None:
        customer = shop.customer()
        forget(make_operator(), customer)
        who: dict[str, Any] = {
            "client_id": shop.client.pk, "customer_id": customer.pk, "actor": "key:test",
        }  # fmt: skip
        with pytest.raises(StateForbidsError):
            change_customer(first_name="Ana", **who)
        with pytest.raises(StateForbidsError):
            reactivate_customer(**who)
        assert not deactivate_customer(**who).is_active
        customer.refresh_from_db()
        assert (customer.first_name, customer.is_active) == ("", False)


class TestSharedNumbers:
    """A number may be somebody else's too: consent and texts of it stay as long as one is known."""

    def test_of_another_customers_card_stays(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        world.stock(1)
        # Somebody else has a card sent there.
        take(shop, world, shop.customer(points=3000), contact=TEXT_TO_THEM)
        settle_texts()
        forget(make_operator(), customer)
        assert OptIn.objects.get(phone=PHONE).state == "revoked"
        assert found_in(FIRST, LAST).keys() == {
            "sms_inboundmessage",
            "sms_optin",
            "sms_consentevent",
        }

    def test_of_a_recipient_stays_until_they_are_erased(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        (code,) = world.invite()
        person = world.recipient(code)
        Recipient.objects.filter(pk=person.pk).update(phone=PHONE)
        forget(make_operator(), customer)
        assert OptIn.objects.get(phone=PHONE).state == "revoked"
        assert PhoneHealth.objects.filter(phone=PHONE).exists()
        erase(make_operator(), person)
        assert found_in(PHONE) == {}

    def test_of_a_customer_stays_when_a_recipient_is_erased(self, shop: Shop, world: World) -> None:
        person = some_recipient(world)
        shop.customer(phone=RECIPIENTS_PHONE)
        erase(make_operator(), person)
        assert OptIn.objects.get(phone=RECIPIENTS_PHONE).state == "revoked"
        assert PhoneHealth.objects.filter(phone=RECIPIENTS_PHONE).exists()


class TestAtTheProvider:
    def test_is_asked_again_until_nothing_is_left(self, shop: Shop, world: World) -> None:
        # Nobody listens there in this test.
        erasure = forget(make_operator(), someone_known(shop, world))
        assert erasure.provider_ids == ["SM1", "SM2"]
        assert erasure.next_attempt_at == LATER + timedelta(minutes=15)
        assert work_off_customer_erasures(now=LATER) == 0

    def test_is_done_where_there_is_no_provider(
        self, shop: Shop, world: World, settings: Settings
    ) -> None:
        erasure = forget(make_operator(), someone_known(shop, world))
        settings.TWILIO_ACCOUNT_SID = ""
        assert work_off_customer_erasures(now=LATER + timedelta(minutes=15)) == 1
        erasure.refresh_from_db()
        assert (erasure.provider_ids, erasure.next_attempt_at) == ([], None)
        assert work_off_customer_erasures(now=LATER + timedelta(days=1)) == 0

    def test_is_emptied_of_their_texts(
        self,
        shop: Shop,
        world: World,
        twilio_settings: Settings,
        twilio_emulator: Emulator,
        twilio_client: TwilioClient,
        live_server: Any,
    ) -> None:
        twilio_settings.PUBLIC_BASE_URL = live_server.url
        now = datetime.now(UTC).replace(microsecond=0)
        world.stock(1)
        customer = shop.customer(points=3000)
        take(shop, world, customer, contact=TEXT, now=now)
        send_due_messages(now=now)
        assert twilio_emulator.wait_until_quiet()
        provider_id = Message.objects.get().provider_id
        assert "gift card for points" in twilio_client.messages(provider_id).fetch().body
        erasure = forget(make_operator(), customer, now=now + timedelta(minutes=5))
        assert (erasure.provider_ids, erasure.next_attempt_at) == ([], None)
        assert twilio_client.messages(provider_id).fetch().body == ""
