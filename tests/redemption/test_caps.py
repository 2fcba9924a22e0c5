"""Caps: how much a campaign gives out in a day, and to one recipient; exactly, also at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from alerts.codes import ErrorCode
from redemption.models import Campaign, Condition, DailyClaims, PendingReward, Redemption
from redemption.selectors.codes import find_code
from redemption.services.caps import CapReachedError
from redemption.services.redeem import RedeemResult
from redemption.services.serving import serve_waiting
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask, refused
from tests.redemption.taking_back import clean_up, give_up_text
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 50
CAP = 10
DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    return build_world(credit_minor=10_000_000)


def cap(**caps: int | None) -> None:
    Campaign.objects.update(**caps)


def claims() -> dict[date, int]:
    return dict(DailyClaims.objects.values_list("day", "claims"))


class TestPerDay:
    def test_refuses_one_more(self, world: World) -> None:
        world.stock(3)
        first, second, third = world.invite(3)
        cap(cap_per_day=2)
        assert [ask(code).state for code in (first, second)] == ["issued", "issued"]
        with refused(ErrorCode.CAP_REACHED) as refusal:
            ask(third)
        assert isinstance(refusal.value, CapReachedError)
        assert refusal.value.cap == "day"
        assert "tomorrow" in refusal.value.customer_words()
        assert claims() == {NOW.date(): 2}

    def test_opens_again_at_midnight_utc(self, world: World) -> None:
        world.stock(2)
        first, second = world.invite(2)
        cap(cap_per_day=1)
        evening = datetime(2026, 3, 2, 23, 59, 59, tzinfo=UTC)
        ask(first, now=evening)
        with refused(ErrorCode.CAP_REACHED):
            ask(second, now=evening)
        ask(second, now=evening + timedelta(seconds=1))
        assert claims() == {date(2026, 3, 2): 1, date(2026, 3, 3): 1}

    def test_answers_who_comes_again(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        cap(cap_per_day=1)
        ask(code)
        with refused(ErrorCode.ALREADY_REDEEMED):
            ask(code)

    def test_counts_who_waits_once(self, world: World) -> None:
        first, second = world.invite(2)
        cap(cap_per_day=1)
        waiting = ask(first)
        assert waiting.state == "waiting_stock"
        assert ask(first).redemption_id == waiting.redemption_id
        world.stock(2)
        with refused(ErrorCode.CAP_REACHED):
            ask(second)
        # Served on a day whose places are all taken.
        assert serve_waiting(now=NOW + timedelta(minutes=1), limit=10).served == 1
        assert claims() == {NOW.date(): 1}

    def test_gets_back_what_failed(self, world: World) -> None:
        world.stock(1)
        first, second = world.invite(2)
        cap(cap_per_day=1)
        give_up_text(ask(first))
        assert clean_up().taken_back == 1
        assert claims() == {NOW.date(): 0}
        assert ask(second).state == "issued"

    def test_counts_those_who_came_before_it_was_set(self, world: World) -> None:
        world.stock(4)
        codes = world.invite(4)
        ask(codes[0])
        ask(codes[1])
        cap(cap_per_day=3)
        ask(codes[2])
        with refused(ErrorCode.CAP_REACHED):
            ask(codes[3])
        assert claims() == {NOW.date(): 3}

    def test_is_counted_anew_after_it_was_lifted(self, world: World) -> None:
        world.stock(4)
        codes = world.invite(4)
        cap(cap_per_day=1)
        ask(codes[0])
        cap(cap_per_day=None)
        ask(codes[1])
        ask(codes[2])
        cap(cap_per_day=3)
        with refused(ErrorCode.CAP_REACHED):
            ask(codes[3])

    def test_counts_no_tests(self, world: World) -> None:
        world.stock(1)
        (code,) = world.invite()
        cap(cap_per_day=1)
        for test_code in world.invite(3, is_test=True):
            assert ask(test_code).state == "issued"
        assert claims() == {}
        assert ask(code).state == "issued"

    def test_is_foretold(self, world: World) -> None:
        world.stock(2)
        first, second = world.invite(2)
        cap(cap_per_day=1)
        ask(first)
        facts = find_code(code=second, now=NOW)
        assert facts is not None
        assert (facts.state, facts.is_valid, facts.requires) == ("cap_reached", False, ())


class TestPerRecipient:
    def conditions(self, world: World) -> None:
        for number in (2, 3):
            Condition.objects.create(
                campaign=world.campaign,
                number=number,
                name=f"Came {number} times",
                brand=world.brand,
                card_value_minor=2500,
                pool=world.pool,
            )

    def test_refuses_one_more(self, world: World) -> None:
        self.conditions(world)
        world.stock(4)
        code, other = world.invite(2)
        cap(cap_per_recipient=2)
        ask(code, condition_number=1)
        ask(code, condition_number=2)
        with refused(ErrorCode.CAP_REACHED) as refusal:
            ask(code, condition_number=3)
        assert isinstance(refusal.value, CapReachedError)
        assert refusal.value.cap == "recipient"
        assert "tomorrow" not in refusal.value.customer_words()
        assert ask(other, condition_number=3).state == "issued"

    def test_holds_for_one_code_at_several_conditions_at_once(self, world: World) -> None:
        self.conditions(world)
        world.stock(3)
        (code,) = world.invite()
        cap(cap_per_recipient=1)
        numbers = iter([1, 2, 3])
        outcomes = run_at_once(3, lambda: ask(code, condition_number=next(numbers)))
        assert sum(isinstance(one, RedeemResult) for one in outcomes) == 1, outcomes
        assert sum(isinstance(one, CapReachedError) for one in outcomes) == 2


@pytest.fixture
def without_count() -> Iterator[None]:
    """Leave only the look without a lock."""
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        row = owner.execute(
            "SELECT pg_get_functiondef('redemption_count_claim'::regproc)"
        ).fetchone()
        assert row is not None
        owner.execute(
            "CREATE OR REPLACE FUNCTION redemption_count_claim(p_campaign_id uuid,"
            " p_cap_per_day integer, p_now timestamptz) RETURNS void LANGUAGE plpgsql"
            " SECURITY DEFINER SET search_path = public, pg_temp AS $$ BEGIN"
            " INSERT INTO redemption_dailyclaims (campaign_id, day, claims)"
            " VALUES (p_campaign_id, (p_now AT TIME ZONE 'UTC')::date, 1)"
            " ON CONFLICT (campaign_id, day)"
            " DO UPDATE SET claims = redemption_dailyclaims.claims + 1; END $$"
        )
    yield
    with psycopg.connect(owner_url(), autocommit=True) as owner:
        owner.execute(row[0])


class TestAtOnce:
    def crowd(self, world: World, *, cards: int) -> list[RedeemResult | Exception]:
        world.stock(cards)
        codes = iter(world.invite(CROWD))
        cap(cap_per_day=CAP)
        return run_at_once(CROWD, lambda: ask(next(codes)))

    @pytest.mark.parametrize("cards", [0, CROWD])
    def test_lets_in_as_many_as_may_come_and_no_more(self, world: World, cards: int) -> None:
        outcomes = self.crowd(world, cards=cards)
        assert sum(isinstance(one, RedeemResult) for one in outcomes) == CAP, outcomes
        assert sum(isinstance(one, CapReachedError) for one in outcomes) == CROWD - CAP
        assert Redemption.objects.count() == CAP
        assert PendingReward.objects.count() == (0 if cards else CAP)
        assert claims() == {NOW.date(): CAP}
        assert broken_invariants() == {}

    def test_control_without_the_count_too_many_come_in(
        self, world: World, without_count: None
    ) -> None:
        outcomes = self.crowd(world, cards=CROWD)
        assert sum(isinstance(one, RedeemResult) for one in outcomes) > CAP

    def test_never_waits_crosswise_with_what_fails(self, world: World) -> None:
        # The one takes the account and then the day's count; so does the other.
        world.stock(CROWD)
        cap(cap_per_day=1000)
        for code in world.invite(20):
            give_up_text(ask(code))
        codes = iter(world.invite(20))

        def either() -> object:
            code = next(codes, None)
            return clean_up() if code is None else ask(code)

        outcomes = run_at_once(24, either)
        assert not [one for one in outcomes if isinstance(one, Exception)], outcomes
        counted = Redemption.objects.exclude(state="failed").count()
        assert claims() == {NOW.date(): counted}
        assert counted == 20


class TestTheCount:
    def test_is_written_by_the_function_alone(self, world: World) -> None:
        with connection.cursor() as cursor, pytest.raises(Exception, match="permission denied"):
            cursor.execute("UPDATE redemption_dailyclaims SET claims = 0")
