"""Events that broke off, that come in crowds, and that are tried again."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import pytest

from credit.models import AuditEvent
from redemption.models import Campaign, EventSource, EventTry, InboundEvent, Redemption
from redemption.services import inbound_events
from redemption.services.event_replays import EventOverError, ask_for_replays, replay_event
from redemption.services.inbound_events import BODY_KEPT, process_events
from redemption.services.redeem import redeem
from sms.models import Message
from tests.invariants import broken_invariants
from tests.races import run_at_once
from tests.redemption.reporting import CONTACT, Crm, add_contact, connect_crm, only_event
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

HALF_A_MINUTE = timedelta(seconds=31)


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def crm(world: World) -> Crm:
    return connect_crm(world, stock=3)


@pytest.fixture(autouse=True)
def everything_adds_up() -> Iterator[None]:
    yield
    assert broken_invariants() == {}


class PowerCutError(Exception):
    """The process ends here."""


def break_off(crm: Crm, where: str) -> None:
    """Report evt-1 and let the process die at a function of the service."""
    with mock.patch.object(inbound_events, where, side_effect=PowerCutError):
        assert crm.report(event_id="evt-1").status_code == 500
    assert only_event().outcome == "received"


def sweep(after: timedelta = HALF_A_MINUTE) -> int:
    return process_events(now=datetime.now(UTC) + after, limit=100)


class TestCrash:
    @pytest.mark.parametrize(("where", "rewards"), [("_decide", 0), ("_write", 1)])
    def test_is_finished_by_the_sweep(self, crm: Crm, where: str, rewards: int) -> None:
        break_off(crm, where)
        assert Redemption.objects.count() == rewards
        # Not before the request that brought it had its time.
        assert sweep(timedelta(0)) == 0
        assert sweep() == 1
        reward, event = Redemption.objects.get(), only_event()
        assert (event.outcome, event.redemption_id, event.actor) == ("issued", reward.pk, "system")
        assert Message.objects.count() == 1
        assert crm.report(event_id="evt-1").json() == {
            "event_id": "evt-1",
            "outcome": "issued",
            "code": None,
            "redemption_id": str(reward.pk),
            "duplicate": True,
        }
        assert sweep(timedelta(hours=1)) == 0

    @pytest.mark.parametrize("where", ["_decide", "_write"])
    def test_is_finished_by_the_senders_repeat(self, crm: Crm, where: str) -> None:
        break_off(crm, where)
        answer = crm.report(event_id="evt-1")
        assert (answer.status_code, answer.json()["outcome"]) == (200, "issued")
        assert only_event().outcome == "issued"
        assert sweep() == 0
        assert Redemption.objects.count() == Message.objects.count() == 1

    def test_of_a_worker_leaves_it_to_the_next(self, crm: Crm) -> None:
        break_off(crm, "_decide")
        with (
            mock.patch.object(inbound_events, "_decide", side_effect=PowerCutError),
            pytest.raises(PowerCutError),
        ):
            sweep()
        assert sweep(timedelta(minutes=4)) == 0
        assert sweep(timedelta(minutes=6)) == 1
        assert only_event().outcome == "issued"


class TestCrowd:
    def test_of_one_id_gets_one_reward_and_one_answer(self, crm: Crm) -> None:
        body = crm.body()
        answers = run_at_once(50, lambda: crm.report(body, event_id="evt-1"))
        assert [getattr(answer, "status_code", answer) for answer in answers] == [200] * 50
        said = [answer.json() for answer in answers]  # type: ignore[union-attr]
        assert {s["outcome"] for s in said} == {"issued"}
        assert {s["redemption_id"] for s in said} == {str(Redemption.objects.get().pk)}
        assert [s["duplicate"] for s in said].count(False) == 1
        assert (InboundEvent.objects.count(), Message.objects.count()) == (1, 1)
        assert [t.outcome for t in EventTry.objects.all()] == ["issued"]

    def test_without_the_key_would_call_the_reward_somebody_elses(self, crm: Crm) -> None:
        # The control: it is the key under which the second finds the first one's redemption.
        two_are_there = threading.Barrier(2)

        def redeem_without_key(**arguments: Any) -> Any:
            # Nobody goes on until another is as far; the odd one out is not waited for.
            with contextlib.suppress(threading.BrokenBarrierError):
                two_are_there.wait(timeout=5)
            result = redeem(**{**arguments, "key": None})
            # Whoever gets it is slower to write it down than whoever is refused.
            until = time.monotonic() + 10
            while not EventTry.objects.exists() and time.monotonic() < until:
                time.sleep(0.01)
            return result

        with mock.patch.object(inbound_events, "redeem", redeem_without_key):
            body = crm.body()
            answers = run_at_once(50, lambda: crm.report(body, event_id="evt-1"))
        assert "already_redeemed" in {a.json()["outcome"] for a in answers}  # type: ignore[union-attr]


class TestReplay:
    @pytest.fixture
    def unmatched(self, crm: Crm) -> InboundEvent:
        crm.report(event_id="evt-1", contact_id="4712")
        return only_event()

    def test_succeeds_once_the_contact_is_known(
        self, crm: Crm, world: World, unmatched: InboundEvent
    ) -> None:
        add_contact(world, "4712", phone="+12025550124")
        event = replay_event(event_id=unmatched.pk, actor="user:7", now=datetime.now(UTC))
        assert (event.outcome, event.problem, event.tries) == ("issued", "", 2)
        assert event.body_encrypted == ""
        trail = [(t.outcome, t.problem, t.actor) for t in EventTry.objects.all()]
        assert trail == [
            ("unmatched", "unknown_contact", f"source:{crm.source.pk}"),
            ("issued", "", "user:7"),
        ]
        kept = AuditEvent.objects.get(action="inbound_event.replayed")
        assert (kept.actor, kept.client) == ("user:7", world.client)
        assert crm.report(event_id="evt-1", contact_id="4712").json()["outcome"] == "issued"

    def test_reads_the_body_under_the_mapping_of_now(self, crm: Crm, world: World) -> None:
        EventSource.objects.update(
            campaign=world.campaign, mapping={"event_type": "$.kind", "contact_id": "$.who"}
        )
        crm.report({"kind": "appointment.kept", "person": 4711})
        EventSource.objects.update(mapping={"event_type": "$.kind", "contact_id": "$.person"})
        event = replay_event(event_id=only_event().pk, actor="user:7", now=datetime.now(UTC))
        assert (event.outcome, event.contact_id, event.details) == ("issued", CONTACT, "")

    def test_of_what_was_refused_is_another_try(self, crm: Crm) -> None:
        Campaign.objects.update(status="paused")
        crm.report()
        now = datetime.now(UTC)
        again = replay_event(event_id=only_event().pk, actor="user:7", now=now)
        assert (again.outcome, again.error_code, again.tries) == ("refused", "GC-104", 2)
        Campaign.objects.update(status="active")
        assert replay_event(event_id=again.pk, actor="user:7", now=now).outcome == "issued"

    def test_of_what_is_over_is_refused(self, crm: Crm) -> None:
        crm.report()
        with pytest.raises(EventOverError):
            replay_event(event_id=only_event().pk, actor="user:7", now=datetime.now(UTC))
        assert only_event().tries == 1

    def test_of_many_is_worked_off_by_the_sweep(self, crm: Crm, world: World) -> None:
        for contact in ("a", "b", "c"):
            crm.report(contact_id=contact)
        crm.report()
        add_contact(world, "a", phone="+12025550124")
        add_contact(world, "b", phone="+12025550125")
        ids: list[UUID] = list(InboundEvent.objects.values_list("pk", flat=True))
        replay_id, count = ask_for_replays(event_ids=ids, actor="user:7", now=datetime.now(UTC))
        assert count == 3
        # Asked twice, it is still done once.
        assert ask_for_replays(event_ids=ids, actor="user:7", now=datetime.now(UTC))[1] == 0
        assert sweep(timedelta(seconds=1)) == 3
        replayed = InboundEvent.objects.filter(replay_id=replay_id).order_by("contact_id")
        assert [(e.outcome, e.tries, e.actor) for e in replayed] == [
            ("issued", 2, "user:7"),
            ("issued", 2, "user:7"),
            ("unmatched", 2, "user:7"),
        ]
        assert sweep(timedelta(hours=1)) == 0


class TestProcessEvents:
    def test_keeps_no_body_for_longer_than_a_replay_is_likely(self, crm: Crm, world: World) -> None:
        crm.report(contact_id="4712")
        process_events(now=datetime.now(UTC) + BODY_KEPT - timedelta(minutes=1), limit=1)
        assert only_event().body_encrypted != ""
        process_events(now=datetime.now(UTC) + BODY_KEPT + timedelta(minutes=1), limit=1)
        assert only_event().body_encrypted == ""
        # What was understood is enough to try it again.
        add_contact(world, "4712", phone="+12025550124")
        event = replay_event(event_id=only_event().pk, actor="user:7", now=datetime.now(UTC))
        assert event.outcome == "issued"
