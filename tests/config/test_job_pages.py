from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from django_celery_beat.models import PeriodicTask

from alerts.models import JobLease, JobRun, RungBy
from alerts.services.job_leases import make_leases
from alerts.services.jobs import run_job
from config.celery import app
from config.job_pages import say_duration
from config.job_words import describe_job, has_words
from config.schedules import sync_jobs
from credit.models import AuditEvent, User
from tests.alerts.jobbing import age, claim, make_job, ring
from tests.staff import make_platform_admin, sign_in
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)

SWEEP = "sms.tasks.sweep_messages"
HTMX: dict[str, Any] = {"HX-Request": "true"}


@pytest.fixture
def operator() -> User:
    return make_platform_admin()


@pytest.fixture
def browser(operator: User) -> Client:
    return sign_in(operator)


@pytest.fixture
def sweep() -> Any:
    job = make_job(SWEEP, seconds=5, task=SWEEP)
    make_leases(jobs=[SWEEP])
    return job


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def lease() -> JobLease:
    return JobLease.objects.get(job=SWEEP)


class TestShowJobs:
    def test_shows_every_job_in_plain_words(self, browser: Client) -> None:
        sync_jobs(seconds_by_task=settings.PERIODIC_TASKS)
        html = words(browser.get("/admin/jobs/"))
        app.loader.import_default_modules()
        for task in settings.PERIODIC_TASKS:
            job = describe_job(name=task, task=task)
            assert escape(job.title) in html, task
            assert escape(job.does) in html, task
        assert f"{len(settings.PERIODIC_TASKS)} jobs" in html

    def test_shows_trouble_first(self, browser: Client, sweep: Any) -> None:
        make_job("a", seconds=3600)
        make_job("b", seconds=3600)
        run_job(ring=ring(job="a"), work=lambda: 1)
        JobLease.objects.filter(job=SWEEP).update(outcome="failed", error_type="KeyError")
        html = words(browser.get("/admin/jobs/"))
        assert html.index("Sending of texts</a>") < html.index(">a</a>")
        assert "KeyError" in html

    def test_gives_htmx_the_table_alone(self, browser: Client, sweep: Any) -> None:
        html = words(browser.get("/admin/jobs/", headers=HTMX))
        assert "Sending of texts" in html
        assert "<html" not in html

    def test_says_that_nothing_runs(self, browser: Client, sweep: Any) -> None:
        assert "No job runs." not in words(browser.get("/admin/jobs/"))
        age(SWEEP, by=timedelta(minutes=16))
        html = words(browser.get("/admin/jobs/"))
        assert "No job runs." in html
        assert "#job-not-running" in html

    def test_is_what_the_schedulers_list_shows(self, browser: Client, sweep: Any) -> None:
        html = words(browser.get(reverse("admin:django_celery_beat_periodictask_changelist")))
        assert "Sending of texts" in html

    def test_is_there_for_the_platforms_staff_alone(self, sweep: Any) -> None:
        build_world()
        key = sweep.pk
        pages = ["/admin/jobs/", f"/admin/jobs/{key}/"]
        deeds = [f"/admin/jobs/{key}/run/", f"/admin/jobs/{key}/switch/"]
        stranger = User.objects.create_user("stranger", is_staff=True)
        for page in pages:
            assert Client().get(page).status_code == 302
            assert sign_in(stranger).get(page).status_code == 404
        for deed in deeds:
            assert Client().post(deed, {"step": "off", "reason": "x"}).status_code == 302
            answer = sign_in(stranger).post(deed, {"step": "off", "reason": "x"})
            assert answer.status_code == 404
        assert PeriodicTask.objects.get().enabled
        assert lease().wanted_at is None


class TestShowJob:
    def test_tells_its_runs_and_draws_how_long_they_took(self, browser: Client, sweep: Any) -> None:
        for result in (3, 0, 0):
            run_job(ring=ring(job=SWEEP), work=functools.partial(int, result))
            JobLease.objects.update(clock_started_at=None)
        html = words(browser.get(f"/admin/jobs/{sweep.pk}/"))
        assert "done 3" in html
        assert "2 runs in this hour that found nothing to do" in html
        assert html.count('class="bar-chart-hit"') == 2
        assert "every 5 seconds" in html

    def test_tells_a_failure(self, browser: Client, sweep: Any) -> None:
        def work() -> None:
            raise KeyError("secret words")

        with pytest.raises(KeyError):
            run_job(ring=ring(RungBy.BELL, SWEEP), work=work)
        html = words(browser.get(f"/admin/jobs/{sweep.pk}/"))
        assert "KeyError, at tests/config/test_job_pages.py:" in html
        assert "secret words" not in html

    def test_is_not_there_for_a_job_that_is_not_there(self, browser: Client) -> None:
        assert browser.get("/admin/jobs/1/").status_code == 404


