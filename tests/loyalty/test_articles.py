from __future__ import annotations

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.models import AuditEvent
from loyalty.models import StockItem
from loyalty.services.articles import ArticleResult, change_article, create_article
from loyalty.services.refusals import NoSuchThingError
from tests.database import owner_url
from tests.loyalty.shop import NOW, Shop

pytestmark = pytest.mark.django_db(transaction=True)


def create(shop: Shop, **changes: Any) -> ArticleResult:
    fields: dict[str, Any] = {
        "client_id": shop.client.pk,
        "sku": "TEA",
        "name": "Tea",
        "price_minor": 350,
        "currency": "USD",
        "on_hand": 5,
        "actor": "key:test",
        "now": NOW,
    }
    return create_article(**{**fields, **changes})


class TestCreateArticle:
    def test_adds_what_can_be_sold(self, shop: Shop) -> None:
        tea = create(shop)
        assert (tea.sku, tea.price_minor, tea.currency, tea.on_hand, tea.reserved) == (
            "TEA", 350, "USD", 5, 0,
        )  # fmt: skip

    def test_refuses_a_number_twice(self, shop: Shop) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            create(shop, sku="COFFEE")
        assert caught.value.errors == {"sku": ["There is an article of this number."]}

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"sku": " "}, "sku"),
            ({"name": ""}, "name"),
            ({"price_minor": -1}, "price"),
            ({"on_hand": -1}, "on_hand"),
            ({"currency": "usd"}, "currency"),
        ],
    )
    def test_names_the_field_that_is_wrong(
        self, shop: Shop, changes: dict[str, Any], field: str
    ) -> None:
        with pytest.raises(ValidationFailedError) as caught:
            create(shop, **changes)
        assert list(caught.value.errors) == [field]
        assert StockItem.objects.count() == 2


def change(shop: Shop, **changes: Any) -> ArticleResult:
    fields: dict[str, Any] = {
        "client_id": shop.client.pk,
        "stock_item_id": shop.mug.pk,
        "actor": "user:test",
        "now": NOW,
    }
    with transaction():
        return change_article(**{**fields, **changes})


class TestChangeArticle:
    def test_changes_what_is_named_and_writes_down_who_did(self, shop: Shop) -> None:
        mug = change(shop, price_minor=1100, name=" Mug ")
        event = AuditEvent.objects.get()
        assert (event.actor, event.action, event.object_id, event.client_id) == (
            "user:test", "article.changed", str(shop.mug.pk), shop.client.pk,
        )  # fmt: skip
        assert event.details == {"before": {"price_minor": 1200}, "after": {"price_minor": 1100}}
        change(shop, price_minor=1100)
        assert AuditEvent.objects.count() == 1
        assert (mug.name, mug.price_minor, mug.on_hand, mug.is_active) == ("Mug", 1100, 10, True)

    def test_never_leaves_fewer_than_are_set_aside(self, shop: Shop) -> None:
        with psycopg.connect(owner_url(), autocommit=True) as owner:
            owner.execute("UPDATE loyalty_stockitem SET reserved = 4 WHERE id = %s", [shop.mug.pk])
        with pytest.raises(ValidationFailedError) as caught:
            change(shop, on_hand=3)
        assert caught.value.errors == {
            "on_hand": ["Checkouts that are under way have set 4 aside."]
        }
        shop.mug.refresh_from_db()
        assert (shop.mug.on_hand, shop.mug.reserved) == (10, 4)
        assert change(shop, on_hand=4).on_hand == 4

    def test_finds_nothing_of_another_client(self, shop: Shop) -> None:
        with pytest.raises(NoSuchThingError):
            change(shop, client_id=uuid4(), on_hand=1)
        shop.mug.refresh_from_db()
        assert shop.mug.on_hand == 10
        assert not AuditEvent.objects.exists()
