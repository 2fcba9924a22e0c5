from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from celery.schedules import schedule
from django.conf import settings
from django.core.management import call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from config.celery import app
from config.schedules import SyncResult, sync_jobs
from tests.races import run_at_once

pytestmark = pytest.mark.django_db
SWEEP, RETRY = "sms.tasks.sweep_messages", "sms.tasks.retry_messages"


def sync(**seconds: float) -> SyncResult:
    """Sync jobs given as ``sweep=5``; the names are shortened."""
    full = {"sweep": SWEEP, "retry": RETRY}
    return sync_jobs(seconds_by_task={full[name]: value for name, value in seconds.items()})


def pace(name: str) -> tuple[int, str]:
    """Return every how many of which unit a job runs."""
    interval = PeriodicTask.objects.get(name=name).interval
    return interval.every, interval.period


def set_interval(name: str, every: int) -> None:
    """Do what the admin does when an operator chooses another interval."""
    job = PeriodicTask.objects.get(name=name)
    job.interval = IntervalSchedule.objects.create(every=every, period="seconds")
    job.save()


class TestSyncJobs:
    def test_writes_what_is_missing(self) -> None:
        assert sync(sweep=5.0, retry=0.5).created == (SWEEP, RETRY)
        assert (pace(SWEEP), pace(RETRY)) == ((5, "seconds"), (500_000, "microseconds"))
        job = PeriodicTask.objects.get(name=SWEEP)
        assert (job.task, job.enabled, job.expire_seconds) == (SWEEP, True, 3600)
        assert job.description.startswith("Applied from the settings: every 5 seconds.")

    def test_touches_nothing_the_second_time(self) -> None:
        sync(sweep=5.0)
        changed_at = PeriodicTasks.last_change()
        assert sync(sweep=5.0) == SyncResult(created=(), changed=(), kept=(), removed=())
        assert PeriodicTasks.last_change() == changed_at
        assert (PeriodicTask.objects.count(), IntervalSchedule.objects.count()) == (1, 1)

    def test_applies_a_changed_setting(self) -> None:
        sync(sweep=5.0)
        assert sync(sweep=30.0).changed == (SWEEP,)
        assert pace(SWEEP) == (30, "seconds")
        assert sync(sweep=1.0).changed == (SWEEP,)
        assert "every 1 second." in PeriodicTask.objects.get(name=SWEEP).description

    def test_keeps_an_interval_an_operator_chose(self) -> None:
        sync(sweep=5.0)
        set_interval(SWEEP, 60)
        assert sync(sweep=30.0).kept == (SWEEP,)
        assert sync(sweep=5.0).kept == (SWEEP,)
        assert pace(SWEEP) == (60, "seconds")

    def test_follows_the_setting_again_once_the_operator_has_put_it_back(self) -> None:
        sync(sweep=5.0)
        set_interval(SWEEP, 60)
        set_interval(SWEEP, 5)
        assert sync(sweep=30.0).changed == (SWEEP,)
        assert pace(SWEEP) == (30, "seconds")

    def test_leaves_a_job_switched_off(self) -> None:
        sync(sweep=5.0)
        PeriodicTask.objects.update(enabled=False)
        sync(sweep=30.0)
        job = PeriodicTask.objects.get()
        assert (job.enabled, pace(SWEEP)) == (False, (30, "seconds"))

    def test_removes_a_job_that_is_no_longer_in_the_settings(self) -> None:
        sync(sweep=5.0, retry=300.0)
        assert sync(retry=300.0).removed == (SWEEP,)
        assert list(PeriodicTask.objects.values_list("name", flat=True)) == [RETRY]

    def test_leaves_jobs_of_others_alone(self) -> None:
        interval = IntervalSchedule.objects.create(every=7, period="days")
        PeriodicTask.objects.create(name="an operator's own", task="x", interval=interval)
        PeriodicTask.objects.create(name=SWEEP, task=SWEEP, interval=interval)
        assert sync(sweep=5.0) == SyncResult(created=(), changed=(), kept=(SWEEP,), removed=())
        assert pace("an operator's own") == pace(SWEEP) == (7, "days")


@pytest.mark.django_db(transaction=True)
class TestSyncJobsInCompany:
    def test_writes_each_once_when_five_start_at_once(self) -> None:
        results = run_at_once(5, lambda: sync(sweep=5.0, retry=300.0))
        created = [r.created for r in results if isinstance(r, SyncResult)]
        assert sorted(created) == [(), (), (), (), (SWEEP, RETRY)]
        assert (PeriodicTask.objects.count(), IntervalSchedule.objects.count()) == (2, 2)


@pytest.mark.django_db(transaction=True)
class TestSyncJobsCommand:
    def test_writes_every_job_of_the_settings_as_beat_reads_them(self) -> None:
        out = StringIO()
        call_command("sync_jobs", stdout=out)
        assert out.getvalue().splitlines()[-1] == (
            f"{len(settings.PERIODIC_TASKS)} periodic jobs are in place."
        )
        entries: dict[str, Any] = DatabaseScheduler(app=app, lazy=True).schedule
        read = {name: entries[name].schedule for name in settings.PERIODIC_TASKS}
        assert read == {n: schedule(seconds) for n, seconds in settings.PERIODIC_TASKS.items()}

    def test_says_nothing_when_it_is_told_to_be_quiet(self) -> None:
        out = StringIO()
        call_command("sync_jobs", verbosity=0, stdout=out)
        assert out.getvalue() == ""
        assert PeriodicTask.objects.count() == len(settings.PERIODIC_TASKS)


class TestPeriodicTasks:
    def test_name_tasks_that_exist(self) -> None:
        app.loader.import_default_modules()
        assert settings.PERIODIC_TASKS.keys() <= app.tasks.keys()

    def test_are_read_from_the_database(self) -> None:
        assert settings.CELERY_BEAT_SCHEDULER.endswith("DatabaseScheduler")
