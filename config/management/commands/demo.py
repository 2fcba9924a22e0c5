"""One command from nothing to a running Giftline with data to play with."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.children import die_with_parent_now
from config.demo import Demo
from config.embedded import current_session
from config.progress import say
from config.supervisor import end_all, watch


class Command(BaseCommand):
    help = (
        "Starts everything on this machine: PostgreSQL and Valkey (unless DATABASE_URL and"
        " REDIS_URL are given), tables, demo data, the web server, the Celery worker and beat."
        " Stays in the foreground; Ctrl-C stops it all. Data is kept in VAR_DIR."
    )
    requires_system_checks: list[str] = []  # migrate runs them, in a process of its own

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--exit-with-parent",
            action="store_true",
            help="Also stop when the process that started this one is gone; make uses it.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        session = current_session()
        if session is None:
            raise CommandError("The demo is started by `make demo` or `manage.py demo`.")
        if options["exit_with_parent"]:
            die_with_parent_now()
        os.umask(0o077)  # logs and demo data are nobody else's business
        demo = Demo(session)
        with contextlib.suppress(KeyboardInterrupt):
            try:
                demo.start()
                watch([*demo.servers(), *demo.children])
            finally:
                say("\n  Stopping.")
                end_all(demo.children)
                # PostgreSQL and Valkey end last, with the session.
