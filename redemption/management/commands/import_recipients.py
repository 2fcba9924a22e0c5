"""Recipients from a CSV file into a campaign, from the command line."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import CommandParser

from alerts.management.importing import ImportCommand
from alerts.management.naming import find_named
from alerts.management.private_files import new_private_file
from alerts.services.imports import ImportReport, Mode, Progress
from redemption.models import Campaign
from redemption.services.imports import import_recipients
from redemption.services.recipient_rows import FIELDS


class Command(ImportCommand):
    help = (
        "Adds the people of a CSV file to a campaign; who has no redemption code gets a new one."
        " Every row is checked before any is written, and what is wrong is told by line."
    )
    fields = FIELDS

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("campaign", help="The campaign's id, or its name if only one has it.")
        super().add_arguments(parser)
        parser.add_argument(
            "--codes-out",
            type=Path,
            metavar="FILE",
            help="Write the imported people with their redemption codes here, as CSV.",
        )

    def run(
        self,
        *,
        source: BinaryIO,
        mode: Mode,
        progress: Progress,
        mapping: dict[str, str],
        options: dict[str, Any],
    ) -> ImportReport:
        campaign = find_named(Campaign.objects.all(), options["campaign"])
        with contextlib.ExitStack() as stack:
            codes_out = None
            if options["codes_out"] and not options["dry_run"]:
                codes_out = stack.enter_context(new_private_file(options["codes_out"]))
            return import_recipients(
                campaign=campaign,
                source=source,
                mode=mode,
                dry_run=options["dry_run"],
                now=datetime.now(UTC),
                file_name=options["file"].name,
                actor="command",
                mapping=mapping,
                progress=progress,
                codes_out=codes_out,
            )
