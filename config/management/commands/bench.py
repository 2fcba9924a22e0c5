"""Redemptions and checkouts per second, beside what the database alone can do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config.bench.comparisons import Comparisons
from config.bench.course import Course
from config.bench.data import Data
from config.bench.database import own_database
from config.bench.machine import facts
from config.bench.measure import Comparison
from config.bench.profile import Profile, take_profile
from config.bench.report import render, write
from config.bench.service import logs_to
from config.progress import step
from config.supervisor import interrupt_on_signals

_PARTS: Final = ("service", "http", "hot", "claims", "imports", "loyalty", "profile")


class Command(BaseCommand):
    help = (
        "Measures redemptions through the service and over HTTP beside pgbench on the same"
        " function, one hot account, claims from small and large pools, the importer beside"
        " bulk_create, and checkouts beside their function. Starts a PostgreSQL and a Valkey of"
        " its own and throws them away."
    )
    requires_system_checks: list[str] = []  # migrate runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seconds", type=int, default=5, help="of each round of each side")
        parser.add_argument("--rounds", type=int, default=3)
        parser.add_argument(
            "--only",
            action="append",
            choices=_PARTS,
            default=[],
            help="this part only; may be repeated",
        )
        parser.add_argument(
            "--long",
            action="store_true",
            help="also claims from 5,000,000 cards, and beside an open snapshot",
        )
        parser.add_argument(
            "--here",
            action="store_true",
            help="on the server of DATABASE_URL, in a database that is dropped afterwards",
        )
        parser.add_argument("--write", type=Path, metavar="docs/performance.md")

    def handle(self, *_args: Any, **options: Any) -> None:
        course = Course(seconds=options["seconds"], rounds=options["rounds"])
        parts = [*(options["only"] or _PARTS), *(["long"] if options["long"] else [])]
        with (
            interrupt_on_signals(),
            tempfile.TemporaryDirectory(prefix="giftline-bench-") as name,
            own_database(),
        ):
            folder = Path(name)
            with step("Tables"):
                call_command("migrate", verbosity=0)
            machine = facts()
            with logs_to(folder / "service.log"):
                comparisons, profile = self._run(course, parts, folder)
        report = render(comparisons, profile, machine=machine, course=course, at=timezone.now())
        self.stdout.write(f"\n{report}\n")
        if options["write"]:
            write(options["write"], report)
        if any(comparison.has_errors for comparison in comparisons):
            raise CommandError("There were errors: see the table.")

    def _run(
        self, course: Course, parts: list[str], folder: Path
    ) -> tuple[list[Comparison], Profile]:
        data = Data(course)
        with data.world(now=timezone.now()):
            bench = Comparisons(course, data, folder=folder)
            runs = {
                "service": bench.service,
                "http": bench.http,
                "hot": bench.hot,
                "claims": bench.claims,
                "imports": bench.imports,
                "loyalty": bench.loyalty,
                "long": bench.long_claims,
            }
            comparisons = [
                comparison for part in parts if part in runs for comparison in runs[part]()
            ]
            return comparisons, take_profile(data) if "profile" in parts else Profile()
