"""Recipients without names, for the codes they get: for a test, a demo, an event."""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.management.naming import find_named
from alerts.management.private_files import new_private_file
from alerts.transactions import transaction
from redemption.codes import format_code
from redemption.models import Campaign
from redemption.services.recipients import add_recipient

_MOST: Final = 10_000


class Command(BaseCommand):
    help = "Adds recipients with fresh redemption codes to a campaign and prints the codes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", help="The campaign's id, or its name if only one has it.")
        parser.add_argument(
            "--count", type=int, default=1, help=f"How many, 1 to {_MOST:,} (1 unless told)."
        )
        parser.add_argument(
            "--csv", type=Path, metavar="FILE", help="Write the codes into this new CSV file."
        )
        parser.add_argument(
            "--test", action="store_true", help="Test codes: they take no card and no money."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if not 1 <= options["count"] <= _MOST:
            raise CommandError(f"--count: between 1 and {_MOST:,}. More come from a file.")
        campaign = find_named(Campaign.objects.all(), options["campaign"])
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(new_private_file(options["csv"])) if options["csv"] else None
            with transaction():
                codes = [
                    format_code(add_recipient(campaign=campaign, is_test=options["test"])[1])
                    for _ in range(options["count"])
                ]
                if file is not None:
                    csv.writer(file).writerows([["redemption_code"], *([code] for code in codes)])
        if options["csv"]:
            self.stdout.write(f"{len(codes):,} codes are in {options['csv']}.")
        else:
            self.stdout.write("\n".join(codes))
