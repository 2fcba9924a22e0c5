"""Looking at a code of an empty pool: the answer comes at once, and the alert once."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.test import Client as Browser
from django.urls import reverse

from alerts.codes import ErrorCode
from alerts.models import Alert
from credit.models import Client
from giftcards.models import GiftCard, Pool
from redemption.models import Campaign, Condition, Redemption
from redemption.services.preflight import look_at_code
from redemption.services.serving import serve_waiting
from redemption.services.stock_alerts import settle_stock_alerts
from tests.credit.partners import Partner
from tests.database import owner_url
from tests.races import run_at_once
from tests.redemption.asking import ask, refused
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> World:
    return build_world()


def validate(owner: Client, code: str) -> dict[str, Any]:
    answer: dict[str, Any] = Partner(owner).post("/codes/validate/", {"code": code}).json()
    return answer


def alerts() -> list[tuple[str, str, int]]:
    return list(Alert.objects.order_by("pk").values_list("kind", "state", "count"))


class TestLookAtCode:
    def test_says_out_of_stock_and_tells_the_operators_once(self, world: World) -> None:
        codes = world.invite(3)
        for code in codes * 2:
            body = validate(world.client, code)
            assert (body["state"], body["valid"]) == ("out_of_stock", True)
        assert alerts() == [("out_of_stock", "open", 1)]
        alert = Alert.objects.get()
        assert alert.subject == "Out of cards: Acorn Shop $25.00, Acorn campaign"
        assert alert.message.startswith("Nobody waits yet. Upload or buy cards for the pool Acorn")
        assert alert.client_id == world.client.pk
        assert not Redemption.objects.exists()

    def test_tells_them_once_however_many_look_at_once(self, world: World) -> None:
        codes = iter(world.invite(8))

        def look() -> None:
            facts = look_at_code(code=next(codes), now=NOW)
            assert facts is not None
            assert facts.state == "out_of_stock"

        assert run_at_once(8, look) == [None] * 8
        assert [(kind, state) for kind, state, _ in alerts()] == [("out_of_stock", "open")]

    def test_waits_for_nobody(self, world: World) -> None:
        # A claim would look again for 200 ms at the card that somebody holds; a look does not.
        world.stock(1)
        (code,) = world.invite()
        with psycopg.connect(owner_url()) as other:
            other.execute("SET giftline.scope = '*'")
            other.execute("SELECT 1 FROM giftcards_giftcard FOR UPDATE")
            began_at = time.perf_counter()
            facts = look_at_code(code=code, now=NOW)
            seconds = time.perf_counter() - began_at
        assert facts is not None
        assert facts.state == "ready"
        assert seconds < 0.15
        assert alerts() == []

    def test_counts_cards_that_are_expired_or_archived_for_nothing(self, world: World) -> None:
        (code,) = world.invite()
        world.stock(1, expires_on=NOW.date() - timedelta(days=1))
        archived = Pool.objects.create(
            name="Archived",
            brand=world.brand,
            denomination=world.denomination,
            kind="master",
            archived_at=NOW,
        )
        world.stock(1, pool=archived)
        Condition.objects.update(pool=None)
        facts = look_at_code(code=code, now=NOW)
        assert facts is not None
        assert facts.state == "out_of_stock"

    def test_is_quiet_while_there_are_cards(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        assert validate(world.client, code)["state"] == "ready"
        assert alerts() == []

    def test_knows_no_code_out_of_scope(self, world: World) -> None:
        stranger = build_world(name="Birch")
        (code,) = world.invite()
        facts = look_at_code(code=code, now=NOW, scope_kind="client", scope_id=stranger.client.pk)
        assert facts is None
        assert alerts() == []

    def test_is_how_the_customers_form_looks_too(self, world: World) -> None:
        (code,) = world.invite()
        Browser().post(reverse("redeem"), {"code": code})
        assert alerts() == [("out_of_stock", "open", 1)]


class TestAlert:
    def test_is_the_one_of_those_who_wait(self, world: World) -> None:
        first, second = world.invite(2)
        look_at_code(code=first, now=NOW)
        ask(first)
        look_at_code(code=second, now=NOW)
        assert alerts() == [("out_of_stock", "open", 2)]
        assert Alert.objects.get().message.startswith("1 person waits.")

    def test_stays_until_there_are_cards(self, world: World) -> None:
        (code,) = world.invite()
        look_at_code(code=code, now=NOW)
        settle_stock_alerts(now=NOW)
        assert alerts() == [("out_of_stock", "open", 1)]
        world.stock(1)
        settle_stock_alerts(now=NOW)
        assert alerts() == [("out_of_stock", "resolved", 1)]
        # Empty again is news again.
        GiftCard.objects.all().delete()
        look_at_code(code=code, now=NOW)
        assert alerts().count(("out_of_stock", "open", 1)) == 1

    def test_goes_with_the_campaign(self, world: World) -> None:
        (code,) = world.invite()
        look_at_code(code=code, now=NOW)
        Campaign.objects.update(status="ended")
        settle_stock_alerts(now=NOW)
        assert alerts() == [("out_of_stock", "resolved", 1)]

    def test_goes_when_the_last_who_waited_is_served(self, world: World) -> None:
        (code,) = world.invite()
        look_at_code(code=code, now=NOW)
        ask(code)
        world.stock(1)
        serve_waiting(now=datetime.now(UTC), limit=10)
        assert alerts() == [("out_of_stock", "resolved", 2)]

    def test_comes_too_where_nobody_may_wait(self, world: World) -> None:
        Campaign.objects.update(queue_when_empty=False)
        for code in world.invite(2):
            with refused(ErrorCode.OUT_OF_STOCK):
                ask(code)
        assert alerts() == [("out_of_stock", "open", 1)]
        assert Alert.objects.get().message.startswith("Whoever asks is turned away.")
