"""Celery: hands and an alarm clock. What is to be done stands in PostgreSQL."""

import os
from typing import Any

from celery import Celery, Task, bootsteps

from alerts.scope import EVERYTHING, seeing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class PlatformTask(Task):  # type: ignore[type-arg]
    """A job works for the platform: it sees every tenant's rows (Note [Scope])."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with seeing(EVERYTHING):
            return super().__call__(*args, **kwargs)


app = Celery("giftline", task_cls=PlatformTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class RoleCheck(bootsteps.StartStopStep):
    """A worker does not start with a role that row-level security does not bind."""

    def start(self, worker: Any) -> None:
        from config.roles import refuse_powerful_role

        refuse_powerful_role()


app.steps["worker"].add(RoleCheck)
