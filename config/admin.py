"""Tables of the libraries, in the admin's own dress and under its own rule of access."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from alerts.admin.base import PlatformAdmin
from config.job_pages import show_jobs

# Roles are memberships; groups would be a second, silent way to give rights. Jobs run at an
# interval or by a crontab; the other kinds of schedule only make the form longer.
for unused in (Group, ClockedSchedule, SolarSchedule):
    admin.site.unregister(unused)
for dressed in (PeriodicTask, IntervalSchedule, CrontabSchedule):
    admin.site.unregister(dressed)


class TaskSelectWidget(UnfoldAdminSelectWidget, beat.TaskSelectWidget):  # type: ignore[misc]
    """The choice of a task, in the admin's dress."""


class PeriodicTaskForm(beat.PeriodicTaskForm):  # type: ignore[misc]
    """The form of a job, in the admin's dress."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelectWidget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(PlatformAdmin, beat.PeriodicTaskAdmin):  # type: ignore[misc]
    """How often a job runs; see Note [Whose schedule]. The rest is on its own page."""

    form = PeriodicTaskForm
    may_delete = True
    # The library's own prints crontabs in words by an inline script, which the policy refuses.
    change_form_template = None
    date_hierarchy = None
    search_fields = ("name", "task")
    # Switched on its own page, with a reason and a record.
    readonly_fields = ("enabled", "last_run_at", "total_run_count")
    fieldsets = (
        (None, {"fields": ("name", "enabled", "interval", "crontab", "description")}),
        ("What runs", {"fields": ("regtask", "task", "args", "kwargs")}),
        ("How", {"fields": ("one_off", "start_time", "expires", "expire_seconds", "queue")}),
    )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the jobs' own page."""
        return show_jobs(self.admin_site, request)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(PlatformAdmin):
    """How often a job can run; several jobs may share one."""

    may_delete = True
    list_display = ("__str__", "every", "period")


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(PlatformAdmin, beat.CrontabScheduleAdmin):  # type: ignore[misc]
    """At which minute, hour and day a job can run."""

    may_delete = True
    inlines = ()
