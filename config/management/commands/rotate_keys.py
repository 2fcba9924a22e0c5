"""After a change of keys: write every secret anew, so that the old key can go."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections import Counter
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from alerts.services.key_rotation import count_by_key, rotate_table
from config.secret_tables import SECRET_TABLES

_FAULTS_PRINTED: Final = 20


class Command(BaseCommand):
    help = (
        "Writes every secret anew that is not under the first of CARD_ENCRYPTION_KEYS, while "
        "everybody works on. Killed, it goes on where it was when started again. Prints how many "
        "secrets are under which key, and exits with 1 while one is under an older key. See "
        "docs/keys.md."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="only count; exit with 1 while an old key is used"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if not options["check"]:
            self._rotate()
        counts: Counter[str] = Counter()
        for table in SECRET_TABLES:
            counts.update(count_by_key(table))
        newest = settings.CARD_ENCRYPTION_KEYS[0][0]
        known = [key_id for key_id, _ in settings.CARD_ENCRYPTION_KEYS]
        for key_id in [*known, *sorted(counts.keys() - known)]:
            word = "newest" if key_id == newest else "old" if key_id in known else "unknown"
            self.stdout.write(f"{key_id}\t{counts[key_id]}\t{word}")
        left = counts.total() - counts[newest]
        if left:
            self.stderr.write(f"{left:,} secrets are not under the newest key: keep the others.")
            sys.exit(1)
        self.stderr.write("Every secret is under the newest key: the others may be removed.")

    def _rotate(self) -> None:
        for table in SECRET_TABLES:

            def report(rows: int, name: str = table.name) -> None:
                self.stderr.write(f"{name}: {rows:,} rows rewritten")

            rotated = rotate_table(table, after_batch=report)
            for fault in rotated.faults[:_FAULTS_PRINTED]:
                self.stderr.write(fault)
            if len(rotated.faults) > _FAULTS_PRINTED:
                more = len(rotated.faults) - _FAULTS_PRINTED
                self.stderr.write(f"{table.name}: … and {more:,} more that can't be decrypted")
            if rotated.busy_rows:
                self.stderr.write(f"{table.name}: {rotated.busy_rows:,} rows locked: run it again")
