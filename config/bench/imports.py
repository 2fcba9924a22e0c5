"""Bringing cards in: the importer beside bulk_create, each on the same lines of a file."""

from __future__ import annotations

import csv
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

from django.db import connections

from alerts.transactions import transaction
from config.bench.course import Course
from config.bench.machine import cpu_seconds_below, postgres_cpu_seconds
from config.bench.measure import Sample
from credit.models import Agency, Client
from giftcards.models import Brand, Denomination, GiftCard, Pool
from giftcards.services.secrets import seal_code, seal_field
from giftcards.services.stock import draw_claim_key, expiry_bucket_of

_HEADER: Final = ("code", "pin", "expires_on")
_EXPIRES_ON: Final = "2099-12-31"
_BLOCK: Final = 1_000
_NOT_TIMED: Final = float("nan")
# A process of its own, so that its peak of memory is the import's and nobody else's.
_PROGRAM: Final = r"""
import os, re, sys, time
from pathlib import Path
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django
django.setup()
from django.core.management import call_command
from alerts.scope import EVERYTHING, seeing
began = time.perf_counter(), time.process_time()
with seeing(EVERYTHING):
    call_command("import_cards", sys.argv[1], sys.argv[2], stdout=open(os.devnull, "w"))
seconds, spent = time.perf_counter() - began[0], time.process_time() - began[1]
# Not getrusage, whose peak begins with that of the process which started this one.
status = Path("/proc/self/status")
peak = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
print(seconds, spent, peak[1] if peak else "nan")
"""


class Imports:
    """Pools to fill, and files to fill them from."""

    def __init__(self, course: Course, *, folder: Path) -> None:
        self.course = course
        self.folder = folder
        # Megabytes, the most that any import so far has taken.
        self.peak_mb = 0.0
        self._pools = 0

    def run_importer(self) -> Sample:
        """Import a file by the command, in a process of its own."""
        rows = self.course.import_rows
        pool, file = self._make_pool(), self._write_file(rows)
        server = postgres_cpu_seconds()
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(pool.pk), str(file)],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        file.unlink()
        count = GiftCard.objects.filter(pool=pool).count()
        if done.returncode or count != rows:
            return _sample(rows, 0, {f"status {done.returncode}, {count:,} cards": 1}, {})
        seconds, spent, peak_kb = (float(figure) for figure in done.stdout.split())
        self.peak_mb = max(self.peak_mb, peak_kb / 1024)
        cpu = {"PostgreSQL": postgres_cpu_seconds() - server, "Python": spent}
        return _sample(rows, seconds, {}, cpu)

    def run_bulk_create(self) -> Sample:
        """Write cards as Django does: sealed by the same functions, a thousand a statement."""
        rows = self.course.bulk_rows
        pool, file = self._make_pool(), self._write_file(rows)
        server, own = postgres_cpu_seconds(), cpu_seconds_below(os.getpid())
        began = time.perf_counter()
        with file.open(newline="") as lines, transaction():
            cards = _cards_of(pool, csv.DictReader(lines))
            while block := list(itertools.islice(cards, _BLOCK)):
                GiftCard.objects.bulk_create(block)
        seconds = time.perf_counter() - began
        spent = cpu_seconds_below(os.getpid()) - own
        server = postgres_cpu_seconds() - server
        file.unlink()
        # The server's processes are below this one, where it is the bench's own.
        return _sample(rows, seconds, {}, {"PostgreSQL": server, "Python": spent - server})

    def _make_pool(self) -> Pool:
        """Make a pool of a brand of its own, and have the table tidied up."""
        self._pools += 1
        name = f"Imports {self._pools}"
        agency = Agency.objects.create(name=name, slug=f"imports-{self._pools}-agency")
        client = Client.objects.create(
            agency=agency, name=name, slug=f"imports-{self._pools}-client"
        )
        brand = Brand.objects.create(name=name, slug=f"imports-{self._pools}")
        worth = Denomination.objects.create(brand=brand, value_minor=2500, currency="USD")
        with connections["owner"].cursor() as cursor:
            cursor.execute("VACUUM ANALYZE giftcards_giftcard")
            cursor.execute("VACUUM giftcards_stagedcard")
        return Pool.objects.create(
            name=name, brand=brand, denomination=worth, kind=Pool.Kind.CLIENT, client=client
        )

    def _write_file(self, rows: int) -> Path:
        file = self.folder / f"cards-{self._pools}.csv"
        with file.open("w", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(_HEADER)
            # Codes of a supplier's kind: no order in them, each once.
            writer.writerows(
                (f"{number * 2654435761 % 2**40:010X}-{number:08d}", f"{number % 10000:04d}",
                 _EXPIRES_ON)
                for number in range(rows)
            )  # fmt: skip
        return file


def _cards_of(pool: Pool, rows: csv.DictReader[str]) -> Iterator[GiftCard]:
    for row in rows:
        sealed = seal_code(row["code"])
        expires_on = date.fromisoformat(row["expires_on"])
        yield GiftCard(
            pool=pool,
            brand_id=pool.brand_id,
            client_id=pool.client_id,
            code_encrypted=sealed.encrypted,
            code_digest=sealed.digest,
            last4=sealed.last4,
            pin_encrypted=seal_field(row["pin"], field="pin"),
            value_minor=pool.denomination.value_minor,
            currency=pool.denomination.currency,
            status=GiftCard.Status.AVAILABLE,
            source=GiftCard.Source.UPLOAD,
            expires_on=expires_on,
            expiry_bucket=expiry_bucket_of(expires_on),
            claim_key=draw_claim_key(),
        )


def _sample(rows: int, seconds: float, errors: dict[str, int], cpu: dict[str, float]) -> Sample:
    return Sample(
        rate=rows / seconds if seconds else 0.0,
        p50_ms=_NOT_TIMED,
        p95_ms=_NOT_TIMED,
        p99_ms=_NOT_TIMED,
        errors=errors,
        cpu_us={who: spent * 1e6 / rows for who, spent in cpu.items()},
    )
