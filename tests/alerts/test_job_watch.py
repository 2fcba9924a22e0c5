from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django_celery_beat.models import PeriodicTask
from pytest_django import Settings

from alerts.models import Alert, JobLease, RungBy
from alerts.selectors.jobs import WATCHMEN, Condition, list_jobs
from alerts.services.job_leases import make_leases
from alerts.services.job_switches import recover_jobs, switch_job
from alerts.services.job_watch import watch_jobs
from alerts.services.jobs import run_job
from alerts.services.monitor_runs import run_monitors
from alerts.transactions import transaction
from tests.alerts.jobbing import JOB, age, claim, make_job, ring

pytestmark = pytest.mark.django_db(transaction=True)

OTHER = WATCHMEN[0]
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def watched(settings: Settings) -> None:
    settings.MONITORS = ("alerts.services.job_watch.watch_jobs",)


def now() -> datetime:
    return datetime.now(UTC)


def run(job: str = JOB, rung_by: RungBy = RungBy.CLOCK) -> None:
    JobLease.objects.filter(job=job).update(clock_started_at=None)
    run_job(ring=ring(rung_by, job), work=lambda: None)


def fail(job: str = JOB) -> None:
    def work() -> None:
        raise KeyError("secret words")

    JobLease.objects.filter(job=job).update(clock_started_at=None)
    with pytest.raises(KeyError):
        run_job(ring=ring(job=job), work=work)


def monitor() -> list[tuple[str, str, str, str]]:
    """Run the monitors; return what is not resolved by kind, severity, key and who found it."""
    run_monitors(now=now())
    open_ones = Alert.objects.exclude(state="resolved").order_by("kind")
    return list(open_ones.values_list("kind", "severity", "dedupe_key", "monitor"))


@pytest.fixture
def going() -> None:
    """A system that has been at work for two days: a nightly job, and one that runs each minute."""
    make_job(seconds=86_400)
    make_job(OTHER, seconds=60)
    for job in (JOB, OTHER):
        run(job)
        JobLease.objects.filter(job=job).update(
            steady_since=now() - 2 * DAY, expected_since=now() - 2 * DAY
        )
        age(job, by=timedelta(seconds=50))


class TestWatchJobs:
    def test_finds_nothing_while_all_run(self, going: None) -> None:
        assert monitor() == []
        assert list(watch_jobs(now=now())) == []

    def test_tells_once_of_a_job_that_stopped_and_resolves_it_when_it_ran(
        self, going: None
    ) -> None:
        age(by=timedelta(hours=25, minutes=59))
        assert monitor() == []
        age(by=timedelta(minutes=2))
        expected = [("job_late", "critical", f"job:{JOB}", "jobs")]
        assert monitor() == expected
        assert monitor() == expected
        assert Alert.objects.count() == 1
        run()
        assert monitor() == []
        assert Alert.objects.get().state == "resolved"

    def test_says_when_it_last_began(self, going: None) -> None:
        age(by=timedelta(hours=30))
        (finding,) = watch_jobs(now=now())
        began = JobLease.objects.get(job=JOB).started_at
        assert began is not None
        assert finding.message == (
            f"It runs every day. It last began at {began:%Y-%m-%d %H:%M:%S} UTC."
        )

    def test_tells_of_a_failure_and_resolves_it_when_it_succeeded(self, going: None) -> None:
        fail(OTHER)
        assert monitor() == [("job_failed", "warning", f"job:{OTHER}", "jobs")]
        assert "secret words" not in str(Alert.objects.values()[0])
        fail(OTHER)
        fail(OTHER)
        assert monitor() == [("job_failed", "critical", f"job:{OTHER}", "jobs")]
        run(OTHER)
        assert monitor() == []
        assert Alert.objects.count() == 1

    def test_goes_on_telling_of_a_failure_while_the_job_runs_again(self, going: None) -> None:
        fail(OTHER)
        monitor()
        holder = claim(RungBy.PERSON, job=OTHER)
        assert monitor() == [("job_failed", "warning", f"job:{OTHER}", "jobs")]
        assert Alert.objects.count() == 1
        assert holder is not None

    def test_tells_of_a_run_that_was_lost(
        self, going: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.services.job_switches.send_job", lambda **_: True)
        claim(RungBy.PERSON)
        age(by=timedelta(minutes=2))
        recover_jobs(now=now())
        assert monitor() == [("job_failed", "warning", f"job:{JOB}", "jobs")]
        run(rung_by=RungBy.RECOVERY)
        assert monitor() == []

    def test_only_informs_of_what_a_person_switched_off(self, going: None) -> None:
        with transaction():
            switch_job(job=JOB, is_on=False, reason="moving", user_id=uuid4(), now=now())
        age(by=timedelta(days=9))
        assert monitor() == [("job_off", "info", f"job_off:{JOB}", "jobs")]
        assert "The reason given: moving" in Alert.objects.get().message
        with transaction():
            switch_job(job=JOB, is_on=True, reason="", user_id=uuid4(), now=now())
        # From now on runs are expected of it again.
        assert monitor() == []

    def test_informs_of_what_was_switched_off_behind_our_back(self, going: None) -> None:
        PeriodicTask.objects.filter(name=JOB).update(enabled=False)
        age(by=timedelta(days=9))
        assert monitor() == [("job_off", "info", f"job_off:{JOB}", "jobs")]

    def test_tells_once_that_nothing_runs(self, going: None) -> None:
        for job in (JOB, OTHER):
            age(job, by=timedelta(days=3))
        assert monitor() == [("job_silence", "critical", "jobs:stopped", "jobs")]
        # The worker is back: the nightly job has the time to catch up.
        run(OTHER)
        assert monitor() == []
        assert Alert.objects.count() == 1

    def test_tells_of_what_does_not_come_back(self, going: None) -> None:
        for job in (JOB, OTHER):
            age(job, by=timedelta(days=3))
        run(OTHER)
        JobLease.objects.filter(job=OTHER).update(steady_since=now() - timedelta(hours=27))
        assert monitor() == [("job_late", "critical", f"job:{JOB}", "jobs")]

    def test_waits_for_the_first_run_of_a_new_job(self) -> None:
        make_job(seconds=60)
        make_leases(jobs=[JOB])
        assert monitor() == []

    def test_leaves_a_long_run_alone(self, going: None) -> None:
        claim(RungBy.PERSON)
        JobLease.objects.filter(job=JOB).update(started_at=now() - timedelta(days=3))
        assert monitor() == []


class TestListJobs:
    @pytest.mark.parametrize(
        ("happens", "condition"),
        [
            (lambda: None, Condition.OK),
            (lambda: claim(RungBy.PERSON), Condition.RUNNING),
            (fail, Condition.FAILED),
            (lambda: age(by=timedelta(days=2)), Condition.LATE),
            (lambda: JobLease.objects.update(switched_off_at=now()), Condition.OFF),
            (lambda: JobLease.objects.filter(job=JOB).delete(), Condition.NEW),
        ],
    )
    def test_says_how_a_job_is(self, going: None, happens: Any, condition: Condition) -> None:
        happens()
        (state,) = list_jobs(now=now(), only=JOB)
        assert state.condition == condition
