"""What endpoints are told of, once each, by what really happens."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from alerts.errors import ServiceError
from alerts.models import Alert, WebhookDelivery, WebhookEndpoint
from alerts.services.alerts import resolve_alert
from alerts.services.webhook_events import EVENTS, emit_webhook
from alerts.transactions import transaction
from credit.models import Account
from credit.selectors.viewers import SYSTEM
from credit.services.warnings import set_low_balance_threshold, watch_balance, watch_balances
from giftcards.services.pool_watch import tell_pool_levels
from redemption.models import Redemption
from redemption.services.budgets import review_budgets
from tests.alerts.hooking import subscribe
from tests.guards.raw import as_application, as_owner
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.visiting import put
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

URL = "http://127.0.0.1:9/"


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def endpoint(world: World) -> WebhookEndpoint:
    return subscribe(world.client, URL)[0]


def told(endpoint: WebhookEndpoint) -> list[dict[str, Any]]:
    """Return the bodies that an endpoint was promised, in the order of their types."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint).order_by("event_type", "created_at")
    return [json.loads(row.body) for row in rows]


def types(endpoint: WebhookEndpoint) -> list[str]:
    return [body["type"] for body in told(endpoint)]


class TestARedemption:
    def test_that_is_issued_is_told_once(self, world: World, endpoint: WebhookEndpoint) -> None:
        world.stock(1)
        (code,) = world.invite()
        result = ask(code)
        (body,) = told(endpoint)
        assert body == {
            "type": "redemption.issued",
            "timestamp": "2026-03-02T15:30:00.000000Z",
            "data": {
                "redemption_id": str(result.redemption_id),
                "campaign_id": str(world.campaign.pk),
                "recipient_id": str(world.recipient(code).pk),
                "state": "issued",
                "reason": None,
            },
        }

    def test_that_is_shown_at_once_is_issued_and_delivered(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        world.stock(1)
        ask(world.invite()[0], disclose=True)
        assert types(endpoint) == ["redemption.delivered", "redemption.issued"]
        assert [body["data"]["state"] for body in told(endpoint)] == ["delivered", "issued"]

    def test_that_waits_is_told_with_its_reason(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        ask(world.invite()[0])
        (body,) = told(endpoint)
        assert (body["type"], body["data"]["state"], body["data"]["reason"]) == (
            "redemption.waiting",
            "waiting_stock",
            "GC-003",
        )

    def test_that_fails_is_told(self, world: World, endpoint: WebhookEndpoint) -> None:
        result = ask(world.invite()[0])
        Redemption.objects.filter(pk=result.redemption_id).update(
            state="failed", reason_code="GC-014", failed_at=NOW
        )
        assert types(endpoint) == ["redemption.failed", "redemption.waiting"]
        assert (told(endpoint)[0]["data"]["state"], told(endpoint)[0]["data"]["reason"]) == (
            "failed",
            "GC-014",
        )

    def test_is_told_once_however_often_its_row_is_written(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        world.stock(1)
        result = ask(world.invite()[0])
        row = Redemption.objects.filter(pk=result.redemption_id)
        row.update(state="delivered", delivered_at=NOW)
        row.update(state="issued")
        row.update(state="delivered")
        row.update(state="confirmed")
        row.update(state="confirmed", user_agent="x")
        assert types(endpoint) == ["redemption.delivered", "redemption.issued"]

    def test_that_is_refused_tells_nothing(self, world: World, endpoint: WebhookEndpoint) -> None:
        # The promise is part of the transaction that was taken back.
        world.stock(1)
        (code,) = world.invite()
        Account.objects.filter(pk=world.account.pk).update(status="paused")
        with pytest.raises(ServiceError):
            ask(code)
        assert Redemption.objects.count() == 0
        # That nobody can pay is news, that nobody was paid is none.
        assert types(endpoint) == ["campaign.depleted"]

    def test_of_twenty_at_once_is_told_once(self, world: World, endpoint: WebhookEndpoint) -> None:
        world.stock(20)
        (code,) = world.invite()
        run_at_once(20, lambda: ask(code))
        assert Redemption.objects.count() == 1
        assert types(endpoint) == ["redemption.issued"]

    def test_that_is_a_test_is_told_to_nobody(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        world.stock(1)
        result = ask(world.invite(is_test=True)[0])
        assert result.state == "issued"
        assert told(endpoint) == []

    def test_is_told_to_its_client_its_agency_and_the_platform(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        stranger = build_world(name="Birch")
        others, _ = subscribe(stranger.client, URL)
        platforms, _ = subscribe(None, URL)
        agencys = WebhookEndpoint.objects.create(
            agency_id=world.agency.pk, url=URL, events=list(EVENTS), secret_encrypted="x"
        )
        picky, _ = subscribe(world.client, URL, "pool.low")
        off, _ = subscribe(world.client, URL)
        WebhookEndpoint.objects.filter(pk=off.pk).update(state="disabled")
        paused, _ = subscribe(world.client, URL)
        WebhookEndpoint.objects.filter(pk=paused.pk).update(state="paused")
        world.stock(1)
        ask(world.invite()[0])
        heard = {one.endpoint_id for one in WebhookDelivery.objects.all()}
        assert heard == {endpoint.pk, platforms.pk, agencys.pk, paused.pk}
        assert not heard & {others.pk, picky.pk, off.pk}
        # One event, one id.
        assert WebhookDelivery.objects.values("event_id").distinct().count() == 1

    def test_is_told_also_by_whoever_may_not_see_the_endpoint(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        platforms, _ = subscribe(None, URL)
        world.stock(1)
        result = ask(world.invite()[0])
        with as_application(str(world.client.pk)) as database:
            database.execute(
                "UPDATE redemption_redemption SET state = 'delivered', delivered_at = now()"
                " WHERE id = %s",
                [result.redemption_id],
            )
            database.commit()
        assert types(platforms) == ["redemption.delivered", "redemption.issued"]

    def test_would_be_told_twice_without_its_key(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        # The control: it is the unique key that says once.
        assert self.emit(world, "1") == 1
        assert self.emit(world, "1") == 0
        assert self.emit(world, "2") == 1
        assert len(told(endpoint)) == 2

    def emit(self, world: World, occurrence: str | None) -> int:
        with transaction():
            return emit_webhook(
                event_type="pool.low",
                subject=world.pool.pk,
                occurrence=occurrence,
                client_id=world.client.pk,
                agency_id=world.agency.pk,
                data={},
                now=NOW,
            )


class TestWatchPools:
    def drain(self, world: World, count: int) -> None:
        for code in world.invite(count):
            ask(code)

    def watch(self, endpoint: WebhookEndpoint) -> list[str]:
        tell_pool_levels(now=NOW)
        return [name for name in types(endpoint) if name.startswith("pool.")]

    def test_tells_of_each_crossing_once(self, world: World, endpoint: WebhookEndpoint) -> None:
        world.pool.low_stock_threshold = 2
        world.pool.save()
        # What never had a card has not run out.
        assert self.watch(endpoint) == []
        world.stock(4)
        assert self.watch(endpoint) == []
        self.drain(world, 1)
        assert self.watch(endpoint) == []
        self.drain(world, 1)
        assert self.watch(endpoint) == self.watch(endpoint) == ["pool.low"]
        self.drain(world, 1)
        assert self.watch(endpoint) == ["pool.low"]
        self.drain(world, 1)
        assert self.watch(endpoint) == self.watch(endpoint) == ["pool.empty", "pool.low"]
        # A little stock is no news; enough, and then too little, is.
        world.stock(1)
        assert self.watch(endpoint) == ["pool.empty", "pool.low"]
        world.stock(5)
        assert self.watch(endpoint) == ["pool.empty", "pool.low"]
        self.drain(world, 6)
        assert self.watch(endpoint) == ["pool.empty", "pool.empty", "pool.low"]
        assert [body["data"] for body in told(endpoint) if body["type"].startswith("pool.")] == [
            {"pool_id": str(world.pool.pk), "available": 0, "level": "red"},
            {"pool_id": str(world.pool.pk), "available": 0, "level": "red"},
            {"pool_id": str(world.pool.pk), "available": 2, "level": "amber"},
        ]

    def test_tells_once_when_many_look_at_once(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        world.stock(1)
        self.drain(world, 1)
        run_at_once(8, lambda: tell_pool_levels(now=NOW))
        assert [name for name in types(endpoint) if name.startswith("pool.")] == ["pool.empty"]

    def test_leaves_cards_out_that_have_expired(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        world.stock(30, expires_on=NOW.date() + timedelta(days=20))
        assert self.watch(endpoint) == []
        tell_pool_levels(now=NOW + timedelta(days=40))
        assert types(endpoint) == ["pool.empty"]

    def test_tells_strangers_nothing(self, world: World) -> None:
        other, _ = subscribe(build_world(name="Birch").client, URL)
        world.stock(1)
        self.drain(world, 1)
        tell_pool_levels(now=NOW)
        assert told(other) == []


class TestLowCredit:
    def low(self, endpoint: WebhookEndpoint) -> list[dict[str, Any]]:
        return [body["data"] for body in told(endpoint) if body["type"] == "credit.low"]

    def set(self, account: Account, amount_minor: int | None) -> None:
        set_low_balance_threshold(
            viewer=SYSTEM, account_id=account.pk, amount_minor=amount_minor, now=NOW
        )

    def test_is_told_once_for_each_crossing(self, world: World, endpoint: WebhookEndpoint) -> None:
        self.set(world.account, 50_000)
        assert self.low(endpoint) == []
        self.set(world.account, 200_000)
        watch_balances(now=NOW)
        run_at_once(6, lambda: watch_balance(account_id=world.account.pk, now=NOW))
        assert self.low(endpoint) == [
            {
                "account_id": str(world.account.pk),
                "campaign_id": None,
                "balance": "1000.00",
                "currency": "USD",
            }
        ]
        # Whoever closes the warning by hand gets it again; the endpoint is not told again.
        key = Alert.objects.get(kind="low_credit").dedupe_key
        resolve_alert(dedupe_key=key, now=NOW)
        watch_balances(now=NOW)
        assert Alert.objects.filter(kind="low_credit").count() == 2
        assert len(self.low(endpoint)) == 1
        self.set(world.account, 50_000)
        self.set(world.account, 200_000)
        assert len(self.low(endpoint)) == 2

    def test_of_an_agency_is_not_its_clients_to_hear(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        agencys = WebhookEndpoint.objects.create(
            agency_id=world.agency.pk, url=URL, events=list(EVENTS), secret_encrypted="x"
        )
        assert world.account.parent is not None
        self.set(world.account.parent, 200_000)
        assert self.low(endpoint) == []
        assert len(self.low(agencys)) == 1


class TestDepletion:
    def test_is_told_once_for_each_time(self, world: World, endpoint: WebhookEndpoint) -> None:
        poor = build_world(credit_minor=2600, name="Poor")
        mine, _ = subscribe(poor.client, URL)
        poor.stock(3)
        codes = poor.invite(3)
        ask(codes[0])
        review_budgets(now=NOW)
        run_at_once(4, lambda: review_budgets(now=NOW))
        depleted = [body["data"] for body in told(mine) if body["type"] == "campaign.depleted"]
        assert depleted == [
            {
                "account_id": str(poor.account.pk),
                "campaign_id": str(poor.campaign.pk),
                "balance": "1.00",
                "currency": "USD",
            }
        ]
        assert poor.account.parent is not None
        put(poor.account.parent, 2500)
        put(poor.account, 2500)
        review_budgets(now=NOW)
        ask(codes[1])
        review_budgets(now=NOW)
        assert types(mine).count("campaign.depleted") == 2
        assert told(endpoint) == []


class TestTheTrigger:
    def test_asks_one_question_where_nobody_listens(self, world: World) -> None:
        world.stock(1)
        ask(world.invite()[0])
        assert not WebhookDelivery.objects.exists()

    def test_would_tell_nothing_were_it_switched_off(
        self, world: World, endpoint: WebhookEndpoint
    ) -> None:
        # The control: it is the triggers that tell.
        with as_owner() as owner:
            owner.execute("ALTER TABLE redemption_redemption DISABLE TRIGGER redemption_tell_begun")
            owner.commit()
            try:
                world.stock(1)
                ask(world.invite()[0])
            finally:
                owner.execute(
                    "ALTER TABLE redemption_redemption ENABLE TRIGGER redemption_tell_begun"
                )
                owner.commit()
        assert told(endpoint) == []
