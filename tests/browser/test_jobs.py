"""The jobs' pages in a real browser: they tell what happens without being loaded again."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from alerts.models import JobRun, RungBy
from alerts.services.job_leases import make_leases
from alerts.services.jobs import run_job
from tests.alerts.jobbing import make_job, ring
from tests.browser.conftest import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SWEEP = "sms.tasks.sweep_messages"


class TestJobsInABrowser:
    def test_run_one_and_show_it_as_it_happens(self, operator: Visitor, site: str) -> None:
        make_job(SWEEP, seconds=5, task=SWEEP)
        make_leases(jobs=[SWEEP])
        page = operator.page
        page.goto(f"{site}/admin/jobs/")
        expect(page.get_by_text("never").first).to_be_visible()
        page.get_by_role("button", name="Run “Sending of texts” now").click()
        expect(page.get_by_text("“Sending of texts” was rung for")).to_be_visible()
        expect(page.get_by_text("asked for", exact=True)).to_be_visible()

        # What a worker does then; the page hears of it by itself.
        run_job(ring=ring(RungBy.PERSON, SWEEP), work=lambda: 2)
        expect(page.get_by_text("asked for", exact=True)).to_have_count(0)
        expect(page.locator("#jobs").get_by_text("ok", exact=True)).to_be_visible()
        assert JobRun.objects.get().rung_by == "person"
        assert operator.fits()
        assert operator.complaints == []

    def test_switch_one_off_and_say_so_on_the_first_page(
        self, operator: Visitor, site: str
    ) -> None:
        job = make_job(SWEEP, seconds=5, task=SWEEP)
        page = operator.page
        page.goto(f"{site}/admin/jobs/{job.pk}/")
        page.get_by_label("Why it is to be switched off").fill("The vendor is down")
        page.get_by_role("button", name="Switch it off").click()
        expect(page.get_by_text("“Sending of texts” is switched off.")).to_be_visible()
        expect(page.get_by_role("button", name="Switch it on")).to_be_visible()
        assert operator.fits()
        page.goto(f"{site}/admin/")
        expect(page.get_by_text("The vendor is down")).to_be_visible()
        assert operator.complaints == []
