"""Cards from a CSV file into a pool, from the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, BinaryIO

from django.core.management.base import CommandParser

from alerts.management.importing import ImportCommand
from alerts.management.naming import find_named
from alerts.services.imports import ImportReport, Mode, Progress
from giftcards.models import Pool
from giftcards.services.card_rows import FIELDS
from giftcards.services.imports import import_cards


class Command(ImportCommand):
    help = (
        "Imports the gift cards of a CSV file (code, pin, number, expires_on) into a pool. Every"
        " row is checked before any is written, and what is wrong is told by line."
    )
    fields = FIELDS

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pool", help="The pool's id, or its name where only one has it.")
        super().add_arguments(parser)

    def run(
        self,
        *,
        source: BinaryIO,
        mode: Mode,
        progress: Progress,
        mapping: dict[str, str],
        options: dict[str, Any],
    ) -> ImportReport:
        pools = Pool.objects.select_related("brand", "denomination")
        return import_cards(
            pool=find_named(pools, options["pool"]),
            source=source,
            file_name=options["file"].name,
            mode=mode,
            dry_run=options["dry_run"],
            mapping=mapping,
            actor="command",
            now=datetime.now(UTC),
            progress=progress,
        )
