from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection

from alerts.errors import ValidationFailedError
from alerts.models import Alert
from loyalty.models import Checkout, Customer, ReconciliationItem
from loyalty.services.monitors import watch_points
from loyalty.services.owed_points import key_of
from loyalty.services.reconciliation import ReplayRun, replay_due, replay_item, resolve_item
from loyalty.services.refusals import NoSuchThingError, StateForbidsError
from tests.loyalty.shop import NOW, Shop, history_of, points_of, points_out_of_order
from tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

SOON = NOW + timedelta(minutes=1)


def owe(shop: Shop, *, points: int = 100) -> tuple[Customer, ReconciliationItem]:
    """Have a checkout paid whose points could not be posted."""
    ana = shop.customer(points=points)
    with points_out_of_order():
        result = shop.buy(shop.cart(ana, mugs=1, points=points))
    return ana, ReconciliationItem.objects.get(checkout_id=result.checkout_id)


def alert_of(shop: Shop) -> Alert:
    return Alert.objects.get(dedupe_key=key_of(shop.client.pk))


class TestReplayItem:
    def test_applies_what_was_owed_once(self, shop: Shop) -> None:
        ana, item = owe(shop)
        done = replay_item(item_id=item.pk, actor="user:1", note="Fixed", now=SOON)
        assert (done.is_applied, done.attempts, done.error, done.points_balance) == (
            True,
            1,
            "",
            11,
        )
        replay_item(item_id=item.pk, actor="user:2", now=SOON)
        assert points_of(ana) == (11, 0)
        assert history_of(ana.pk)[1:] == [("spent", -100, 100, 0), ("earned", 11, 0, 11)]
        item.refresh_from_db()
        assert (item.resolved, item.resolved_by, item.resolution_note) == (True, "user:1", "Fixed")
        assert Checkout.objects.get(pk=item.checkout_id).loyalty == "applied"

    def test_counts_a_try_that_fails_and_puts_the_next_one_off(self, shop: Shop) -> None:
        ana, item = owe(shop)
        with points_out_of_order():
            first = replay_item(item_id=item.pk, actor="system", now=SOON)
            replay_item(item_id=item.pk, actor="system", now=SOON)
        assert (first.is_applied, first.error) == (False, "P0001: points are out of order")
        item.refresh_from_db()
        assert (item.attempts, item.next_attempt_at) == (2, SOON + timedelta(minutes=2))
        assert points_of(ana) == (100, 100)

    def test_finds_no_item_that_is_none(self, shop: Shop) -> None:
        with pytest.raises(NoSuchThingError):
            replay_item(item_id=uuid4(), actor="system", now=NOW)


class TestReplayDue:
    def test_leaves_what_is_not_due(self, shop: Shop) -> None:
        owe(shop)
        early = SOON - timedelta(seconds=1)
        assert replay_due(now=early, limit=10) == ReplayRun(tried=0, applied=0)
        assert replay_due(now=SOON, limit=10) == ReplayRun(tried=1, applied=1)
        assert replay_due(now=SOON, limit=10) == ReplayRun(tried=0, applied=0)

    def test_tries_each_once_when_two_run_at_once(self, shop: Shop) -> None:
        owed = [owe(shop) for _ in range(4)]
        runs = run_at_once(2, lambda: replay_due(now=SOON, limit=10))
        assert sum(run.tried for run in runs if isinstance(run, ReplayRun)) == 4
        assert [points_of(ana) for ana, _ in owed] == [(11, 0)] * 4
        assert {item.attempts for item in ReconciliationItem.objects.all()} == {1}

    def test_takes_up_again_what_a_worker_died_over(self, shop: Shop) -> None:
        owe(shop)
        with connection.cursor() as cursor:
            cursor.execute("SELECT loyalty_claim_items(10, %s)", [SOON])
            assert len(cursor.fetchall()) == 1
        assert replay_due(now=SOON, limit=10).tried == 0
        assert replay_due(now=SOON + timedelta(minutes=5), limit=10).applied == 1


class TestResolveItem:
    def test_gives_the_points_up_and_frees_what_was_held(self, shop: Shop) -> None:
        ana, item = owe(shop)
        resolve_item(item_id=item.pk, note="Paid in cash", actor="user:1", now=SOON)
        assert points_of(ana) == (100, 0)
        checkout = Checkout.objects.get(pk=item.checkout_id)
        assert (checkout.loyalty, checkout.points_redeemed, checkout.points_earned) == (
            "none",
            0,
            0,
        )
        with pytest.raises(StateForbidsError):
            resolve_item(item_id=item.pk, note="Again", actor="user:2", now=SOON)
        replay_item(item_id=item.pk, actor="user:2", now=SOON)
        assert points_of(ana) == (100, 0)

    def test_wants_a_reason(self, shop: Shop) -> None:
        ana, item = owe(shop)
        with pytest.raises(ValidationFailedError) as caught:
            resolve_item(item_id=item.pk, note=" ", actor="user:1", now=SOON)
        assert list(caught.value.errors) == ["note"]
        assert points_of(ana) == (100, 100)


class TestTheAlert:
    def test_is_open_as_long_as_something_is_owed(self, shop: Shop) -> None:
        _, first = owe(shop)
        _, second = owe(shop)
        alert = alert_of(shop)
        assert (alert.state, alert.severity, alert.client_id) == (
            "open", "critical", shop.client.pk,
        )  # fmt: skip
        assert (alert.data["items"], alert.data["points_redeemed"]) == (2, 200)
        assert [found.dedupe_key for found in watch_points(now=NOW)] == [alert.dedupe_key]
        replay_item(item_id=first.pk, actor="system", now=SOON)
        assert alert_of(shop).state == "open"
        resolve_item(item_id=second.pk, note="Given up", actor="user:1", now=SOON)
        assert alert_of(shop).state == "resolved"
        assert list(watch_points(now=NOW)) == []
