"""Points, articles, tills and gift cards for points: does it add up?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from alerts.selectors.invariants import SHOWN
from loyalty.selectors.integrity import check_points


class Command(BaseCommand):
    help = (
        "Checks that every customer's points are the sum of their changes and follow from each"
        " other, that what is held, set aside, owed and spent on gift cards agrees. Prints what"
        " does not, and exits with 1 on any difference. Everybody may work on meanwhile."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        faults = 0
        for check in check_points(now=timezone.now()):
            invariant, broken = check.invariant, check.broken
            word = self.style.ERROR("BROKEN") if broken.count else self.style.SUCCESS("holds ")
            self.stdout.write(f"{word} {invariant.name:<28} {invariant.sentence}")
            for one in broken.ids:
                self.stdout.write(f"         {invariant.things} {one}")
            if broken.count > SHOWN:
                self.stdout.write(f"         … and {broken.count - SHOWN:,} more")
            faults += broken.count
        if faults:
            self.stdout.write(self.style.ERROR(f"\n{faults:,} differences."))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS("\nEverything adds up."))
