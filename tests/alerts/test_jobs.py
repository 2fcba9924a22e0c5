from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from alerts.models import JobLease, JobRun, RungBy
from alerts.selectors.job_schedules import read_schedule, say_span
from alerts.services import jobs
from alerts.services.history import clear_history
from alerts.services.job_endings import count_result, describe_error
from alerts.services.job_leases import make_leases
from alerts.services.job_switches import recover_jobs, run_job_now, switch_job
from alerts.services.jobs import job_of, run_job
from alerts.transactions import transaction
from tests.alerts.jobbing import JOB, age, claim, lease, make_job, ring
from tests.database import owner_url

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "GIFT-1234-SECRET"


@pytest.fixture(autouse=True)
def no_memory() -> Iterator[None]:
    """Let each test know for itself which jobs are switched off."""
    jobs.OFF.read_at = float("-inf")
    yield
    jobs.OFF.read_at = float("-inf")


def run(rung_by: RungBy = RungBy.CLOCK, result: Any = None, *, job: str = JOB) -> tuple[int, Any]:
    """Run the job; return how often its work was done, and what came back."""
    done = []

    def work() -> Any:
        done.append(1)
        return result

    back = run_job(ring=ring(rung_by, job), work=work)
    return len(done), back


def fail() -> None:
    raise ValueError(f"can't read {SECRET}")


def switch(*, is_on: bool, reason: str = "vendor is down") -> bool:
    with transaction():
        return switch_job(
            job=JOB, is_on=is_on, reason=reason, user_id=uuid4(), now=datetime.now(UTC)
        )


def recorded() -> list[tuple[str, str, int]]:
    """Return the rows of runs, the oldest first."""
    rows = JobRun.objects.order_by("started_at")
    return list(rows.values_list("outcome", "rung_by", "runs"))


