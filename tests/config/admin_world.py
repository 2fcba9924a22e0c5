"""One of everything that the admin shows."""

from __future__ import annotations

from django.test import Client as Browser

from alerts.models import Alert, EscalationContact, NoticeRoute
from alerts.runbook import Grade
from alerts.services.alerts import raise_alert
from alerts.services.incidents import open_incident
from alerts.transactions import transaction
from config.schedules import sync_jobs
from credit.models import (
    IdempotencyRecord,
)
from credit.services.api_keys import create_api_key
from giftcards.models import (
    AgencyBrand,
    AgencyPrice,
    CardBatch,
    ClientBrand,
    ClientDenomination,
    ProviderBrand,
    ProviderCircuit,
    ProviderFloat,
    ProviderOrderEvent,
)
from redemption.models import (
    EventSource,
    InboundEvent,
    RecipientBatch,
    Redemption,
)
from redemption.services.redeem import Caller, Contact, UnknownCodeError, redeem
from redemption.services.traces import record_refusal
from sms.models import (
    ChannelStop,
    DeliveryAttempt,
    ErrorPolicy,
    Message,
    MessageTemplate,
    OptIn,
    StatusEvent,
)
from tests.giftcards.ordering import order_card
from tests.giftcards.selling import master_pool, sell
from tests.loyalty.deeds import refund, take_reward
from tests.loyalty.shop import open_shop
from tests.people import give_app, make_person, sign_in_by_form
from tests.world import NOW, World, build_world


def fill_every_table() -> World:
    """Make a world with at least one row in every table that the admin shows."""
    world = build_world()
    _use_shop(world)
    world.stock(2)
    for number, code in enumerate(world.invite(3)):
        redeem(
            caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id=f"r{number}"),
            contact=Contact(method="sms", to=f"+1500555000{number}"),
            code=code,
            now=NOW,
        )
    record_refusal(error=UnknownCodeError(), step="redeem", request_id="again", now=NOW)
    message = Message.objects.earliest("to")
    DeliveryAttempt.objects.create(
        message=message, number=1, status="accepted", provider_id="SM1", requested_at=NOW
    )
    StatusEvent.objects.create(message=message, provider_id="SM1", status="delivered")
    MessageTemplate.objects.create(purpose="reward", channel="sms", body="{{reveal_link}}")
    OptIn.objects.create(client=world.client, phone="+15005550000", state="granted")
    ErrorPolicy.objects.get_or_create(code="30003", defaults={"reaction": "retry"})
    ChannelStop.objects.create(channel="sms", error_code="20003", stopped_at=NOW, probe_at=NOW)
    CardBatch.objects.create(
        pool=world.pool,
        file_name="cards.csv",
        file_hash=b"x" * 32,
        state="refused",
        rejects=[{"line": 2, "field": "code", "message": "Twice in this file."}],
        actor="system",
    )
    RecipientBatch.objects.create(
        campaign=world.campaign,
        client=world.client,
        file_name="people.csv",
        file_hash=b"x" * 32,
        state="refused",
        rejects=[{"line": 2, "field": "phone", "message": "This number doesn't exist."}],
        actor="system",
    )
    sell(world, master_pool(world, cards=1), 1)
    order = order_card(world)
    ProviderOrderEvent.objects.create(
        order=order, attempt=1, asked="issue", outcome="pending", actor="system"
    )
    ProviderBrand.objects.create(
        provider="tillo",
        slug="amazon-us",
        name="Amazon",
        currency="USD",
        state="enabled",
        synced_at=NOW,
    )
    ProviderFloat.objects.create(
        provider="tillo", name="universal-float", currency="USD", available_minor=5, read_at=NOW
    )
    ProviderCircuit.objects.create(provider="tillo", last_ok_at=NOW)
    value = world.denomination
    AgencyBrand.objects.create(agency=world.agency, brand=world.brand, markup_basis_points=1250)
    AgencyPrice.objects.create(agency=world.agency, denomination=value, price_minor=2600)
    ClientBrand.objects.create(client=world.client, brand=world.brand, is_offered=False)
    ClientDenomination.objects.create(client=world.client, denomination=value)
    IdempotencyRecord.objects.create(
        owner=f"client:{world.client.pk}", key="k", fingerprint=b"f" * 32, status=201
    )
    source = EventSource.objects.create(
        client=world.client, name="crm", secret_encrypted="v1:secret"
    )
    InboundEvent.objects.create(
        source=source, client=world.client, event_id="evt-1", signature="current",
        body_encrypted="v1:secret", body_digest=b"f" * 32, actor="system", received_at=NOW,
    )  # fmt: skip
    with transaction():
        create_api_key(name="Partner", owner=world.client, scopes=["redeem"], now=NOW)
    give_app(make_person())
    sign_in_by_form(make_person())
    Browser().post("/login/", {"username": "nobody", "password": "guess"})
    NoticeRoute.objects.create(name="Night", channel="slack", url_encrypted="v1:x")
    raise_alert(kind="x", severity=Alert.Severity.WARNING, subject="Look", dedupe_key="x", now=NOW)
    EscalationContact.objects.create(name="Ona", role="on_call", email="ona@example.com")
    open_incident(title="Texts are late", severity=Grade.P1, now=NOW)
    sync_jobs(seconds_by_task={"sms.tasks.sweep_messages": 5.0})
    return world


def _use_shop(world: World) -> None:
    """Buy something, give some of it back, take a gift card for points."""
    shop = open_shop(world)
    customer = shop.customer(points=5000)
    bought = shop.buy(shop.cart(customer, coffees=1, points=100))
    refund(world.client.pk, bought.checkout_id, amount_minor=100)
    world.stock(1)
    take_reward(world.client.pk, customer.pk, world.denomination.pk)
