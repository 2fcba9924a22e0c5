"""The starter catalogue, from the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from alerts.transactions import transaction
from giftcards.services.catalogue import seed_catalogue


class Command(BaseCommand):
    help = (
        "Adds the usual brands with their values and code patterns. Safe to repeat: what is there"
        " stays as it is."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        with transaction():
            brands, values = seed_catalogue()
        self.stdout.write(f"Added {brands} brands and {values} values.")
