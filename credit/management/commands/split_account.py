"""A hot account's balance in slots, and back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from alerts.errors import ServiceError
from alerts.management.naming import find_named
from credit.models import Account
from credit.money import display_amount
from credit.selectors.balances import balance_of
from credit.services.slots import USUAL_SLOTS, merge_account, split_account


class Command(BaseCommand):
    help = (
        "Splits an account's balance into slots, so that it can pay more than about 300 times a"
        " second; --merge makes it one number again. Nobody's money changes, and it may be done"
        " while the account is in use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="The account's id, or its name if only one has it.")
        how = parser.add_mutually_exclusive_group()
        how.add_argument(
            "--slots",
            type=int,
            default=USUAL_SLOTS,
            help=f"How many, about as many as calls at the same time ({USUAL_SLOTS} unless told).",
        )
        how.add_argument("--merge", action="store_true", help="One number again.")

    def handle(self, *_args: Any, **options: Any) -> None:
        accounts = Account.objects.exclude(level=Account.Level.PLATFORM)
        account = find_named(accounts, options["account"])
        now = timezone.now()
        try:
            if options["merge"]:
                merge_account(account_id=account.pk, actor="system", now=now)
            else:
                split_account(
                    account_id=account.pk, slots=options["slots"], actor="system", now=now
                )
        except ServiceError as error:
            words = [word for field in error.errors.values() for word in field]
            raise CommandError(" ".join(words) or str(error)) from None
        account.refresh_from_db()
        kept = f"in {account.slot_count} slots" if account.slot_count else "as one number"
        amount = display_amount(balance_of(account.pk), account.currency)
        self.stdout.write(f"{account.name} holds {amount}, kept {kept}.")
