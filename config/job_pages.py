"""The admin's pages about jobs: how they are, run one now, switch one off and on again."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django_celery_beat.models import PeriodicTask

from alerts.admin.cells import AMBER, BLUE, GREEN, GREY, NOTHING, RED, link_to_thing
from alerts.models import JobRun
from alerts.runbook import Chapter, chapter_url
from alerts.selectors.jobs import (
    Condition,
    JobState,
    list_jobs,
    list_runs,
    read_activity,
    with_typical_times,
)
from alerts.services.job_switches import run_job_now, switch_job
from alerts.transactions import transaction
from config.job_words import JobWords, describe_job
from credit.services.audit import record_event
from redemption.dashboard.charts import BarChart, draw_bars

_RUNS_SHOWN: Final = 50
_BARS: Final = 40
LONGEST_REASON: Final = 200
COLOURS: Final = {
    Condition.OK: GREEN,
    Condition.NEW: GREY,
    Condition.RUNNING: BLUE,
    Condition.LATE: RED,
    Condition.FAILED: RED,
    Condition.OFF: AMBER,
}
_OUTCOME_COLOURS: Final = {"succeeded": GREEN, "failed": RED, "lost": RED}
# What needs somebody stands first.
_ORDER: Final = (Condition.LATE, Condition.FAILED, Condition.OFF)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job as the pages print it."""

    state: JobState
    words: JobWords
    colour: str
    url: str
    last: str
    typical: str
    began: SafeString
    succeeded: SafeString
    failed: SafeString
    next: SafeString | str
    switched_off: SafeString
    switched_off_by: Any
    is_wanted: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as the history prints it."""

    run: JobRun
    colour: str
    duration: str
    longest: str
    who: Any


def job_urls(site: Any) -> list[URLPattern]:
    """Return the addresses of the pages."""

    def page(view: Any) -> Any:
        def show(request: HttpRequest, **given: Any) -> HttpResponse:
            request.current_app = site.name
            answer: HttpResponse = view(site, request, **given)
            return answer

        return site.admin_view(never_cache(show))

    return [
        path("jobs/", page(show_jobs), name="jobs"),
        path("jobs/<int:key>/", page(show_job), name="job"),
        path("jobs/<int:key>/run/", require_POST(page(run_now)), name="job_run"),
        path("jobs/<int:key>/switch/", require_POST(page(switch)), name="job_switch"),
    ]


def show_jobs(site: Any, request: HttpRequest, note: str = "") -> HttpResponse:
    """Show every job; htmx asks for the table alone."""
    now = timezone.now()
    jobs = sorted(
        (_view(state, now) for state in with_typical_times(list_jobs(now=now))),
        key=lambda job: (_rank(job.state), job.words.title),
    )
    activity = read_activity(now=now)
    context = {
        "jobs": jobs,
        "note": note,
        "silent_since": activity.last_at if activity.is_silent else None,
        "is_silent": activity.is_silent,
        "runbook_url": chapter_url(Chapter.JOB_NOT_RUNNING),
        "counts": [
            (COLOURS[each], each, count)
            for each in Condition
            if (count := sum(job.state.condition == each for job in jobs))
        ],
    }
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "admin/parts/jobs.html", context)
    page = {**site.each_context(request), "title": "Jobs", **context}
    return TemplateResponse(request, "admin/jobs.html", page)


def show_job(site: Any, request: HttpRequest, *, key: int) -> HttpResponse:
    """Show one job with its runs; htmx asks for what changes."""
    now = timezone.now()
    job = _view(with_typical_times([_find(key, now)])[0], now)
    runs = list_runs(job=job.state.name, limit=_RUNS_SHOWN)
    context = {
        "job": job,
        "runs": [_run_view(run) for run in runs],
        "chart": _draw(runs),
        "kept": timedelta(seconds=settings.JOB_RUNS_KEPT).days,
        "longest_reason": LONGEST_REASON,
        "runbook_url": chapter_url(Chapter.JOB_NOT_RUNNING),
        "schedule_url": reverse("admin:django_celery_beat_periodictask_change", args=[key]),
    }
    if request.headers.get("HX-Request"):
        return TemplateResponse(request, "admin/parts/job.html", context)
    page = {**site.each_context(request), "title": job.words.title, **context}
    return TemplateResponse(request, "admin/job.html", page)


def run_now(site: Any, request: HttpRequest, *, key: int) -> HttpResponse:
    """Ring for a run, and show the job as it is then."""
    now = timezone.now()
    state = _find(key, now)
    user_id: Any = request.user.pk
    title = describe_job(name=state.name, task=state.task).title
    if state.is_running:
        words = f"“{title}” is running already."
    elif run_job_now(job=state.name, user_id=user_id, now=now):
        words = f"“{title}” was rung for: a worker begins it now."
    else:
        words = f"“{title}” is noted, but Redis does not answer: it is run as soon as that is back."
    if request.headers.get("HX-Request"):
        return show_jobs(site, request, note=words)
    messages.info(request, words)
    return redirect("admin:job", key=key)


def switch(_site: Any, request: HttpRequest, *, key: int) -> HttpResponse:
    """Switch a job on or off, and write down who did and why."""
    now = timezone.now()
    state = _find(key, now)
    is_on = request.POST.get("step") == "on"
    reason = " ".join(request.POST.get("reason", "").split())[:LONGEST_REASON]
    title = describe_job(name=state.name, task=state.task).title
    if not reason:
        messages.error(request, "Say why: somebody will ask.")
    elif switch_with_record(
        job=state, is_on=is_on, reason=reason, user_id=request.user.pk, now=now
    ):
        done = "on" if is_on else "off"
        messages.success(request, f"“{title}” is switched {done}.")
    else:
        messages.info(request, f"“{title}” was {'on' if is_on else 'off'} already.")
    return redirect("admin:job", key=key)


def switch_with_record(
    *, job: JobState, is_on: bool, reason: str, user_id: Any, now: datetime
) -> bool:
    """Switch a job and write the change down, both or neither; False when it was that already."""
    with transaction():
        if not switch_job(job=job.name, is_on=is_on, reason=reason, user_id=user_id, now=now):
            return False
        record_event(
            actor=f"user:{user_id}",
            action=f"job.switched_{'on' if is_on else 'off'}",
            object_kind="job",
            object_id=job.key,
            before={"is_on": not is_on},
            after={"is_on": is_on, "job": job.name},
            reason=reason,
            now=now,
        )
    return True


def list_off(*, now: datetime) -> list[JobView]:
    """Return the jobs that are switched off, for the first page."""
    return [_view(state, now) for state in list_jobs(now=now) if not state.is_on]


def _find(key: int, now: datetime) -> JobState:
    for name in PeriodicTask.objects.filter(pk=key).values_list("name", flat=True):
        for state in list_jobs(now=now, only=name):
            return state
    raise Http404


def _rank(state: JobState) -> int:
    condition = Condition.OFF if not state.is_on else state.condition
    return _ORDER.index(condition) if condition in _ORDER else len(_ORDER)


def _view(state: JobState, now: datetime) -> JobView:
    lease = state.lease
    return JobView(
        state=state,
        words=describe_job(name=state.name, task=state.task),
        colour=COLOURS[state.condition],
        url=reverse("admin:job", args=[state.key]),
        last="" if lease.duration_ms is None else say_duration(lease.duration_ms),
        typical="" if state.typical_ms is None else say_duration(state.typical_ms),
        began=show_ago(lease.started_at, now=now),
        succeeded=show_ago(lease.succeeded_at, now=now),
        failed=show_ago(lease.failed_at, now=now),
        next=_next(state, now),
        switched_off=show_ago(lease.switched_off_at, now=now),
        switched_off_by=link_to_thing("user", lease.switched_off_by),
        is_wanted=lease.wanted_at is not None and not state.is_running,
    )


def _next(state: JobState, now: datetime) -> SafeString | str:
    if state.due_at is None:
        return NOTHING
    if state.due_at <= now:
        return "overdue" if state.is_late else "now"
    return _time(state.due_at, f"in {_span(state.due_at - now)}")


def show_ago(at: datetime | None, *, now: datetime) -> SafeString:
    """Print how long ago something was, with the moment on pointing at it."""
    if at is None:
        return SafeString("never")
    return _time(at, f"{_span(max(now - at, timedelta(0)))} ago")


def _time(at: datetime, words: str) -> SafeString:
    return format_html(
        '<time class="whole" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        f"{at:%Y-%m-%d %H:%M:%S} UTC",
        words,
    )


def _span(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _run_view(run: JobRun) -> RunView:
    return RunView(
        run=run,
        colour=_OUTCOME_COLOURS[run.outcome],
        duration=say_duration(run.duration_ms / run.runs) if run.ended_at else "",
        longest=say_duration(run.longest_ms) if run.runs > 1 else "",
        who=link_to_thing("user", run.asked_by) if run.asked_by else run.get_rung_by_display(),
    )


def _draw(runs: list[JobRun]) -> BarChart | None:
    shown = [run for run in reversed(runs[:_BARS]) if run.ended_at]
    if not shown:
        return None
    return draw_bars(
        [(f"{run.started_at:%b %d %H:%M}", round(run.duration_ms / run.runs)) for run in shown],
        tick_every=8,
        words=say_duration,
    )


def say_duration(milliseconds: float) -> str:
    """Print how long something took: ``"850 ms"``, ``"2.4 s"``, ``"3 min 20 s"``."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
