"""What is wrong just now?"""

from __future__ import annotations

import json
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from alerts.scope import EVERYTHING, seeing
from alerts.services.monitor_runs import MonitorsResult, MonitorsRunningError, run_monitors
from alerts.services.monitors import list_monitors

_PATIENCE_SECONDS: Final = 60.0


class Command(BaseCommand):
    help = (
        "Runs the monitors, as the clock does every few minutes: what they find becomes an alert,"
        " and an alert of what is no longer found is resolved. Prints what each finds."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", action="append", default=[], metavar="NAME", help="Run this one; repeat it."
        )
        parser.add_argument("--json", action="store_true", help="Print what the API answers.")

    def handle(self, *_args: Any, **options: Any) -> None:
        names = options["only"]
        known = list_monitors()
        unknown = [name for name in names if name not in known]
        if unknown:
            raise CommandError(f"There is no monitor {unknown[0]}, only: {', '.join(known)}.")
        try:
            with seeing(EVERYTHING):
                result = run_monitors(
                    now=timezone.now(), names=names or None, wait_seconds=_PATIENCE_SECONDS
                )
        except MonitorsRunningError:
            raise CommandError("Another run has not ended within a minute.") from None
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {
                        "duration_ms": result.duration_ms,
                        "alerts_generated": result.alerts_generated,
                        "breakdown": result.breakdown,
                        "alerts": result.alerts,
                    },
                    indent=2,
                    ensure_ascii=False,
                )
            )
        else:
            self._print(result)

    def _print(self, result: MonitorsResult) -> None:
        for name, count in result.breakdown.items():
            self.stdout.write(f"{count:>5} {name}")
        for alert in result.alerts:
            since = alert["first_seen_at"][:16].replace("T", " ")
            self.stdout.write(f"{alert['severity']:>8} {alert['subject']} (since {since} UTC)")
        self.stdout.write(
            f"{len(result.alerts)} found, {result.alerts_generated} new,"
            f" in {result.duration_ms} ms."
        )
