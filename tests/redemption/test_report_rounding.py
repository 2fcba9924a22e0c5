"""How waits are rounded for the reports, and how old a code was when somebody came with it."""

from __future__ import annotations

import random  # noqa: TID251  dice by a seed, to try many lengths
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import pytest
from django.db import connection

from redemption.models import Recipient, Redemption
from redemption.services.redeem import Caller, Contact, redeem
from redemption.services.serving import serve_waiting
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

_TINY: Final = timedelta(microseconds=1)
_HOUR: Final = timedelta(hours=1)


def rounded(function: str, waits: Iterable[timedelta]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(wait) FROM unnest(%s::interval[])"
            " WITH ORDINALITY one (wait, place) ORDER BY place",
            [list(waits)],
        )
        return [value for (value,) in cursor.fetchall()]


def around(*lengths: timedelta) -> list[timedelta]:
    return [length + one for length in lengths for one in (-_TINY, timedelta(0), _TINY)]


def by_chance(count: int) -> list[timedelta]:
    """Return lengths of every order of magnitude, up to three years, in order."""
    dice = random.Random(7)
    return sorted(timedelta(microseconds=int(10 ** dice.uniform(0, 13.97))) for _ in range(count))


def plain_seconds(wait: timedelta) -> int:
    seconds = max(0, -(-wait // timedelta(seconds=1)))
    step: int = 10 ** max(0, len(str(seconds)) - 2)
    return -(-seconds // step) * step


def plain_hours(age: timedelta) -> int:
    if age <= 48 * _HOUR:
        return max(0, -(-age // _HOUR))
    return -(-age // (24 * _HOUR)) * 24


class TestWaitSeconds:
    def test_are_whole_up_to_99_and_of_two_digits_from_there(self) -> None:
        seconds = (-5, 0, 0.4, 1, 99, 99.5, 100, 100.1, 754, 1000, 1001, 90_000)
        assert rounded("redemption_wait_seconds", [timedelta(seconds=one) for one in seconds]) == [
            *(0, 0, 1, 1, 99, 100, 100, 110, 760, 1000, 1100, 90_000)
        ]

    def test_are_exact_wherever_a_step_begins(self) -> None:
        lengths = [timedelta(seconds=10**power) for power in range(9)]
        edges = around(*lengths, timedelta(seconds=99), timedelta(seconds=990), timedelta(days=9))
        edges += by_chance(3000)
        assert rounded("redemption_wait_seconds", edges) == [plain_seconds(one) for one in edges]

    def test_of_what_was_not_handed_over_are_unknown(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT redemption_wait_seconds(NULL)")
            assert cursor.fetchone() == (None,)


class TestCodeAgeHours:
    def test_are_hours_for_two_days_and_days_from_there(self) -> None:
        ages = (-_HOUR, timedelta(0), _TINY, _HOUR, _HOUR + _TINY, 48 * _HOUR, 48 * _HOUR + _TINY)
        assert rounded("redemption_code_age_hours", ages) == [0, 0, 1, 1, 2, 48, 72]

    def test_are_exact_wherever_a_step_begins(self) -> None:
        edges = around(*(hours * _HOUR for hours in (1, 2, 47, 48, 49, 72, 96, 24 * 365)))
        edges += by_chance(3000)
        assert rounded("redemption_code_age_hours", edges) == [plain_hours(one) for one in edges]


def come(world: World, code: str, *, after: timedelta) -> Redemption:
    result = redeem(
        caller=Caller(door=Redemption.Door.WEB, actor="customer", request_id="r"),
        contact=Contact(method="none"),
        code=code,
        now=NOW + after,
    )
    return Redemption.objects.get(pk=result.redemption_id)


def invite_at_noon(world: World) -> str:
    code: str = world.invite()[0]
    Recipient.objects.filter(campaign=world.campaign).update(created_at=NOW)
    return code


class TestRedeem:
    @pytest.mark.parametrize(
        ("after", "hours"),
        [
            (timedelta(minutes=-5), 0),
            (timedelta(0), 0),
            (timedelta(minutes=1), 1),
            (timedelta(hours=48), 48),
            (timedelta(days=2, minutes=1), 72),
        ],
    )
    def test_writes_down_how_old_the_code_was(self, after: timedelta, hours: int) -> None:
        world = build_world()
        world.stock(1)
        reward = come(world, invite_at_noon(world), after=after)
        assert (reward.state, reward.code_age_hours) == ("issued", hours)

    def test_leaves_it_as_it_was_for_who_is_served_later(self) -> None:
        world = build_world()
        waits = come(world, invite_at_noon(world), after=timedelta(minutes=90))
        assert (waits.state, waits.code_age_hours) == ("waiting_stock", 2)

        world.stock(1)
        serve_waiting(now=NOW + timedelta(days=3), limit=10)

        waits.refresh_from_db()
        assert (waits.state, waits.code_age_hours) == ("issued", 2)
