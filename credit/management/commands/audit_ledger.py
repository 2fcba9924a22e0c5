"""The ledger, account by account: does it add up?"""

from __future__ import annotations

import sys
from typing import Any, Final

from django.core.management.base import BaseCommand
from django.utils import timezone

from credit.money import format_amount
from credit.selectors.ledger_audit import EXAMPLES, AuditedAccount, FaultKind
from credit.services.ledger_audit import audit_ledger

_ROW: Final = "{:<40.40} {:<9} {:>10} {:>3} {:>18} {:>18} {:>14}"


class Command(BaseCommand):
    help = (
        "Checks that every account's and slot's balance is the sum of its entries, that each"
        " balance follows from the one before, that every transaction sums to zero in one currency"
        " and is settled once. Prints a table; on any difference it raises a critical alert and"
        " exits with 1. Everybody may work on meanwhile."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        self._print("account", "level", "entries", "", "balance", "sum of entries", "difference")
        audit = audit_ledger(now=timezone.now(), on_account=self._print_account)
        self.stdout.write(f"\n{audit.accounts:,} accounts, {audit.entries:,} entries.")
        if not audit.faults:
            self.stdout.write(self.style.SUCCESS("Everything adds up."))
            return
        for kind in audit.faults:
            self._print_faults(kind)
        self.stdout.write(self.style.ERROR("The ledger does not add up. A critical alert is open."))
        sys.exit(1)

    def _print_account(self, account: AuditedAccount) -> None:
        currency = account.currency
        balance, difference = account.balance_minor, account.difference_minor
        self._print(
            account.name,
            account.level,
            f"{account.entries:,}",
            currency,
            "-" if balance is None else format_amount(balance, currency),
            format_amount(account.sum_minor, currency),
            format_amount(difference, currency) if difference else "",
        )

    def _print(self, *cells: str) -> None:
        self.stdout.write(_ROW.format(*cells).rstrip())

    def _print_faults(self, kind: FaultKind) -> None:
        self.stdout.write(self.style.ERROR(f"\n{kind.sentence} ({kind.count:,}):"))
        for fault in kind.examples:
            self.stdout.write(f"  {fault}")
        if kind.count > EXAMPLES:
            self.stdout.write(f"  … and {kind.count - EXAMPLES:,} more")
