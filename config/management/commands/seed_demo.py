"""The demo's data, made the same way each time."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo_data.access import seed_access
from config.demo_data.campaigns import seed_campaigns
from config.demo_data.codes import seed_codes, seed_provider_codes
from config.demo_data.doors import seed_doors
from config.demo_data.history import seed_history
from config.demo_data.looks import seed_look
from config.demo_data.loyalty import describe_shop, seed_loyalty
from config.demo_data.organisations import seed_organisations
from config.demo_data.report import describe_world
from config.demo_data.stock import seed_stock
from config.demo_data.terms import seed_terms
from config.envfile import write_private_file
from config.progress import step


class Command(BaseCommand):
    help = (
        "Makes the demo's data: organisations, credit, cards, campaigns, people, log-ins and seven"
        " months of history. Safe to repeat: it adds what is missing, and codes until there are"
        " twenty unused ones."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", type=Path, required=True, help="Write the log-ins, keys and codes here."
        )
        parser.add_argument(
            "--previous", type=Path, help="The file of a former start: what it gave out stays good."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        previous = _read_previous(options["previous"])
        now = datetime.now(UTC)
        # Seven months in seconds: each line of the log would be about somebody's past.
        logging.disable(logging.ERROR)
        try:
            with step("Organisations, accounts, credit and a look"):
                calendar = seed_organisations(now=now)
                seed_look(now=now)
            with step("Log-ins and keys"):
                access = seed_access(calendar=calendar, previous=previous, now=now)
            with step("Brands, pools and cards"):
                seed_stock(calendar=calendar)
            with step("Campaigns and the people they invite"):
                seed_campaigns(calendar=calendar)
            with step("Markups, prices and warnings"):
                seed_terms(calendar=calendar)
            with step("Seven months of redemptions and texts"):
                seed_history(calendar=calendar)
            with step("A call and an event of today"):
                seed_doors(now=now)
            with step("A shop with points and a month of checkouts"):
                seed_loyalty(now=now)
            with step("Codes to try"):
                codes = seed_codes() | seed_provider_codes()
        finally:
            logging.disable(logging.NOTSET)
        world = {**access, **describe_world(), **describe_shop(), **codes}
        write_private_file(options["json"], json.dumps(world, indent=2) + "\n")


def _read_previous(path: Path | None) -> dict[str, Any]:
    """Return what a former start has written; nothing when there is no such file."""
    if path is None or not path.exists():
        return {}
    try:
        previous = json.loads(path.read_text())
    except ValueError:
        raise CommandError(f"{path} is not the JSON file of a former start.") from None
    if not isinstance(previous, dict):
        raise CommandError(f"{path} is not the JSON file of a former start.")
    return previous
