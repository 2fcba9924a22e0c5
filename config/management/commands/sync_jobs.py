"""Brings the periodic jobs in line with the settings, without undoing what an operator set."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from config.schedules import sync_jobs


class Command(BaseCommand):
    help = (
        "Writes the periodic jobs of the settings (EVERY_…) into the tables that Celery beat"
        " reads. Jobs changed or switched off in the admin are left as they are. Safe to repeat."
    )

    def handle(self, *_args: Any, **options: Any) -> None:
        result = sync_jobs(seconds_by_task=settings.PERIODIC_TASKS)
        if options["verbosity"] < 1:
            return
        for label, names in (
            ("Added", result.created),
            ("Changed", result.changed),
            ("Kept as set in the admin", result.kept),
            ("Removed", result.removed),
        ):
            if names:
                self.stdout.write(f"{label}: {', '.join(names)}")
        self.stdout.write(f"{len(settings.PERIODIC_TASKS)} periodic jobs are in place.")
