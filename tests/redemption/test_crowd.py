"""The crowd that the reports are tried on: it is what a year of use would leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Count, Max, Min, Q

from giftcards.models import CardEvent, GiftCard
from redemption.models import (
    AttemptLog,
    CallSession,
    PendingReward,
    ProvisioningTrace,
    Recipient,
    Redemption,
)
from sms.models import DeliveryAttempt, Message
from tests.database import empty_tables
from tests.redemption.crowd import crowd, needs_crowd

pytestmark = [pytest.mark.django_db(transaction=True), needs_crowd]

UNTIL = datetime(2026, 3, 20, 15, 30, tzinfo=UTC)


class TestCrowd:
    def test_redeems_over_a_year_and_in_the_last_hour(self) -> None:
        crowd(2_000, until=UNTIL)

        assert Redemption.objects.count() == Recipient.objects.count() == 2_000
        times = Redemption.objects.aggregate(first=Min("created_at"), last=Max("created_at"))
        assert UNTIL - timedelta(days=367) < times["first"] < UNTIL - timedelta(days=340)
        assert UNTIL - timedelta(hours=1) < times["last"] <= UNTIL
        hour = Redemption.objects.filter(created_at__gt=UNTIL - timedelta(hours=1))
        assert hour.count() == 20
        assert Redemption.objects.filter(client__campaigns__name="Hill Spring").exists()

    def test_comes_to_every_door_and_every_end(self) -> None:
        crowd(6_000, until=UNTIL)

        assert set(Redemption.objects.values_list("door", flat=True)) == {
            "web",
            "desk",
            "crm",
            "api",
        }
        states = dict(Redemption.objects.order_by().values_list("state").annotate(n=Count("*")))
        assert set(states) >= {
            *("delivered", "confirmed", "issued", "waiting_stock", "waiting_opt_in"),
            *("waiting_approval", "failed", "cancelled", "unconfirmed"),
        }
        assert 5_000 < states["delivered"] + states["confirmed"] < 5_800
        outcomes = set(Message.objects.values_list("state", flat=True))
        assert outcomes >= {"delivered", "sent", "undelivered", "failed", "suppressed", "unknown"}
        assert set(AttemptLog.objects.values_list("result", flat=True)) == {
            *("tried", "unknown_code", "wrong_factor", "rate_limited", "blocked"),
        }
        assert len(set(CallSession.objects.values_list("outcome", flat=True))) == 6
        assert ProvisioningTrace.objects.filter(error_code="GC-011", redemption_id=None).exists()
        assert DeliveryAttempt.objects.filter(error_code="30008").exists()
        assert PendingReward.objects.filter(served_at=None).exists()
        assert PendingReward.objects.filter(served_at__isnull=False).exists()

    def test_keeps_to_what_the_tables_promise_and_to_their_keys(self) -> None:
        crowd(2_000, until=UNTIL)

        # Checks hold for the superuser too; what triggers and keys hold is asked here.
        standing = Redemption.objects.filter(state__in=Redemption.STANDING, is_test=False)
        assert standing.exists()
        assert not standing.exclude(card__holder_id__isnull=False).exists()
        assert not standing.filter(~Q(card__status__in=["claimed", "delivered"])).exists()
        assert not Redemption.objects.filter(issued_at__gt=UNTIL).exists()
        assert not Redemption.objects.filter(delivered_at__gt=UNTIL).exists()
        assert GiftCard.objects.filter(status="void", holder_id__isnull=False).exists()
        assert (
            CardEvent.objects.filter(to_status="claimed").count()
            == GiftCard.objects.filter(holder_id__isnull=False).count()
        )
        assert list(_dangling()) == []

    def test_is_the_same_for_the_same_seed(self) -> None:
        crowd(500, until=UNTIL, seed=7)
        one = _facts()
        empty_tables()
        crowd(500, until=UNTIL, seed=7)

        assert _facts() == one


def _facts() -> list[tuple[object, ...]]:
    return list(
        Redemption.objects.order_by("pk").values_list(
            "pk", "state", "door", "created_at", "delivered_at", "contact_method", "card_id"
        )
    )


def _dangling() -> list[tuple[object, ...]]:
    """Return the foreign keys that lead nowhere, which nobody checked for the superuser."""
    found: list[tuple[object, ...]] = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text, a.attname, confrelid::regclass::text, f.attname"
            " FROM pg_constraint c"
            " JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]"
            " JOIN pg_attribute f ON f.attrelid = confrelid AND f.attnum = confkey[1]"
            " WHERE contype = 'f' AND conrelid::regclass::text ~ '^(redemption|sms|giftcards)_'"
        )
        for table, column, other, key in cursor.fetchall():
            cursor.execute(
                f"SELECT count(*) FROM {table} t WHERE {column} IS NOT NULL"
                f" AND NOT EXISTS (SELECT 1 FROM {other} o WHERE o.{key} = t.{column})"
            )
            (count,) = cursor.fetchone()
            if count:
                found.append((table, column, count))
    return found
