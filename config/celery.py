"""Celery: hands and an alarm clock. What is to be done stands in PostgreSQL."""

import functools
import os
import socket
from typing import Any
from uuid import UUID

from celery import Celery, Task, bootsteps
from structlog.contextvars import bound_contextvars

from alerts.scope import EVERYTHING, seeing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class PlatformTask(Task):  # type: ignore[type-arg]
    """A job works for the platform: it sees every tenant's rows (Note [Scope]).

    What a worker runs is claimed, recorded, and not done while switched off: Note [What is
    recorded].
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        work = functools.partial(super().__call__, *args, **kwargs)
        request = self.request
        with seeing(EVERYTHING):
            if request.called_directly or request.is_eager:
                return work()
            # Models can't be imported before Django is set up.
            from alerts.services.jobs import run_job

            # What a run logs is told from what another one does at the same time.
            with bound_contextvars(run_id=request.id, task=self.name):
                return run_job(ring=_read_ring(self.name, request), work=work)


def _read_ring(task: str, request: Any) -> Any:
    """Return who asked for a run: beat says which of its jobs it is for, the bell says nothing."""
    from alerts.models import RungBy
    from alerts.services.job_leases import Ring
    from alerts.services.jobs import job_of

    host = str(request.hostname or socket.gethostname())[:200]
    by_beat = request.get("periodic_task_name")
    if by_beat:
        return Ring(job=by_beat, task=task, rung_by=RungBy.CLOCK, host=host)
    job = request.get("giftline_job")
    if not job:
        return Ring(job=job_of(task), task=task, rung_by=RungBy.BELL, host=host)
    asked_by = request.get("giftline_asked_by")
    return Ring(
        job=job,
        task=task,
        rung_by=RungBy(request.get("giftline_rung_by")),
        asked_by=UUID(asked_by) if asked_by else None,
        host=host,
    )


app = Celery("giftline", task_cls=PlatformTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class RoleCheck(bootsteps.StartStopStep):
    """A worker does not start with a role that row-level security does not bind."""

    def start(self, worker: Any) -> None:
        from config.roles import refuse_powerful_role

        refuse_powerful_role()


app.steps["worker"].add(RoleCheck)
