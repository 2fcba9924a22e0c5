"""Handing out all that is kept about a customer: whole, readable, and without a code."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse

from alerts.errors import ValidationFailedError
from credit.models import AuditEvent
from giftcards.models import GiftCard
from giftcards.services.secrets import open_field
from loyalty.models import Customer
from loyalty.services.customer_export import CustomerExportNotPermittedError, export_customer
from loyalty.services.refusals import NoSuchThingError
from tests.loyalty.forgetting import (
    EMAIL,
    FIRST,
    LATER,
    MARKS,
    OTHER_PHONE,
    PHONE,
    WHY,
    forget,
    someone_known,
)
from tests.loyalty.shop import Shop
from tests.redemption.forgetting import make_operator, visit
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def read(archive: bytes) -> tuple[dict[str, Any], str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        assert files.namelist() == ["data.json", "index.html"]
        return json.loads(files.read("data.json")), files.read("index.html").decode()


def export(customer: Customer, **changes: Any) -> bytes:
    facts = {"user": make_operator(), "customer_id": customer.pk, "reason": WHY, "now": LATER}
    return export_customer(**{**facts, **changes})


class TestExportCustomer:
    def test_holds_what_every_table_says_of_them(self, shop: Shop, world: World) -> None:
        data, page = read(export(someone_known(shop, world)))
        sections = data["sections"]
        assert sections["customer"][0]["email"] == EMAIL
        # Given twice, spent, earned, given back, owed, and two cards.
        assert [one["number"] for one in sections["points"]] == list(range(1, 9))
        assert f"{FIRST} had waited" in {one["description"] for one in sections["points"]}
        assert len(sections["checkouts"]) == len(sections["payments"]) == 2
        assert {one["sku"] for one in sections["articles"]} == {"MUG", "COFFEE"}
        assert "crack" in sections["refunds"][0]["reason"]
        assert sections["points_owed"][0]["resolution_note"] == f"{FIRST} has called"
        assert {one["contact_to"] for one in sections["rewards"]} == {PHONE, OTHER_PHONE}
        assert {one["to"] for one in sections["messages"]} == {PHONE, OTHER_PHONE}
        assert sections["inbound"][0]["body"] == f"This is {FIRST}, STOP"
        assert sections["opt_ins"][0]["state"] == "revoked"
        assert sections["bad_phones"][0]["phone"] == PHONE
        for mark in MARKS:
            assert mark in page

    def test_holds_no_code(self, shop: Shop, world: World) -> None:
        data, page = read(export(someone_known(shop, world)))
        text = json.dumps(data) + page
        cards = list(GiftCard.objects.filter(holder_kind="reward").select_related("brand"))
        assert len(cards) == 2
        for card in cards:
            assert open_field(card.code_encrypted, field="code") not in text
        assert not [word for word in ("reveal_digest", "v1:") if word in text]
        assert {one["card"] for one in data["sections"]["rewards"]} == {
            f"{card.brand.name} …{card.last4}" for card in cards
        }

    def test_holds_nothing_of_anybody_else(self, shop: Shop, world: World) -> None:
        customer = someone_known(shop, world)
        other = shop.customer(points=100, last_name="Beacon", phone="+12025550111")
        shop.buy(shop.cart(other, mugs=1))
        data, page = read(export(customer))
        assert not [word for word in ("Beacon", "+12025550111", str(other.pk)) if word in page]
        assert len(data["sections"]["customer"]) == 1

    def test_writes_down_who_took_it(self, shop: Shop) -> None:
        operator, customer = make_operator(), shop.customer()
        export(customer, user=operator)
        record = AuditEvent.objects.get(action="customer.exported")
        assert (record.actor, record.object_id) == (f"user:{operator.pk}", str(customer.pk))
        assert record.details == {"reason": WHY}

    def test_takes_a_right_of_its_own(self, shop: Shop) -> None:
        with pytest.raises(CustomerExportNotPermittedError):
            export(shop.customer(), user=make_operator("erase_person"))
        assert not AuditEvent.objects.filter(action="customer.exported").exists()

    def test_takes_a_reason(self, shop: Shop) -> None:
        with pytest.raises(ValidationFailedError):
            export(shop.customer(), reason=" ")

    def test_knows_nobody_without_a_row(self, shop: Shop) -> None:
        with pytest.raises(NoSuchThingError):
            export(shop.customer(), customer_id=uuid4())


class TestPage:
    def url(self, customer: Customer) -> str:
        return reverse("admin:loyalty_customer_hand_out", args=[customer.pk])

    def test_tells_what_is_kept_and_hands_it_out(self, shop: Shop, world: World) -> None:
        customer, operator = someone_known(shop, world), visit(make_operator())
        page = operator.get(self.url(customer)).content.decode()
        assert "Texts from them" in page
        assert "Hand it out" in page
        answer = operator.post(self.url(customer), {"reason": WHY})
        assert answer["Content-Type"] == "application/zip"
        assert "no-store" in answer["Cache-Control"]
        data, _ = read(answer.content)
        assert data["sections"]["customer"][0]["first_name"] == FIRST

    def test_asks_why(self, shop: Shop) -> None:
        answer = visit(make_operator()).post(self.url(shop.customer()), {"reason": " "})
        assert "Say why, for whoever asks later." in answer.content.decode()
        assert not AuditEvent.objects.filter(action="customer.exported").exists()

    def test_is_not_there_without_the_right_or_the_customer(self, shop: Shop) -> None:
        customer = shop.customer()
        other = visit(make_operator("erase_person"))
        assert other.post(self.url(customer), {"reason": WHY}).status_code == 403
        operator = make_operator()
        forget(operator, customer)
        assert visit(operator).post(self.url(customer), {"reason": WHY}).status_code == 403
        assert not AuditEvent.objects.filter(action="customer.exported").exists()
