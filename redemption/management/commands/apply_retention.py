"""Empty what is about people and older than the settings say, or only tell what would go."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from alerts.services.retention import list_rules
from redemption.services.retention import apply_retention, foresee_retention

_PEOPLE = "people of campaigns that ended, as if each had asked to be forgotten"


class Command(BaseCommand):
    """What the nightly job does, by hand."""

    help = "Empty what is about people and older than the RETAIN_… settings say."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Only tell how many rows would be emptied."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_dry = options["dry_run"]
        now = timezone.now()
        counts = foresee_retention(now=now) if is_dry else apply_retention(now=now)
        about = {rule.name: (rule.setting, rule.words) for rule in list_rules()}
        about["recipients"] = ("RETAIN_RECIPIENTS", _PEOPLE)
        for name, count in counts.items():
            setting, words = about[name]
            kept = getattr(settings, setting)
            age = f"older than {kept / 86400:g} days" if kept else "kept for ever"
            self.stdout.write(f"{count:>9,}  {words} ({setting}: {age})")
        self.stdout.write("Nothing was changed." if is_dry else "Done.")
