from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from alerts.errors import ValidationFailedError
from alerts.transactions import transaction
from credit.models import Agency, Client
from credit.services.api_keys import SCOPES, create_api_key


class Command(BaseCommand):
    help = (
        "Make a partner's API key and print it: now or never, since only a digest is kept. "
        "Without an owner it is the platform's."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what people will know it by")
        owner = parser.add_mutually_exclusive_group()
        owner.add_argument("--client", metavar="AGENCY/CLIENT", help="slugs, by a slash")
        owner.add_argument("--agency", metavar="AGENCY", help="its slug")
        parser.add_argument(
            "--scope",
            action="append",
            dest="scopes",
            choices=SCOPES,
            required=True,
            help="what it is for; give it as often as needed",
        )
        parser.add_argument(
            "--expires", metavar="YYYY-MM-DD", help="the first day on which it is no good (UTC)"
        )

        parser.add_argument(
            "--network",
            action="append",
            default=[],
            dest="networks",
            metavar="CIDR",
            help="an address or network from which it is good, as often as needed; else from all",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = _find_owner(options["client"], options["agency"])
        try:
            expires_at = (
                datetime.strptime(options["expires"], "%Y-%m-%d").replace(tzinfo=UTC)
                if options["expires"]
                else None
            )
        except ValueError:
            raise CommandError("--expires: give a day as YYYY-MM-DD.") from None
        try:
            with transaction():
                key, secret = create_api_key(
                    name=options["name"],
                    owner=owner,
                    scopes=options["scopes"],
                    expires_at=expires_at,
                    networks=options["networks"],
                    now=datetime.now(UTC),
                )
        except ValidationFailedError as error:
            raise CommandError(
                "; ".join(f"{name}: {' '.join(words)}" for name, words in error.errors.items())
            ) from None
        self.stderr.write(f"Key {key.pk} of {owner or 'the platform'}, for {', '.join(key.scopes)}")
        # Alone on the standard output, so that a script can take it from there.
        self.stdout.write(secret)


def _find_owner(client: str | None, agency: str | None) -> Agency | Client | None:
    if agency:
        found = Agency.objects.filter(slug__iexact=agency)
        if len(found) != 1:
            raise CommandError(f"--agency: there is no agency {agency}.")
        return found[0]
    if client:
        agency_slug, _, slug = client.partition("/")
        clients = Client.objects.filter(agency__slug__iexact=agency_slug, slug__iexact=slug)
        if len(clients) != 1:
            raise CommandError(f"--client: there is no client {client}.")
        return clients[0]
    return None