class TestRunNow:
    def test_asks_for_a_run_and_says_so(self, browser: Client, operator: User, sweep: Any) -> None:
        html = words(browser.post(f"/admin/jobs/{sweep.pk}/run/", headers=HTMX))
        assert "“Sending of texts” was rung for" in html
        assert "asked for" in html
        assert lease().wanted_by == operator.pk

    def test_leaves_what_is_running_alone(self, browser: Client, sweep: Any) -> None:
        claim_sweep()
        html = words(browser.post(f"/admin/jobs/{sweep.pk}/run/", follow=True))
        assert "“Sending of texts” is running already." in html
        assert lease().wanted_at is None

    def test_is_not_done_by_looking(self, browser: Client, sweep: Any) -> None:
        assert browser.get(f"/admin/jobs/{sweep.pk}/run/").status_code == 405
        assert lease().wanted_at is None


def claim_sweep() -> None:
    claim(RungBy.PERSON)
    JobLease.objects.filter(job=SWEEP).delete()
    JobLease.objects.update(job=SWEEP)


class TestSwitch:
    def test_switches_off_and_on_with_a_reason_and_a_record(
        self, browser: Client, operator: User, sweep: Any
    ) -> None:
        address = f"/admin/jobs/{sweep.pk}/switch/"
        html = words(browser.post(address, {"step": "off", "reason": "moving"}, follow=True))
        assert "“Sending of texts” is switched off." in html
        assert "While it is off:" in html
        sweep.refresh_from_db()
        assert not sweep.enabled
        first_page = words(browser.get("/admin/"))
        assert "Sending of texts</a> is switched off" in first_page
        assert ": moving." in first_page

        browser.post(address, {"step": "on", "reason": "moved"})
        sweep.refresh_from_db()
        assert sweep.enabled
        assert "is switched off" not in words(browser.get("/admin/"))
        events = AuditEvent.objects.filter(object_kind="job").order_by("at")
        assert [(e.action, e.actor, e.object_id, e.details["reason"]) for e in events] == [
            ("job.switched_off", f"user:{operator.pk}", str(sweep.pk), "moving"),
            ("job.switched_on", f"user:{operator.pk}", str(sweep.pk), "moved"),
        ]

    def test_wants_a_reason(self, browser: Client, sweep: Any) -> None:
        html = words(
            browser.post(
                f"/admin/jobs/{sweep.pk}/switch/", {"step": "off", "reason": "  "}, follow=True
            )
        )
        assert "Say why" in html
        sweep.refresh_from_db()
        assert sweep.enabled
        assert AuditEvent.objects.filter(object_kind="job").count() == 0

    def test_writes_nothing_down_that_was_so_already(self, browser: Client, sweep: Any) -> None:
        for _ in range(2):
            browser.post(f"/admin/jobs/{sweep.pk}/switch/", {"step": "off", "reason": "x"})
        assert AuditEvent.objects.filter(object_kind="job").count() == 1


class TestChangeOfInterval:
    def test_does_not_switch(self, browser: Client, sweep: Any) -> None:
        address = reverse("admin:django_celery_beat_periodictask_change", args=[sweep.pk])
        form = {
            "name": sweep.name, "task": sweep.task, "regtask": sweep.task, "enabled": "",
            "interval": str(sweep.interval_id), "args": "[]", "kwargs": "{}", "description": "",
        }  # fmt: skip
        answer = browser.post(address, form)
        assert answer.status_code == 302
        sweep.refresh_from_db()
        assert sweep.enabled


class TestDescribeJob:
    def test_has_words_for_every_job(self) -> None:
        assert [task for task in settings.PERIODIC_TASKS if not has_words(task)] == []

    def test_says_what_is_known_of_a_job_of_others(self) -> None:
        app.loader.import_default_modules()
        assert describe_job(name="mine", task=SWEEP).title == "mine"
        assert describe_job(name="mine", task="no.such").does == "Runs the task no.such."


class TestSayDuration:
    @pytest.mark.parametrize(
        ("milliseconds", "printed"),
        [(0.4, "0 ms"), (850, "850 ms"), (2400, "2.4 s"), (200_000, "3 min 20 s"),
         (7_500_000, "2 h 5 min")],
    )  # fmt: skip
    def test_prints(self, milliseconds: float, printed: str) -> None:
        assert say_duration(milliseconds) == printed


class TestJobRuns:
    def test_are_shown_no_longer_than_they_are_kept(self, browser: Client, sweep: Any) -> None:
        run_job(ring=ring(job=SWEEP), work=lambda: 1)
        JobRun.objects.update(started_at=datetime.now(UTC) - timedelta(days=31))
        assert "kept for 30 days" in words(browser.get(f"/admin/jobs/{sweep.pk}/"))
