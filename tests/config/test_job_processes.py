"""Jobs with real processes: two beats, two workers, a worker that is killed, a bell amid it all."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from celery import current_app
from django_celery_beat.models import PeriodicTask

from alerts.models import Alert, JobLease, JobRun, RungBy
from alerts.queue import ring_bell
from alerts.services.job_switches import recover_jobs, run_job_now, switch_job
from alerts.services.monitor_runs import run_monitors
from alerts.transactions import transaction
from redemption.models import Redemption
from redemption.services.redeem import Caller, Contact, redeem
from sms.emulator import Emulator
from sms.models import Message
from tests.alerts.jobbing import age, make_job
from tests.config.job_app import NAP, TICK
from tests.config.job_processes import Company, company, count, tell, until
from tests.sms.emulator_fixture import ACCOUNT_SID, AUTH_TOKEN, FROM_NUMBER
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

SWEEP = "sms.tasks.sweep_messages"
TEXTS = 20


@pytest.fixture
def world() -> World:
    return build_world()


@pytest.fixture
def team(tmp_path: Path, twilio_emulator: Emulator) -> Iterator[Company]:
    """Processes whose texts go to the emulator."""
    with company(
        tmp_path,
        TWILIO_API_BASE_URL=twilio_emulator.base_url,
        TWILIO_ACCOUNT_SID=ACCOUNT_SID,
        TWILIO_AUTH_TOKEN=AUTH_TOKEN,
        TWILIO_FROM_NUMBER=FROM_NUMBER,
    ) as team:
        yield team


def now() -> datetime:
    return datetime.now(UTC)


def lease(job: str) -> JobLease:
    return JobLease.objects.get(job=job)


def make_due(job: str) -> None:
    """Let a beat that starts now ring for the job at once."""
    PeriodicTask.objects.filter(name=job).update(last_run_at=now() - timedelta(days=1))


class TestTwoBeats:
    def test_run_each_job_once_per_due_time_and_send_each_text_once(
        self, team: Company, world: World, twilio_emulator: Emulator
    ) -> None:
        world.stock(TEXTS)
        for number, code in enumerate(world.invite(TEXTS)):
            redeem(
                caller=Caller(door=Redemption.Door.API, actor="key:test", request_id="r"),
                contact=Contact(method="sms", to=f"+120655501{number:02}"),
                now=now(),
                code=code,
            )
        make_job(TICK, seconds=2, task=TICK)
        make_job(SWEEP, seconds=1, task=SWEEP)
        for job in (TICK, SWEEP):
            make_due(job)
        team.worker("one")
        team.worker("two")
        began = time.monotonic()
        team.beat("first")
        team.beat("second")
        until(lambda: count("ticks") >= 4)
        until(lambda: not Message.objects.filter(state="queued").exists())
        took = time.monotonic() - began
        rung = sum(team.log(beat).count(f"Sending due task {TICK}") for beat in ("first", "second"))

        ticks = count("ticks")
        # Both beats rang; of every two seconds one ring was heard.
        assert rung > ticks
        assert ticks <= took / (2 * 0.75) + 1
        sent = Counter(text.to for text in twilio_emulator.messages())
        assert len(sent) == TEXTS
        assert set(sent.values()) == {1}
        runs = JobRun.objects.filter(job=TICK)
        assert {run.outcome for run in runs} == {"succeeded"}
        assert abs(sum(run.runs for run in runs) - ticks) <= 1  # one may be amid it

    def test_ring_no_more_for_what_is_switched_off(self, team: Company) -> None:
        make_job(TICK, seconds=1, task=TICK)
        make_due(TICK)
        team.worker("one")
        team.beat("first")
        team.beat("second")
        until(lambda: count("ticks") >= 1)
        with transaction():
            switch_job(job=TICK, is_on=False, reason="test", user_id=uuid4(), now=now())
        time.sleep(0.5)
        before = count("ticks")
        time.sleep(4)
        assert count("ticks") == before


class TestTwoWorkers:
    def test_share_a_job_that_is_rung_twice_at_once(self, team: Company) -> None:
        make_job(NAP, seconds=3600, task=NAP)
        team.worker("one")
        team.worker("two")
        tell("nap", 3)
        for _ in range(6):
            current_app.send_task(NAP, headers={"periodic_task_name": NAP})
        until(lambda: count("naps_ended") == 1)
        time.sleep(1)
        assert count("naps_begun") == 1
        until(lambda: JobRun.objects.count() == 1)
        assert JobRun.objects.get().outcome == "succeeded"

    def test_would_both_do_it_without_the_lease(self, team: Company) -> None:
        # The control: the bell asks for no lease.
        team.worker("one")
        team.worker("two")
        tell("nap", 1)
        for _ in range(6):
            current_app.send_task(NAP)
        until(lambda: count("naps_ended") == 6)


class TestAWorkerThatIsKilled:
    def test_loses_its_run_which_another_does_again(self, team: Company) -> None:
        make_job(NAP, seconds=86_400, task=NAP)
        victim = team.worker("victim")
        tell("nap", 60)
        current_app.send_task(NAP, headers={"periodic_task_name": NAP})
        until(lambda: count("naps_begun") == 1)
        assert lease(NAP).host == "victim@test"
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        tell("nap", 0)

        # Its lease is good for a minute: nobody can know yet.
        team.worker("heir")
        recover_jobs(now=now())
        time.sleep(0.5)
        assert count("naps_begun") == 1
        age(NAP, by=timedelta(seconds=61))
        assert recover_jobs(now=now()).lost == 1
        until(lambda: count("naps_ended") == 1)
        until(lambda: JobRun.objects.count() == 2)
        assert list(
            JobRun.objects.order_by("started_at").values_list("outcome", "rung_by", "host")
        ) == [("lost", "clock", "victim@test"), ("succeeded", "recovery", "heir@test")]
        assert (lease(NAP).holder, lease(NAP).losses_in_a_row) == (None, 0)


class TestTheBell:
    def test_is_answered_while_a_slow_run_holds_the_lease(self, team: Company) -> None:
        make_job(NAP, seconds=86_400, task=NAP)
        team.worker("one")
        tell("nap", 60)
        assert run_job_now(job=NAP, user_id=uuid4(), now=now())
        until(lambda: count("naps_begun") == 1)
        tell("nap", 0)
        began = time.monotonic()
        ring_bell(NAP)
        until(lambda: count("naps_ended") == 1, seconds=10)
        assert time.monotonic() - began < 5
        assert lease(NAP).holder is not None
        assert lease(NAP).rung_by == RungBy.PERSON
        assert JobRun.objects.count() == 0


class TestStoppedJob:
    def test_is_told_of_once_and_resolved_when_somebody_runs_it(self, team: Company) -> None:
        # Nobody rings for it: there is a worker, and no beat.
        make_job(TICK, seconds=60, task=TICK)
        recover_jobs(now=now())
        age(TICK, by=timedelta(minutes=30))
        team.worker("one")
        for _ in range(2):
            run_monitors(now=now())
        alert = Alert.objects.get(dedupe_key=f"job:{TICK}")
        assert (alert.severity, alert.state, alert.count) == ("critical", "open", 2)
        user_id = uuid4()
        assert run_job_now(job=TICK, user_id=user_id, now=now())
        until(lambda: JobRun.objects.count() == 1)
        run = JobRun.objects.get()
        assert (run.rung_by, run.asked_by, run.counts) == ("person", user_id, {"done": 1})
        run_monitors(now=now())
        alert.refresh_from_db()
        assert alert.state == "resolved"
        assert Alert.objects.filter(kind__startswith="job_late").count() == 1
