"""The desk's list: each thing on it once, oldest due first, closed once and for all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.urls import reverse

from alerts.errors import ValidationFailedError
from alerts.transactions import MissingTransactionError, transaction
from credit.models import AuditEvent, Membership, User
from credit.selectors.viewers import SYSTEM, viewer_of_user, viewing
from giftcards.services.secrets import open_field
from redemption.models import DeskTask
from redemption.selectors.desk_tasks import count_open_tasks, open_tasks
from redemption.services.desk_tasks import (
    TaskClosedError,
    TaskNotFoundError,
    close_task,
    open_task,
    settle_tasks,
)
from tests.races import run_at_once
from tests.redemption.taking_back import card_of, redeem_one
from tests.staff import make_agency_manager, make_platform_admin, make_user, sign_in
from tests.world import NOW, World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = "+12025550123"


@pytest.fixture
def world() -> World:
    return build_world()


def put(world: World, **changes: Any) -> UUID:
    """Put a call on the list."""
    facts = {
        "kind": "call_back",
        "client_id": world.client.pk,
        "phone": PHONE,
        "due_at": NOW + timedelta(minutes=30),
        "actor": "system",
        "now": NOW,
    }
    with transaction():
        return open_task(**{**facts, **changes})


def make_agent(world: World) -> User:
    user = make_user(is_staff=False)
    Membership.objects.create(user=user, role=Membership.Role.AGENT, client=world.client)
    return user


def close(task_id: UUID, user: User, **changes: Any) -> None:
    facts = {"outcome": "done", "note": "Told her", "now": NOW + timedelta(minutes=5)}
    close_task(**{**facts, "task_id": task_id, "user": user, **changes})


def state_of(task_id: UUID) -> tuple[str, str, object, object]:
    task = DeskTask.objects.get(pk=task_id)
    return task.outcome, task.done_note, task.done_by, task.done_at


OPEN = ("", "", None, None)


class TestOpenTask:
    def test_puts_it_on_the_list(self, world: World) -> None:
        result = redeem_one(world)
        task_id = put(
            world,
            recipient_id=result.recipient_id,
            redemption_id=result.redemption_id,
            note="Wants to be called",
        )
        (task,) = open_tasks(viewer=SYSTEM)
        assert (task.task_id, task.kind, task.phone) == (task_id, "call_back", PHONE)
        assert (task.recipient_name, task.campaign_name) == ("Ana Sample", "Acorn campaign")
        assert (task.redemption_state, task.note) == ("issued", "Wants to be called")
        assert task.due_at == NOW + timedelta(minutes=30)

    def test_of_a_kind_that_is_open_about_this_reward_keeps_the_first(self, world: World) -> None:
        reward = {"redemption_id": redeem_one(world).redemption_id, "kind": "bad_number"}
        first = put(world, **reward, note="first")
        assert put(world, **reward, note="second", due_at=NOW) == first
        task = DeskTask.objects.get()
        assert (task.note, task.due_at) == ("first", NOW + timedelta(minutes=30))
        assert put(world, **{**reward, "kind": "apology"}) != first

    def test_after_one_was_closed_opens_another(self, world: World) -> None:
        reward = {"redemption_id": redeem_one(world).redemption_id, "kind": "bad_number"}
        first = put(world, **reward)
        close(first, make_agent(world))
        assert put(world, **reward) != first
        assert DeskTask.objects.filter(done_at=None).count() == 1

    def test_without_a_reward_opens_each(self, world: World) -> None:
        assert put(world) != put(world)

    def test_of_many_at_once_opens_one(self, world: World) -> None:
        reward = redeem_one(world).redemption_id
        ids = run_at_once(8, lambda: put(world, redemption_id=reward))
        assert len(set(ids)) == 1
        assert DeskTask.objects.count() == 1

    def test_is_part_of_the_callers_transaction(self, world: World) -> None:
        with pytest.raises(MissingTransactionError):
            open_task(
                kind="apology",
                client_id=world.client.pk,
                phone=PHONE,
                due_at=NOW,
                actor="system",
                now=NOW,
            )
        assert not DeskTask.objects.exists()


class TestSettleTasks:
    def test_leaves_what_a_person_has_promised(self, world: World) -> None:
        reward = redeem_one(world).redemption_id
        mine = put(world, redemption_id=reward, actor=f"user:{uuid4()}")
        sorry = put(world, redemption_id=reward, kind="apology")
        bad = put(world, redemption_id=reward, kind="bad_number")
        other = put(world, redemption_id=redeem_one(world).redemption_id, kind="bad_number")
        with transaction():
            assert settle_tasks(redemption_ids=[reward], now=NOW) == 1
        assert state_of(bad) == ("settled", "", None, NOW)
        assert [state_of(one) for one in (mine, sorry, other)] == [OPEN] * 3


class TestCloseTask:
    def test_says_who_did_it_and_when(self, world: World) -> None:
        agent, task_id = make_agent(world), put(world)
        close(task_id, agent)
        assert state_of(task_id) == ("done", "Told her", agent, NOW + timedelta(minutes=5))
        event = AuditEvent.objects.get(action="desk_task.closed")
        assert (event.actor, event.object_id) == (f"user:{agent.pk}", str(task_id))
        assert open_tasks(viewer=SYSTEM) == []

    def test_happens_once(self, world: World) -> None:
        agent, task_id = make_agent(world), put(world)
        close(task_id, agent)
        with pytest.raises(TaskClosedError):
            close(task_id, make_agent(world), outcome="not_reached")
        assert state_of(task_id)[:3] == ("done", "Told her", agent)
        assert AuditEvent.objects.filter(action="desk_task.closed").count() == 1

    def test_is_not_for_strangers(self, world: World) -> None:
        task_id = put(world)
        auditor = make_user(is_staff=False)
        Membership.objects.create(user=auditor, role="auditor", client=world.client)
        other = build_world(name="Birch")
        for stranger in (make_agent(other), make_agency_manager(other.agency), auditor):
            with pytest.raises(TaskNotFoundError):
                close(task_id, stranger)
        assert state_of(task_id) == OPEN

    def test_keeps_no_code(self, world: World) -> None:
        code = open_field(card_of(redeem_one(world)).code_encrypted, field="code")
        task_id = put(world)
        with pytest.raises(ValidationFailedError) as refusal:
            close(task_id, make_agent(world), note=f"Read out {code}")
        assert set(refusal.value.errors) == {"note"}
        assert state_of(task_id) == OPEN

    @pytest.mark.parametrize("outcome", ["settled", "", "other"])
    def test_takes_no_other_outcome(self, world: World, outcome: str) -> None:
        task_id = put(world)
        with pytest.raises(ValidationFailedError):
            close(task_id, make_agent(world), outcome=outcome)
        assert state_of(task_id) == OPEN


class TestOpenTasks:
    def test_come_oldest_due_first(self, world: World) -> None:
        late = put(world, due_at=NOW + timedelta(hours=1))
        early = put(world, due_at=NOW - timedelta(hours=1), kind="apology")
        assert [one.task_id for one in open_tasks(viewer=SYSTEM)] == [early, late]
        assert [one.task_id for one in open_tasks(viewer=SYSTEM, kinds=["call_back"])] == [late]
        counts = count_open_tasks(viewer=SYSTEM, now=NOW)
        assert (counts.open, counts.due) == (2, 1)

    def test_are_not_shown_to_strangers(self, world: World) -> None:
        put(world)
        mine = viewer_of_user(make_agent(world).pk)
        with viewing(mine):
            assert len(open_tasks(viewer=mine)) == 1
        theirs = viewer_of_user(make_agent(build_world(name="Birch")).pk)
        with viewing(theirs):
            assert open_tasks(viewer=theirs) == []
            assert DeskTask.objects.count() == 0


class TestTheAdmin:
    def test_lists_and_closes(self, world: World) -> None:
        task_id = put(world, note="Wants to be called")
        admin = make_platform_admin()
        browser = sign_in(admin)
        listed = browser.get(reverse("admin:redemption_desktask_changelist") + "?state=open")
        assert "Wants to be called" in listed.content.decode()
        url = reverse("admin:redemption_desktask_close_one", args=[task_id])
        said = {"outcome": "not_reached", "note": "Rang twice", "_form_submitted": "on"}
        page = browser.post(url, said, follow=True)
        assert page.status_code == 200
        assert state_of(task_id)[:3] == ("not_reached", "Rang twice", admin)
        gone = browser.get(reverse("admin:redemption_desktask_changelist") + "?state=open")
        assert "Wants to be called" not in gone.content.decode()

    def test_is_for_platform_admins(self, world: World) -> None:
        task_id = put(world)
        browser = sign_in(make_agency_manager(world.agency))
        url = reverse("admin:redemption_desktask_close_one", args=[task_id])
        said = {"outcome": "done", "_form_submitted": "on"}
        assert browser.post(url, said).status_code == 404
        assert state_of(task_id) == OPEN
