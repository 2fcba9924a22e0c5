from __future__ import annotations

import threading
import time
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from alerts.models import JobLease, JobRun, RungBy
from alerts.services import lease_keeper
from alerts.services.job_leases import (
    Ending,
    end_lease,
    extend_leases,
    free_lost_leases,
)
from alerts.services.lease_keeper import LeaseKeeper
from tests.alerts.jobbing import HOUR, JOB, age, claim, lease
from tests.database import owner_url
from tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
GOOD = Ending(outcome=JobRun.Outcome.SUCCEEDED)


def claim_by_looking_first() -> UUID | None:
    """Do what one would without SKIP LOCKED: look whether it is free, then take it."""
    row = JobLease.objects.get(job=JOB)
    if row.holder is not None:
        return None
    time.sleep(0.05)
    holder = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE alerts_joblease SET holder = %s, started_at = clock_timestamp(),"
            " leased_until = clock_timestamp() + interval '1 minute' WHERE job = %s",
            [holder, JOB],
        )
    return holder


class TestClaimLease:
    def test_is_taken_by_one_of_ten_at_once(self) -> None:
        JobLease.objects.create(job=JOB)
        found = run_at_once(10, claim)
        holders = [each for each in found if each is not None]
        assert len(holders) == 1
        assert lease().holder == holders[0]

    def test_is_taken_by_one_of_ten_at_once_that_make_its_row(self) -> None:
        found = run_at_once(10, claim)
        assert [type(each) for each in found if each is not None] == [UUID]

    def test_would_be_taken_by_many_who_look_first(self) -> None:
        JobLease.objects.create(job=JOB)
        found = run_at_once(10, claim_by_looking_first)
        assert len([each for each in found if each is not None]) > 1

    def test_writes_who_has_it_and_until_when(self) -> None:
        holder = claim()
        row = lease()
        assert (row.holder, row.host, row.rung_by) == (holder, "celery@here", "clock")
        assert row.started_at is not None
        assert row.leased_until is not None
        assert row.leased_until - row.started_at == pytest.approx(MINUTE, abs=timedelta(seconds=1))

    def test_does_not_wait_for_a_row_that_is_being_written(self) -> None:
        JobLease.objects.create(job=JOB)
        with psycopg.connect(owner_url()) as holder:
            holder.execute("SELECT 1 FROM alerts_joblease FOR UPDATE")
            began = time.monotonic()
            assert claim() is None
            assert time.monotonic() - began < 5
            holder.rollback()

    def test_leaves_what_is_held_alone(self) -> None:
        holder = claim()
        assert claim() is None
        assert claim(RungBy.PERSON) is None
        assert lease().holder == holder
        assert JobRun.objects.count() == 0

    def test_takes_over_from_the_dead_and_marks_their_run_lost(self) -> None:
        dead = claim()
        age(by=2 * MINUTE)
        holder = claim()
        assert holder not in (None, dead)
        run = JobRun.objects.get()
        assert (run.pk, run.outcome, run.ended_at, run.host) == (dead, "lost", None, "celery@here")
        assert (lease().holder, lease().losses_in_a_row) == (holder, 1)

    def test_lets_one_of_ten_take_over(self) -> None:
        claim()
        age(by=2 * MINUTE)
        found = run_at_once(10, claim)
        assert len([each for each in found if each is not None]) == 1
        assert JobRun.objects.count() == 1

    def test_is_refused_to_the_clock_that_rang_just_before(self) -> None:
        holder = claim()
        assert holder is not None
        end_lease(job=JOB, holder=holder, ending=GOOD)
        assert claim(rest=timedelta(seconds=3.75)) is None
        age(by=timedelta(seconds=4))
        assert claim(rest=timedelta(seconds=3.75)) is not None

    def test_is_not_refused_to_the_clock_for_what_a_person_ran(self) -> None:
        holder = claim(RungBy.PERSON)
        assert holder is not None
        end_lease(job=JOB, holder=holder, ending=GOOD)
        assert claim(rest=HOUR) is not None


class TestExtendLeases:
    def test_keeps_what_is_running(self) -> None:
        holder = claim()
        assert holder is not None
        age(by=timedelta(seconds=50))
        assert extend_leases(holders=[holder]) == 1
        assert free_lost_leases() == []
        assert claim() is None

    def test_goes_no_further_than_the_limit(self) -> None:
        holder = claim(limit=2 * MINUTE)
        assert holder is not None
        for _ in range(3):
            age(by=timedelta(seconds=45))
            extend_leases(holders=[holder])
        assert free_lost_leases() == [(JOB, 1)]
        assert extend_leases(holders=[holder]) == 0


class TestEndLease:
    def test_frees_it_and_writes_the_run_down(self) -> None:
        holder = claim()
        assert holder is not None
        ending = Ending(outcome=JobRun.Outcome.SUCCEEDED, counts={"sent": 3})
        assert end_lease(job=JOB, holder=holder, ending=ending)
        run = JobRun.objects.get()
        assert (run.outcome, run.counts, run.runs, run.pk) == ("succeeded", {"sent": 3}, 1, holder)
        row = lease()
        assert (row.holder, row.leased_until, row.outcome) == (None, None, "succeeded")
        assert row.succeeded_at == row.ended_at == run.ended_at

    def test_tells_the_same_of_one_hour_together(self) -> None:
        ending = Ending(outcome=JobRun.Outcome.SUCCEEDED, fold="empty")
        for _ in range(3):
            holder = claim()
            assert holder is not None
            end_lease(job=JOB, holder=holder, ending=ending)
        # Unless the hour has just turned.
        assert sum(JobRun.objects.values_list("runs", flat=True)) == 3
        assert JobRun.objects.count() <= 2

    def test_puts_right_what_was_taken_for_lost(self) -> None:
        slow = claim()
        assert slow is not None
        age(by=2 * MINUTE)
        other = claim()
        assert not end_lease(job=JOB, holder=slow, ending=GOOD)
        assert lease().holder == other  # which goes on
        assert JobRun.objects.get(pk=slow).outcome == "succeeded"

    def test_counts_failures_until_one_succeeds(self) -> None:
        bad = Ending(outcome=JobRun.Outcome.FAILED, error_type="KeyError", error_words="at a.py:1")
        for expected, ending in ((1, bad), (2, bad), (0, GOOD)):
            holder = claim()
            assert holder is not None
            end_lease(job=JOB, holder=holder, ending=ending)
            assert lease().failures_in_a_row == expected
        # What went wrong last stays to be read.
        assert (lease().outcome, lease().error_type) == ("succeeded", "KeyError")


class TestLeaseKeeper:
    def test_keeps_a_long_run_and_leaves_a_killed_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        holder = claim()
        assert holder is not None
        extended = threading.Event()

        def extend(*, holders: list[UUID]) -> int:
            count = extend_leases(holders=holders)
            extended.set()
            return count

        monkeypatch.setattr(lease_keeper, "extend_leases", extend)
        keeper = LeaseKeeper(every_seconds=0.05)
        age(by=timedelta(seconds=50))
        with keeper.keep(holder):
            assert extended.wait(10)
        assert free_lost_leases() == []
        extended.clear()
        assert not extended.wait(0.3)  # nobody keeps it any more
        age(by=2 * MINUTE)
        assert free_lost_leases() == [(JOB, 1)]
