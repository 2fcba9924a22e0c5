"""Asks a provider what it sells and how much money of ours it has, as the jobs do."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from credit.money import display_amount
from giftcards.providers import PROVIDERS, NotConfiguredError, ProviderError
from giftcards.services.floats import check_floats
from giftcards.services.provider_brands import sync_brands


class Command(BaseCommand):
    help = (
        "Reads a provider's brands and floats now, as the daily job does: once after setting it"
        " up, so that nobody waits a day, and whenever it has told of a change. Safe to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("provider", nargs="?", default="tillo", choices=sorted(PROVIDERS))

    def handle(self, *_args: Any, **options: Any) -> None:
        provider, now = options["provider"], timezone.now()
        try:
            brands = sync_brands(provider=provider, now=now)
            levels = check_floats(provider=provider, now=now)
        except NotConfiguredError as error:
            raise CommandError(str(error)) from None
        except ProviderError as error:
            code = getattr(error, "code", "")
            words = f" (code {code})" if code else ""
            raise CommandError(
                f"{PROVIDERS[provider]} gave no answer to work with{words}; what was known stays."
            ) from error
        self.stdout.write(f"{brands.listed} brands.")
        for words, slugs in (
            ("New", brands.added),
            ("Changed", brands.changed),
            ("Not sold any more", brands.stopped),
            ("Sold again", brands.resumed),
            ("Not understood, left as they were", brands.unreadable),
            ("Ours that can't be bought as their pools want them", brands.troubled),
        ):
            if slugs:
                self.stdout.write(f"{words}: {', '.join(slugs)}")
        for level in levels:
            available = display_amount(level.available_minor, level.currency)
            self.stdout.write(f"Float {level.name}: {available}")
