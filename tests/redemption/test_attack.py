"""A simulated attack, small here and large with ``make attack``; docs/guard.md has its figures."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from django.test import override_settings

from redemption.models import AddressBlock
from tests.redemption.attacking import GUESSES_EACH, Outcome, attack, plan
from tests.redemption.guarding import SHIPPED, empty_counters
from tests.world import build_world

__all__ = ["empty_counters"]

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESSES = int(os.environ.get("ATTACK_ADDRESSES", "10"))
# Of them, as many as go through the pages: the rest of the way takes ten times as long there.
PAGES = int(os.environ.get("ATTACK_PAGES", str(ADDRESSES)))
HONEST = int(os.environ.get("ATTACK_HONEST", "5"))
SEED = int(os.environ.get("ATTACK_SEED", "1"))


class TestAttack:
    def test_finds_no_code_and_hinders_nobody(self, capsys: pytest.CaptureFixture[str]) -> None:
        # As if every guess did the work that a slowed form asks for: only the limits stand.
        outcome = self.run(SLOW_FORM_AFTER=(10**9, 300.0))
        self.tell(capsys, "The three limits alone", outcome.report)
        assert outcome.found == 0
        assert outcome.hindered == 0
        assert outcome.honest_waited == 0
        assert sum(outcome.guesses.values()) == PAGES * GUESSES_EACH
        # The hasty are stopped at the fifth guess, the patient blocked at the twentieth.
        hasty = PAGES // 2
        assert outcome.guesses[429] == hasty * (GUESSES_EACH - 5)
        assert outcome.blocked == PAGES - hasty
        assert not AddressBlock.objects.filter(network__startswith="2001:db8").exists()

    def test_finds_no_more_where_the_guard_is_asked_without_a_page(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        outcome = self.run(through="guard", SLOW_FORM_AFTER=(10**9, 300.0))
        self.tell(capsys, "The three limits alone, without pages", outcome.report)
        assert (outcome.found, outcome.hindered) == (0, 0)
        assert outcome.guesses[429] == ADDRESSES // 2 * (GUESSES_EACH - 5)
        assert outcome.blocked == ADDRESSES - ADDRESSES // 2

    def test_is_hardly_looked_at_once_the_form_is_slowed_down(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        outcome = self.run(SLOW_FORM_AFTER=(20, 300.0))
        self.tell(capsys, "With the slowed form", outcome.report)
        assert outcome.found == 0
        assert outcome.hindered == 0
        assert outcome.honest_waited > 0
        assert outcome.looked_up < sum(outcome.guesses.values()) / 2

    def run(self, *, through: Literal["views", "guard"] = "views", **limits: object) -> Outcome:
        addresses = PAGES if through == "views" else ADDRESSES
        world = build_world()
        world.stock(1)
        codes = world.invite(max(1, HONEST * addresses // ADDRESSES))
        start = datetime.now(UTC) + timedelta(hours=1)
        events = plan(addresses=addresses, codes=codes, seed=SEED)
        with override_settings(**{**SHIPPED, **limits}):
            return attack(events, start=start, through=through)

    def tell(self, capsys: pytest.CaptureFixture[str], title: str, report: str) -> None:
        if "ATTACK_ADDRESSES" in os.environ:
            with capsys.disabled():
                sys.stdout.write(f"\n{title}\n{report}\n")