class TestRunJobForTheClock:
    def test_does_it_and_tells_what_it_did(self) -> None:
        make_job()
        assert run(result=3) == (1, 3)
        found = JobRun.objects.get()
        assert (found.job, found.task, found.counts) == (JOB, "a.task", {"done": 3})
        assert (found.rung_by, found.host, found.fold) == ("clock", "celery@here", None)

    def test_does_what_two_beats_ring_for_once(self) -> None:
        make_job(seconds=300)
        assert [run()[0] for _ in range(5)] == [1, 0, 0, 0, 0]
        age(by=timedelta(seconds=230))  # more than three quarters of 300 s
        assert [run()[0] for _ in range(2)] == [1, 0]

    def test_does_it_each_time_when_the_rest_is_taken_away(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The control of the one above.
        monkeypatch.setattr("alerts.selectors.job_schedules._REST", 0.0)
        make_job(seconds=300)
        assert [run()[0] for _ in range(5)] == [1, 1, 1, 1, 1]

    def test_does_what_a_crontab_rings_for_once(self) -> None:
        job = make_job()
        job.crontab = CrontabSchedule.objects.create(minute="0", hour="3")
        job.interval = None
        job.save()
        assert [run()[0] for _ in range(3)] == [1, 0, 0]
        age(by=timedelta(days=1))
        assert [run()[0] for _ in range(2)] == [1, 0]

    def test_tells_empty_runs_of_a_frequent_job_together(self) -> None:
        make_job(seconds=5)
        for _ in range(4):
            run()
            # Within the hour: the clock's last run is put back, the run is not.
            JobLease.objects.update(clock_started_at=None)
        assert sum(runs for *_, runs in recorded()) == 4
        assert len(recorded()) <= 2

    def test_tells_each_run_of_a_rare_job(self) -> None:
        make_job(seconds=3600)
        for _ in range(3):
            run()
            JobLease.objects.update(clock_started_at=None)
        assert recorded() == [("succeeded", "clock", 1)] * 3

    def test_tells_a_failure_without_its_words(self) -> None:
        make_job()
        with pytest.raises(ValueError, match=SECRET):
            run_job(ring=ring(), work=fail)
        found = JobRun.objects.get()
        assert (found.outcome, found.error_type) == ("failed", "ValueError")
        assert found.error_words.startswith("at tests/alerts/test_jobs.py:")
        assert SECRET not in str(JobRun.objects.values()[0]) + str(JobLease.objects.values()[0])
        assert (lease().failures_in_a_row, lease().holder) == (1, None)

    def test_tells_a_worker_that_is_told_to_stop(self) -> None:
        make_job()

        def stop() -> None:
            raise SystemExit(1)

        with pytest.raises(SystemExit):
            run_job(ring=ring(), work=stop)
        assert JobRun.objects.get().error_type == "SystemExit"

    def test_has_no_transaction_open_while_it_works(self) -> None:
        make_job()
        states = []

        def look() -> None:
            with psycopg.connect(owner_url(), autocommit=True) as other:
                # Anybody may write the row: nothing holds it.
                other.execute("SET lock_timeout = '1s'")
                other.execute("UPDATE alerts_joblease SET host = host")
                states.append(connection.in_atomic_block)

        run_job(ring=ring(), work=look)
        assert states == [False]

    def test_leaves_a_ring_for_what_was_switched_off_meanwhile(self) -> None:
        make_job()
        assert switch(is_on=False)
        assert run() == (0, None)
        assert recorded() == []

    def test_holds_by_our_switch_when_the_scheduler_wrote_its_row_back(self) -> None:
        make_job()
        switch(is_on=False)
        PeriodicTask.objects.update(enabled=True)
        assert run() == (0, None)


class TestRunJobForThePerson:
    def test_does_it_though_it_ran_just_now(self) -> None:
        make_job(seconds=86_400)
        run()
        assert run(RungBy.PERSON, 2) == (1, 2)
        assert recorded() == [("succeeded", "clock", 1), ("succeeded", "person", 1)]

    def test_does_it_though_it_is_switched_off(self) -> None:
        make_job()
        switch(is_on=False)
        assert run(RungBy.PERSON)[0] == 1

    def test_leaves_it_to_the_one_who_is_at_it(self) -> None:
        make_job()
        holder = claim()
        assert run(RungBy.PERSON) == (0, None)
        assert lease().holder == holder


class TestRunJobForTheBell:
    def test_is_not_kept_waiting_by_a_slow_run(self) -> None:
        make_job()
        claim()  # a run that goes on
        began = time.monotonic()
        assert run(RungBy.BELL, 1) == (1, 1)
        assert time.monotonic() - began < 1

    def test_would_be_dropped_if_it_asked_for_the_lease(self) -> None:
        # The control: what the person's ring gets, which does ask for it.
        make_job()
        claim()
        assert run(RungBy.PERSON) == (0, None)

    def test_asks_the_database_nothing_a_hundred_times(self) -> None:
        make_job()
        run(RungBy.BELL)
        with CaptureQueriesContext(connection) as asked:
            assert sum(run(RungBy.BELL)[0] for _ in range(100)) == 100
        assert len(asked) == 0
        assert recorded() == []

    def test_tells_failures_of_an_hour_together(self) -> None:
        make_job()
        for _ in range(3):
            with pytest.raises(ValueError, match="can't read"):
                run_job(ring=ring(RungBy.BELL), work=fail)
        assert {(outcome, by) for outcome, by, _ in recorded()} == {("failed", "bell")}
        assert sum(runs for *_, runs in recorded()) == 3
        assert len(recorded()) <= 2

    def test_stops_within_seconds_of_the_switch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_job()
        assert run(RungBy.BELL)[0] == 1
        switch(is_on=False)
        monkeypatch.setattr(jobs, "OFF_KNOWN_FOR_SECONDS", 0.0)
        assert run(RungBy.BELL) == (0, None)
        switch(is_on=True)
        assert run(RungBy.BELL)[0] == 1

    def test_obeys_the_switch_of_the_job_that_does_the_same(self) -> None:
        assert job_of("sms.tasks.send_messages") == "sms.tasks.sweep_messages"
        assert job_of("giftcards.tasks.place_orders") == "giftcards.tasks.sweep_orders"
        assert job_of("redemption.tasks.serve_waiting") == "redemption.tasks.serve_waiting"


class TestSwitchJob:
    def test_is_remembered_with_who_and_why(self) -> None:
        make_job()
        user_id, now = uuid4(), datetime.now(UTC)
        with transaction():
            assert switch_job(job=JOB, is_on=False, reason="why", user_id=user_id, now=now)
        row = lease()
        assert (row.switched_off_at, row.switched_off_by) == (now, user_id)
        assert row.switch_reason == "why"
        assert not PeriodicTask.objects.get().enabled

    def test_changes_nothing_the_second_time(self) -> None:
        make_job()
        assert switch(is_on=False, reason="first")
        assert not switch(is_on=False, reason="second")
        assert lease().switch_reason == "first"

    def test_leaves_no_trace_on_the_job_that_is_on_again(self) -> None:
        make_job()
        switch(is_on=False)
        assert switch(is_on=True)
        assert (lease().switched_off_at, lease().switch_reason) == (None, "")
        assert PeriodicTask.objects.get().enabled


class TestRecoverJobs:
    @pytest.fixture(autouse=True)
    def rung(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
        """What was rung for, by whom; the ring itself is seen in tests/config/job_processes."""
        rung: list[tuple[str, str]] = []

        def send(**parts: Any) -> bool:
            headers = parts["headers"]
            rung.append((headers["giftline_job"], headers["giftline_rung_by"]))
            return True

        monkeypatch.setattr("alerts.services.job_switches.send_job", send)
        return rung

    def test_marks_the_lost_run_and_rings_again(self, rung: list[Any]) -> None:
        make_job()
        dead = claim()
        age(by=timedelta(minutes=2))
        now = datetime.now(UTC)
        assert dataclasses.astuple(recover_jobs(now=now)) == (1, 1)
        assert dataclasses.astuple(recover_jobs(now=now)) == (0, 0)
        assert rung == [(JOB, "recovery")]
        assert [(row.pk, row.outcome) for row in JobRun.objects.all()] == [(dead, "lost")]
        assert (lease().holder, lease().outcome) == (None, "lost")

    def test_lets_a_job_rest_that_kills_each_worker(self, rung: list[Any]) -> None:
        make_job()
        for _ in range(5):
            claim(RungBy.RECOVERY)
            age(by=timedelta(minutes=2))
            recover_jobs(now=datetime.now(UTC))
        assert len(rung) == 3
        assert JobRun.objects.filter(outcome="lost").count() == 5

    def test_rings_for_nothing_that_is_switched_off(self, rung: list[Any]) -> None:
        make_job()
        claim()
        switch(is_on=False)
        age(by=timedelta(minutes=2))
        recover_jobs(now=datetime.now(UTC))
        assert rung == []
        assert JobRun.objects.get().outcome == "lost"

    def test_leaves_a_living_run_alone(self, rung: list[Any]) -> None:
        make_job()
        claim()
        assert dataclasses.astuple(recover_jobs(now=datetime.now(UTC))) == (0, 0)
        assert rung == []

    def test_rings_again_for_what_a_person_wanted(self, rung: list[Any]) -> None:
        make_job()
        run_job_now(job=JOB, user_id=uuid4(), now=datetime.now(UTC))
        recover_jobs(now=datetime.now(UTC))
        assert rung == [(JOB, "person")]
        age(by=timedelta(minutes=1))
        recover_jobs(now=datetime.now(UTC))
        assert rung == [(JOB, "person")] * 2
        run(RungBy.PERSON)
        recover_jobs(now=datetime.now(UTC) + timedelta(hours=1))
        assert len(rung) == 2

    def test_begins_to_expect_runs_of_a_new_job(self) -> None:
        make_job()
        recover_jobs(now=datetime.now(UTC))
        assert lease().expected_since is not None


class TestClearHistory:
    def test_keeps_thirty_days(self) -> None:
        make_job()
        run(result=1)
        now = datetime.now(UTC)
        assert clear_history(now=now + timedelta(days=29, hours=23))["job_runs"] == 0
        assert clear_history(now=now + timedelta(days=30, minutes=1))["job_runs"] == 1
        assert JobRun.objects.count() == 0


class TestCountResult:
    @pytest.mark.parametrize(
        ("result", "counts"),
        [
            (None, {}),
            (0, {}),
            (7, {"done": 7}),
            (True, {"done": 1}),
            ([1, 2], {"done": 2}),
            ("words", {}),
            ({"a": 1, "b": 0, "c": [1, 2, 3]}, {"a": 1, "c": 3}),
        ],
    )
    def test_reads_numbers(self, result: Any, counts: dict[str, int]) -> None:
        assert count_result(result) == counts

    def test_reads_a_dataclass(self) -> None:
        @dataclasses.dataclass
        class Result:
            served: int
            names: tuple[str, ...]
            nothing: int = 0

        assert count_result(Result(2, ("a",))) == {"served": 2, "names": 1}


class TestDescribeError:
    def test_names_the_databases_code_and_never_its_words(self) -> None:
        make_leases(jobs=[SECRET])
        with pytest.raises(IntegrityError) as caught, transaction():
            JobLease.objects.create(job=SECRET)
        kind, words = describe_error(caught.value)
        assert (kind, words.split(",")[0]) == ("IntegrityError", "SQLSTATE 23505")
        assert SECRET not in words


class TestReadSchedule:
    @pytest.mark.parametrize(
        ("seconds", "words", "allowed"),
        [
            (5, "every 5 seconds", timedelta(minutes=15, seconds=5)),
            (300, "every 5 minutes", timedelta(minutes=20)),
            (3600, "every hour", timedelta(hours=3)),
            (86_400, "every day", timedelta(hours=26)),
        ],
    )
    def test_says_how_long_a_run_may_be_missing(
        self, seconds: int, words: str, allowed: timedelta
    ) -> None:
        schedule = read_schedule(make_job(seconds=seconds), now=datetime.now(UTC))
        assert schedule is not None
        assert (schedule.words, schedule.allowed) == (words, allowed)

    def test_says_spans(self) -> None:
        assert say_span(timedelta(minutes=90)) == "90 minutes"
