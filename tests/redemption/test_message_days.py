"""The messages of a span of days: always what a plain SELECT over them says."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from credit.models import Client
from redemption.models import Campaign, MessageChange, MessageCount, MessageDay
from redemption.selectors.message_days import (
    MessageGroup,
    MessageSums,
    MessageTotals,
    total_messages,
)
from redemption.selectors.reward_days import Clients
from redemption.selectors.spans import midnight
from redemption.services.message_days import count_message_days
from sms.models import DeliveryAttempt, Message
from tests.guards.raw import as_owner
from tests.redemption.messaging import (
    FIRST,
    PLAIN,
    TODAY,
    ask_plainly,
    end,
    promise,
    text_by_chance,
)
from tests.redemption.rewarding import NOW
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

KEYS: dict[MessageGroup, str] = {
    "day": "(m.created_at AT TIME ZONE 'UTC')::date::text",
    "campaign": "r.campaign_id::text",
    "channel": "m.channel",
}
SPANS = [(FIRST, TODAY), (date(2026, 3, 4), date(2026, 3, 11)), (TODAY, TODAY)]
ONE_DAY = timedelta(days=1)


def everybody() -> Clients:
    return Clients(ids=list(Client.objects.values_list("pk", flat=True)), are_all=True)


def rounded_up(seconds: object) -> int | None:
    """Round up to whole seconds, from 100 on to two digits."""
    if seconds is None:
        return None
    whole = math.ceil(float(str(seconds)))
    step = int(10 ** max(len(str(whole)) - 2, 0))
    return int(math.ceil(whole / step) * step)


def plainly(
    clients: Clients, key: str, first: date, last: date, campaign_id: UUID | None = None
) -> dict[str, MessageSums]:
    found = {}
    for row in ask_plainly(
        PLAIN.format(key=key),
        list(clients.ids),
        midnight(first),
        midnight(last + ONE_DAY),
        campaign_id,
        campaign_id,
    ):
        name, messages, attempts, accepted, tried, *ends, price, priced, median, p95 = row
        names = ("delivered", "undelivered", "failed", "suppressed", "cancelled", "by_hand")
        numbers = dict(zip((*names, "in_doubt", "segments"), map(int, ends), strict=True))
        found[name] = MessageSums(
            messages=messages,
            attempts=attempts,
            accepted=accepted,
            tried=tried,
            price=price,
            priced=priced,
            median_wait=rounded_up(median),
            p95_wait=rounded_up(p95),
            **numbers,
        )
    return found


def read(clients: Clients, first: date = FIRST, last: date = TODAY) -> MessageTotals:
    return total_messages(clients=clients, group="day", first=first, last=last)


def assert_true(clients: Clients) -> None:
    """Compare every way to ask with the plain one."""
    seen = 0
    campaigns = [None, *Campaign.objects.values_list("pk", flat=True)]
    for first, last in SPANS:
        for campaign_id in campaigns:
            for group, key in KEYS.items():
                shown = total_messages(
                    clients=clients, group=group, first=first, last=last, campaign_id=campaign_id
                )
                assert shown.rows == plainly(clients, key, first, last, campaign_id)
                seen += len(shown.rows)
            whole = plainly(clients, "''", first, last, campaign_id)
            if whole:
                assert shown.everything == whole[""]
            assert sum(shown.per_day.values()) == shown.everything.messages
    assert seen > 20


class TestTotalMessages:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_says_what_the_tables_say_before_and_after_days_are_counted(self, seed: int) -> None:
        world, _ = text_by_chance(seed)
        some = Clients(ids=[world.client.pk], are_all=False)
        for clients in (everybody(), some):
            assert_true(clients)
        assert count_message_days(now=NOW, limit=5) == 5
        assert_true(everybody())
        assert count_message_days(now=NOW, limit=99) > 5
        assert MessageCount.objects.exists()
        for clients in (everybody(), some):
            assert_true(clients)

    def test_counts_errors_by_attempts_and_by_the_messages_they_ended(self) -> None:
        text_by_chance(3)
        live = read(everybody()).errors
        count_message_days(now=NOW, limit=99)
        assert read(everybody()).errors == live
        plain_attempts = dict(
            ask_plainly(
                "SELECT a.error_code, count(*) FROM sms_deliveryattempt a JOIN sms_message m"
                " ON m.id = a.message_id JOIN redemption_redemption r ON r.id = m.reference_id"
                " WHERE a.error_code <> '' AND a.status <> 'not_started' AND NOT r.is_test"
                " GROUP BY 1"
            )
        )
        plain_ends = dict(
            ask_plainly(
                "SELECT m.error_code, count(*) FROM sms_message m JOIN redemption_redemption r"
                " ON r.id = m.reference_id WHERE m.error_code <> '' AND NOT r.is_test"
                " AND m.state IN ('undelivered', 'failed', 'suppressed') GROUP BY 1"
            )
        )
        assert {one.code: one.attempts for one in live if one.attempts} == plain_attempts
        assert {one.code: one.ends for one in live if one.ends} == plain_ends
        assert len(live) >= 4

    def test_counts_accepted_and_delivered_apart(self) -> None:
        world = build_world()
        for state in ("sent", "delivered", "sent"):
            end(promise(world, NOW), state)
        sums = read(everybody()).everything
        assert (sums.accepted, sums.delivered, sums.tried) == (3, 1, 3)
        assert sums.delivery_rate == pytest.approx(1 / 3)

    def test_of_e_mails_knows_no_delivery_rate(self) -> None:
        end(promise(build_world(), NOW, method="email"), "sent")
        sums = read(everybody()).everything
        assert (sums.accepted, sums.tried, sums.delivery_rate) == (1, 0, None)
        assert sums.under_way == 1

    def test_leaves_out_what_was_put_back_before_the_provider_was_called(self) -> None:
        message = promise(build_world(), NOW)
        for number, status in enumerate(("not_started", "cancelled", "accepted"), start=1):
            DeliveryAttempt.objects.create(
                message=message, number=number, status=status, requested_at=NOW
            )
        assert read(everybody()).everything.attempts == 1

    def test_leaves_out_tests_of_templates(self) -> None:
        world = build_world()
        end(promise(world, NOW), "delivered")
        trial = promise(world, NOW)
        Message.objects.filter(pk=trial.pk).update(purpose="test")
        assert read(everybody()).everything.messages == 1

    def test_has_nothing_of_nobody(self) -> None:
        promise(build_world(), NOW)
        totals = read(Clients(ids=[], are_all=False))
        assert (totals.everything.messages, totals.rows, totals.errors) == (0, {}, ())

    def test_may_ask_for_another_clients_only_by_its_id(self) -> None:
        world, other = build_world(), build_world(name="Birch")
        end(promise(world, NOW), "delivered")
        count_message_days(now=NOW + 2 * ONE_DAY, limit=9)
        own = Clients(ids=[other.client.pk], are_all=False)
        assert read(own).everything.messages == 0


class TestChanges:
    def early(self, *, state: str = "sent") -> Message:
        """A text of days ago, whose day is counted."""
        message = promise(build_world(), NOW - 3 * ONE_DAY)
        end(message, state)
        count_message_days(now=NOW, limit=99)
        assert not MessageChange.objects.exists()
        return message

    def test_after_a_day_was_counted_are_seen_at_once_and_counted_anew(self) -> None:
        message = self.early()
        Message.objects.filter(pk=message.pk).update(
            state="delivered", delivered_at=message.created_at + timedelta(hours=9)
        )
        assert read(everybody()).everything.delivered == 1
        assert MessageCount.objects.get().delivered == 0
        assert count_message_days(now=NOW, limit=99) == 1
        assert MessageCount.objects.get().delivered == 1
        assert not MessageChange.objects.exists()
        assert_true_of_one(message)

    def test_of_an_attempt_are_seen_too(self) -> None:
        message = self.early()
        attempt = message.attempts.get()
        DeliveryAttempt.objects.filter(pk=attempt.pk).update(price="-0.01500")
        assert str(read(everybody()).everything.price) == "0.015"
        DeliveryAttempt.objects.create(
            message=message, number=2, status="accepted", requested_at=NOW
        )
        assert read(everybody()).everything.attempts == 2

    def test_of_a_late_message_are_seen_too(self) -> None:
        message = self.early()
        late = promise(build_world(name="Birch"), message.created_at)
        assert read(everybody()).everything.messages == 2
        assert late.created_at == message.created_at

    def test_that_change_nothing_counted_mark_nothing(self) -> None:
        message = self.early()
        Message.objects.filter(pk=message.pk).update(redact_at=NOW, next_attempt_at=NOW)
        assert not MessageChange.objects.exists()

    def test_of_a_fresh_message_mark_nothing(self) -> None:
        # The control of the triggers' price: what goes as it should writes no mark.
        now = datetime.now(NOW.tzinfo)
        message = promise(build_world(), now)
        end(message, "delivered")
        assert not MessageChange.objects.exists()

    def test_would_go_unseen_without_the_trigger(self) -> None:
        # The control: it is the mark that makes a late arrival seen.
        message = self.early()
        Message.objects.filter(pk=message.pk).update(
            state="delivered", delivered_at=message.created_at + timedelta(hours=9)
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM redemption_messagechange")
            assert cursor.fetchone() == (1,)
        with as_owner() as owner:
            owner.execute("DELETE FROM redemption_messagechange")
            owner.commit()
        assert read(everybody()).everything.delivered == 0


def assert_true_of_one(message: Message) -> None:
    day = message.created_at.date()
    shown = read(everybody(), day, day)
    assert shown.rows == plainly(everybody(), KEYS["day"], day, day)


class TestCountMessageDays:
    def test_leaves_the_day_that_is_not_over(self) -> None:
        end(promise(build_world(), NOW), "delivered")
        assert count_message_days(now=NOW, limit=9) == 0
        assert not MessageDay.objects.exists()

    def test_repeated_counts_nothing_more(self) -> None:
        text_by_chance(4, messages=6)
        first = count_message_days(now=NOW, limit=99)
        assert first > 0
        assert count_message_days(now=NOW, limit=99) == 0

    def test_without_messages_does_nothing(self) -> None:
        assert count_message_days(now=NOW, limit=9) == 0
