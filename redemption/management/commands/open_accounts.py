"""Accounts for everybody who lacks one, with opening balances: the way in from another system."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from alerts.csvfiles import FileProblem
from alerts.errors import ServiceError
from credit.money import UnknownCurrencyError, display_amount, minor_digits
from redemption.services.opening import OpenedAccount, OpeningReport, open_accounts


class Command(BaseCommand):
    help = (
        "Opens the account of every agency, client and isolated campaign that lacks one, and gives"
        " opening balances from a CSV file (level, name, amount). Safe to repeat: an account gets"
        " its opening balance once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--csv", type=Path, metavar="FILE", help="The opening balances.")
        parser.add_argument(
            "--currency",
            default="USD",
            help="Of agencies that have no account yet; those below keep theirs (USD unless told).",
        )
        parser.add_argument("--dry-run", action="store_true", help="Check and tell, write nothing.")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            minor_digits(options["currency"])
            with contextlib.ExitStack() as stack:
                source = stack.enter_context(options["csv"].open("rb")) if options["csv"] else None
                report = open_accounts(
                    source=source,
                    currency=options["currency"],
                    dry_run=options["dry_run"],
                    now=datetime.now(UTC),
                )
        except OSError as error:
            raise CommandError(f"{options['csv']}: {error.strerror}.") from None
        except UnknownCurrencyError as error:
            raise CommandError(f"--currency: {error}") from None
        except FileProblem as problem:
            raise CommandError(f"{options['csv']}: {problem}") from None
        except ServiceError as error:
            raise CommandError(f"Nothing was written: {error} {error.code.action}") from error
        self._print(report, dry_run=options["dry_run"])
        if report.problems:
            raise CommandError("Nothing was written. Mend the lines above and run it again.")

    def _print(self, report: OpeningReport, *, dry_run: bool) -> None:
        for problem in report.problems:
            where = f"line {problem.line}" + (f", {problem.field}" if problem.field else "")
            self.stdout.write(f"  {self.style.ERROR(where)}: {problem.message}")
        if report.problems:
            return
        width = max((len(account.name) for account in report.accounts), default=0)
        for account in report.accounts:
            opened = _said("opened", dry_run=dry_run) if account.is_new else "is there"
            self.stdout.write(
                f"  {account.level:<10}{account.name:<{width}}  {opened:<16}"
                f"{_balance_words(account, dry_run=dry_run)}".rstrip()
            )
        new = sum(account.is_new for account in report.accounts)
        self.stdout.write(
            f"  {new:,} of {len(report.accounts):,} accounts {_said('opened', dry_run=dry_run)}."
        )
        for currency in sorted({account.currency for account in report.accounts}):
            total = sum(a.given_minor for a in report.accounts if a.currency == currency)
            self.stdout.write(
                f"  {display_amount(total, currency)} {_said('issued', dry_run=dry_run)}."
            )


def _balance_words(account: OpenedAccount, *, dry_run: bool) -> str:
    if account.given_minor:
        amount = display_amount(account.given_minor, account.currency)
        return f"{amount} {_said('given', dry_run=dry_run)}"
    if account.given_before_minor:
        return f"{display_amount(account.given_before_minor, account.currency)} given before"
    return ""


def _said(word: str, *, dry_run: bool) -> str:
    return f"would be {word}" if dry_run else word
