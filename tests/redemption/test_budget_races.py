"""Depletion, switches and top-ups at once; with controls that show what the guards are for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connection

from alerts.errors import ServiceError
from alerts.models import Alert
from credit.models import Account, Transaction
from credit.selectors.viewers import SYSTEM
from credit.services.allocations import allocate_credit, issue_credit
from redemption.models import Campaign, Redemption
from redemption.services import budgets
from redemption.services.budget_alerts import settle_depletion_alert
from redemption.services.budgets import review_campaign, switch_budget
from tests.database import owner_url
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.asking import ask
from tests.redemption.budgeting import isolate, top_up
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


def in_turn(*deeds: Callable[[], object]) -> Callable[[], object]:
    """Return what does the first deed for the first caller, the next for the next, and so on."""
    lock, number = threading.Lock(), iter(range(1_000_000))

    def do_next() -> object:
        with lock:
            deed = deeds[next(number) % len(deeds)]
        return deed()

    return do_next


def add_credit(world: World, amount_minor: int) -> None:
    """Bring credit down to the client as a manager would: who listens is told."""
    assert world.account.parent is not None
    now = datetime.now(UTC)
    issue_credit(
        viewer=SYSTEM, to_account_id=world.account.parent.pk, amount_minor=amount_minor, note="",
        key=str(uuid4()), now=now,
    )  # fmt: skip
    allocate_credit(
        viewer=SYSTEM, from_account_id=world.account.parent.pk, to_account_id=world.account.pk,
        amount_minor=amount_minor, currency="USD", note="", key=str(uuid4()), now=now,
    )  # fmt: skip


def surprises(outcomes: Sequence[object]) -> list[object]:
    """Return what is neither a result nor a refusal of ours."""
    return [
        outcome
        for outcome in outcomes
        if isinstance(outcome, Exception) and not isinstance(outcome, ServiceError)
    ]


def can_pay(world: World) -> bool:
    campaign = Campaign.objects.select_related("account", "own_account").get(pk=world.campaign.pk)
    return any(
        account is not None and (account.balance_minor or 0) >= 2500
        for account in (campaign.account, campaign.own_account)
    )


def status_of(world: World) -> str:
    return Campaign.objects.get(pk=world.campaign.pk).status


class TestDepletion:
    def test_ends_as_the_money_says_while_credit_arrives(self) -> None:
        for _ in range(4):
            world = build_world(credit_minor=4 * 2500)
            world.stock(20)
            codes = iter(world.invite(14))
            lock = threading.Lock()

            def redeem_next(codes: Iterator[str] = codes, lock: threading.Lock = lock) -> object:
                with lock:
                    code = next(codes)
                return ask(code)

            outcomes = run_at_once(
                16,
                in_turn(*[redeem_next] * 7, lambda w=world: add_credit(w, 2500)),  # type: ignore[misc]
            )
            assert surprises(outcomes) == []
            # Whoever moved money last has looked last: no campaign that can pay stands still,
            # and none that can not goes on.
            assert status_of(world) == ("active" if can_pay(world) else "depleted")
            unresolved = Alert.objects.filter(
                dedupe_key=f"campaign_depleted:{world.campaign.pk}"
            ).exclude(state="resolved")
            assert unresolved.count() == (status_of(world) == "depleted")
            spent = (
                2500
                * Transaction.objects.filter(
                    kind="redemption", reference__in=references(world)
                ).count()
            )
            assert world.balance() + spent == 4 * 2500 + 2 * 2500

    def test_raises_one_alert_for_a_crowd_that_reviews(self) -> None:
        world = build_world(credit_minor=0)
        outcomes = run_at_once(12, lambda: review_campaign(campaign_id=world.campaign.pk, now=NOW))
        assert sorted(outcomes, key=repr) == [False] * 11 + [True]
        assert list(Alert.objects.values_list("severity", "state", "count")) == [
            ("critical", "open", 1)
        ]

    def test_is_decided_anew_when_credit_came_while_it_was_written(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Somebody tops the account up between the review's look at it and its commit, and still
        # finds the campaign active: nobody else would look again for minutes.
        world = build_world(credit_minor=0)
        topped_up = threading.Event()

        def top_up_first(**facts: Any) -> None:
            if not topped_up.is_set():
                topped_up.set()
                with ThreadPoolExecutor(1) as somebody:
                    somebody.submit(add_credit, world, 2500).result()
                    somebody.submit(lambda: connection.close()).result()
            settle_depletion_alert(**facts)

        monkeypatch.setattr(budgets, "settle_depletion_alert", top_up_first)
        assert not review_campaign(campaign_id=world.campaign.pk, now=NOW)
        assert status_of(world) == "active"
        assert not Alert.objects.filter(kind="campaign_depleted").exclude(state="resolved").exists()

    def test_is_decided_after_the_lock(self) -> None:
        # Somebody else has the campaign's row; credit arrives while the review waits for it.
        world = build_world(credit_minor=0)
        with psycopg.connect(owner_url()) as holder:
            holder.execute(
                "SELECT 1 FROM redemption_campaign WHERE id = %s FOR UPDATE", [world.campaign.pk]
            )
            reviewer = threading.Thread(target=lambda: run_at_once(1, lambda: review(world)))
            reviewer.start()
            wait_until_blocked_by(holder)
            top_up(world.platform_account, world.account.parent, 2500)
            top_up(world.account.parent, world.account, 2500)
            holder.commit()
            reviewer.join()
        assert (status_of(world), Alert.objects.count()) == ("active", 0)

    def test_goes_wrong_when_it_is_decided_before(self) -> None:
        # The control: one statement that reads the balance as of its start, and then waits.
        world = build_world(credit_minor=0)
        statement = (
            "UPDATE redemption_campaign c SET status = 'depleted' WHERE c.id = %s AND NOT EXISTS"
            " (SELECT 1 FROM credit_account a"
            " WHERE a.id = c.account_id AND a.balance_minor >= 2500)"
        )
        with psycopg.connect(owner_url()) as holder, psycopg.connect(owner_url()) as reviewer:
            holder.execute(
                "SELECT 1 FROM redemption_campaign WHERE id = %s FOR UPDATE", [world.campaign.pk]
            )
            thread = threading.Thread(
                target=lambda: reviewer.execute(statement, [world.campaign.pk])
            )
            thread.start()
            wait_until_blocked_by(holder)
            top_up(world.platform_account, world.account.parent, 2500)
            top_up(world.account.parent, world.account, 2500)
            holder.commit()
            thread.join()
            reviewer.commit()
        assert can_pay(world)
        assert status_of(world) == "depleted"


class TestSwitchBudget:
    def test_opens_one_account_for_many_who_switch(self) -> None:
        world = build_world()
        outcomes = run_at_once(
            8,
            lambda: switch_budget(
                viewer=SYSTEM, campaign_id=world.campaign.pk, mode="isolated", now=NOW
            ),
        )
        assert surprises(outcomes) == []
        opened = [getattr(outcome, "opened_account", None) for outcome in outcomes]
        assert sorted(opened, key=repr) == [False] * 7 + [True]
        assert Account.objects.filter(level="campaign").count() == 1

    def test_loses_no_cent_and_no_reward_among_redemptions(self) -> None:
        world = build_world(credit_minor=40 * 2500)
        own = isolate(world, 10 * 2500)
        world.stock(40)
        codes = iter(world.invite(24))
        lock = threading.Lock()

        def redeem_next() -> object:
            with lock:
                code = next(codes)
            return ask(code)

        def switch(mode: str) -> object:
            return switch_budget(
                viewer=SYSTEM, campaign_id=world.campaign.pk, mode=mode, now=datetime.now(UTC)
            )

        outcomes = run_at_once(
            32,
            in_turn(
                *[redeem_next] * 3,
                lambda: switch("shared"),
                *[redeem_next] * 3,
                lambda: switch("isolated"),
            ),
        )
        assert surprises(outcomes) == []
        issued = Redemption.objects.filter(state="issued").count()
        assert issued == sum(getattr(outcome, "state", "") == "issued" for outcome in outcomes)
        own.refresh_from_db()
        assert world.balance() + (own.balance_minor or 0) + 2500 * issued == 40 * 2500
        campaign = Campaign.objects.get(pk=world.campaign.pk)
        assert campaign.own_account_id == own.pk
        assert campaign.account_id in (own.pk, world.account.pk)


def references(world: World) -> list[str]:
    ids = Redemption.objects.filter(campaign=world.campaign).values_list("pk", flat=True)
    return [f"redemption:{pk}:1" for pk in ids]


def review(world: World) -> None:
    review_campaign(campaign_id=world.campaign.pk, now=NOW)


def wait_until_blocked_by(holder: psycopg.Connection) -> None:
    """Return once somebody waits for what the connection has locked."""
    with psycopg.connect(owner_url(), autocommit=True) as observer:
        for _ in range(2000):
            found = observer.execute(
                "SELECT 1 FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))",
                [holder.info.backend_pid],
            ).fetchone()
            if found:
                return
            threading.Event().wait(0.005)
    raise AssertionError("nobody came to wait")
